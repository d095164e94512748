//! Lowering of group-by and distinct: partial work, an exchange by hash of the keys, final work.

use arrow::datatypes::SchemaRef;

use super::lower::{Lowering, Open, open};
use super::{Sink, Source};
use crate::error::{Result, column_index};
use crate::exchange::HashKeys;
use crate::op::{FinalDistinct, KeepRow, MergeGroups, Operator, PartialDistinct, PartialGroups};
use crate::plan::{Distinct, GroupBy, Keep, PlanRef};

/// Columns hashed as they are.
fn hash_keys(columns: Vec<usize>, schema: &SchemaRef) -> HashKeys {
    let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
    HashKeys { columns, types }
}

impl Lowering {
    pub(super) fn lower_group_by(&mut self, node: &GroupBy, plan: &PlanRef) -> Result<Open> {
        let (schema, step) = (&plan.schema, plan.step);
        let input = self.lower(&node.input)?;
        let rows = input.schema.clone();
        let partial = PartialGroups::new(&node.keys, &node.aggregates, &rows, step)?;
        let merge = MergeGroups::new(&node.keys, &node.aggregates, &rows, schema.clone(), step)?;
        let states = partial.schema().clone();
        let columns: Vec<usize> = (0..node.keys.len()).collect();
        let mut input = input.then(partial);
        self.expect_of(&mut input, plan);
        let stage = self.close(input, Sink::Hash(hash_keys(columns, &states)));
        Ok(open(Source::Buckets(stage), &states).then(merge))
    }

    pub(super) fn lower_distinct(&mut self, node: &Distinct, plan: &PlanRef) -> Result<Open> {
        let (mut input, step) = (self.lower(&node.input)?, plan.step);
        let schema = input.schema.clone();
        let keys = node.subset.iter().map(|name| column_index(&schema, name)).collect::<Result<Vec<_>>>()?;
        let keep = match node.keep {
            Keep::First => KeepRow::First,
            Keep::Last => KeepRow::Last,
            Keep::None => KeepRow::Unique,
        };
        if keep == KeepRow::First {
            input = input.then(PartialDistinct { keys: keys.clone(), schema: schema.clone(), step });
            self.expect_of(&mut input, plan);
        }
        let stage = self.close(input, Sink::Hash(hash_keys(keys.clone(), &schema)));
        Ok(open(Source::Buckets(stage), &schema).then(FinalDistinct { keys, keep, schema, step }))
    }
}
