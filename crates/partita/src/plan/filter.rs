//! A filter: the rows for which a boolean expression is true; false and null drop the row.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;

use super::{Node, Plan, PlanRef, columns_of};
use crate::error::{Error, Result, Step, type_name};
use crate::expr::Expr;

#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) input: PlanRef,
    pub(crate) predicate: Expr,
}

impl Filter {
    /// # Errors
    /// The predicate does not bind, aggregates rows, or is not boolean.
    pub(crate) fn plan(input: PlanRef, predicate: Expr, step: Step) -> Result<PlanRef> {
        if predicate.has_aggregate() {
            return Err(Error::invalid(format!(
                "`{predicate}` aggregates rows, so it cannot filter them one by one; aggregate first, then merge"
            )));
        }
        let bound = predicate.bind(&input.schema)?;
        if !matches!(bound.data_type(), DataType::Boolean | DataType::Null) {
            return Err(Error::type_clash(
                &predicate,
                format!(
                    "a filter needs a boolean expression but this one is {}",
                    type_name(bound.data_type())
                ),
            ));
        }
        let schema = input.schema.clone();
        Ok(Plan::new(Node::Filter(Filter { input, predicate }), schema, step))
    }

    pub(crate) fn columns_used(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut used = columns_of(&self.predicate);
        used.extend(wanted.iter().cloned());
        used
    }
}
