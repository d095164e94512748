//! A projection: new columns from expressions, row by row. `select`, `assign`, `rename`, `drop`, `astype` and
//! `fillna` all become this node.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};

use super::{Node, Plan, PlanRef, check_unique, columns_of};
use crate::error::{Error, Result, Step};
use crate::expr::{BoundList, Expr};

#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) input: PlanRef,
    pub(crate) exprs: Vec<Expr>,
}

impl Project {
    /// # Errors
    /// An expression does not bind, aggregates rows, or shares its name with another.
    pub(crate) fn plan(input: PlanRef, exprs: Vec<Expr>, step: Step) -> Result<PlanRef> {
        if let Some(expr) = exprs.iter().find(|expr| expr.has_aggregate()) {
            return Err(Error::invalid(format!(
                "`{expr}` aggregates rows; use it in `groupby(...).agg` or in `agg`"
            )));
        }
        let bound = BoundList::bind(&exprs, &input.schema)?;
        let fields: Vec<Field> =
            exprs.iter().enumerate().map(|(index, expr)| bound.field(index, &expr.output_name())).collect();
        check_unique(fields.iter().map(|field| field.name().as_str()))?;
        Ok(Plan::new(Node::Project(Project { input, exprs }), Arc::new(Schema::new(fields)), step))
    }

    pub(crate) fn columns_used(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for expr in self.exprs.iter().filter(|expr| wanted.contains(&expr.output_name())) {
            used.extend(columns_of(expr));
        }
        used
    }
}
