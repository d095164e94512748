//! A group-by: one row per distinct combination of the keys, with aggregates of the rows in it. Without keys,
//! exactly one row.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use super::{Node, Plan, PlanRef, check_unique, columns_of};
use crate::error::{Result, Step};
use crate::expr::{AggregateCall, Expr};

#[derive(Clone, Debug)]
pub(crate) struct GroupBy {
    pub(crate) input: PlanRef,
    pub(crate) keys: Vec<Expr>,
    pub(crate) aggregates: Vec<AggregateCall>,
}

impl GroupBy {
    /// # Errors
    /// A key or an argument does not bind, a type has no such aggregate, or two outputs share a name.
    pub(crate) fn plan(
        input: PlanRef,
        keys: Vec<Expr>,
        aggregates: Vec<AggregateCall>,
        step: Step,
    ) -> Result<PlanRef> {
        let mut fields = Vec::with_capacity(keys.len() + aggregates.len());
        for key in &keys {
            let bound = key.bind(&input.schema)?;
            fields.push(Field::new(key.output_name(), bound.data_type().clone(), bound.nullable()));
        }
        for call in &aggregates {
            fields.push(Field::new(&call.name, call.plan(&input.schema)?.result_type().clone(), true));
        }
        check_unique(fields.iter().map(|field| field.name().as_str()))?;
        let schema = Arc::new(Schema::new(fields));
        Ok(Plan::new(Node::GroupBy(GroupBy { input, keys, aggregates }), schema, step))
    }

    pub(crate) fn columns_used(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for key in &self.keys {
            used.extend(columns_of(key));
        }
        for call in self.aggregates.iter().filter(|call| wanted.contains(&call.name)) {
            for argument in &call.arguments {
                used.extend(columns_of(argument));
            }
        }
        used
    }
}
