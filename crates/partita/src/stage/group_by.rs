//! Lowering of group-by and distinct: partial work, an exchange by hash of the keys, final work.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::lower::{Lowering, Open, open};
use super::{Pipeline, Sink, Source};
use crate::error::{Result, column_index};
use crate::exchange::HashKeys;
use crate::expr::Expr;
use crate::op::{FinalDistinct, KeepRow, MergeGroups, Operator, PartialDistinct, PartialGroups};
use crate::plan::{Distinct, GroupBy, Keep, PlanRef};

/// Columns hashed as they are.
fn hash_keys(columns: Vec<usize>, schema: &SchemaRef) -> HashKeys {
    let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
    HashKeys { columns, types }
}

/// Keys that lie in the files as codes of dictionaries are read as such where the rows come straight from the files, and
/// nothing but the grouping looks at them: each text is then looked up once, not in every row.
fn read_keys_as_codes(input: &mut Open, node: &GroupBy) -> Result<()> {
    let [Pipeline { source: Source::Scan { source, request, .. }, steps, schema, .. }] =
        input.pipelines.as_mut_slice()
    else {
        return Ok(());
    };
    if !steps.is_empty() {
        return Ok(());
    }
    let arguments = node.aggregates.iter().flat_map(|call| &call.arguments);
    let others = arguments.chain(node.keys.iter().filter(|key| key.as_column().is_none()));
    let looked_at: Vec<Arc<str>> = others.flat_map(Expr::columns_used).collect();
    for name in node.keys.iter().filter_map(|key| key.as_column()) {
        let column = column_index(source.schema(), name)?;
        // Numbers are packed into keys as they are.
        let is_number = source.schema().field(column).data_type().is_primitive();
        if !is_number
            && !looked_at.contains(name)
            && !request.coded.contains(&column)
            && source.is_coded(column)
        {
            request.coded.push(column);
        }
    }
    if !request.coded.is_empty() {
        *schema = request.output(source.schema())?;
        input.schema = Arc::clone(schema);
    }
    Ok(())
}

impl Lowering {
    pub(super) fn lower_group_by(&mut self, node: &GroupBy, plan: &PlanRef) -> Result<Open> {
        let (schema, step) = (&plan.schema, plan.step);
        let mut input = self.lower(&node.input)?;
        let rows = input.schema.clone();
        read_keys_as_codes(&mut input, node)?;
        let partial = PartialGroups::new(&node.keys, &node.aggregates, &rows, &input.schema, step)?;
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
