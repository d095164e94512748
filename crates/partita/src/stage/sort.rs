//! Lowering of sorts: sorted runs, an exchange by key range, merges; or, with a small limit, the best rows of
//! each partition and then the best of those.

use std::sync::Arc;

use partita_kernels::sort::SortOptions;

use super::lower::{Lowering, Open, open};
use super::{PipelineStep, Sink, Source};
use crate::error::Result;
use crate::exchange::SortSpec;
use crate::expr::Expr;
use crate::op::{TakeRows, TopK};
use crate::plan::{PlanRef, Sort, TOP_K_MAX};

impl Lowering {
    pub(super) fn lower_sort(&mut self, node: &Sort, plan: &PlanRef) -> Result<Open> {
        let (input, step) = (self.lower(&node.input)?, plan.step);
        let schema = Arc::clone(&input.schema);
        let keys: Vec<(Expr, SortOptions)> = node
            .keys
            .iter()
            .map(|key| {
                let options = SortOptions { descending: key.descending, nulls_first: key.nulls_first };
                (key.expr.clone(), options)
            })
            .collect();
        let label = node.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if let Some(rows) = node.limit.filter(|&rows| rows <= TOP_K_MAX) {
            let mut best = input.then(TopK::new(&keys, rows, &label, &schema, step)?);
            self.expect_of(&mut best, plan);
            return Ok(self.gather(best).then(TopK::new(&keys, rows, &label, &schema, step)?));
        }
        let spec = Arc::new(SortSpec::new(&keys, label, &schema, step)?);
        let stage = self.close(input, Sink::Sort(spec));
        let mut sorted = open(Source::Sorted(stage), &schema);
        if let Some(rows) = node.limit {
            sorted = sorted.then(TakeRows { rows, schema: Arc::clone(&schema), step });
            self.expect_of(&mut sorted, plan);
            sorted
                .pipelines
                .iter_mut()
                .for_each(|pipeline| pipeline.push_hint(PipelineStep::Enough { rows }));
            sorted = self.gather(sorted).then(TakeRows { rows, schema, step });
        }
        Ok(sorted)
    }
}
