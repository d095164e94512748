//! Distinct rows: of the rows that agree in some columns, the first, the last, or only those that agree with
//! no other.

use std::collections::BTreeSet;

use super::{Node, Plan, PlanRef, column_index};
use crate::error::{Error, Result, Step};

/// Which of several equal rows `drop_duplicates` keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The first in the frame's order.
    #[default]
    First,
    /// The last in the frame's order.
    Last,
    /// None: only rows that occur once stay.
    None,
}

#[derive(Clone, Debug)]
pub(crate) struct Distinct {
    pub(crate) input: PlanRef,
    /// The columns that are compared.
    pub(crate) subset: Vec<String>,
    pub(crate) keep: Keep,
}

impl Distinct {
    /// # Errors
    /// A column of the subset does not exist, or the subset is empty.
    pub(crate) fn plan(input: PlanRef, subset: Vec<String>, keep: Keep, step: Step) -> Result<PlanRef> {
        if subset.is_empty() {
            return Err(Error::invalid("drop_duplicates needs at least one column to compare"));
        }
        for name in &subset {
            column_index(&input.schema, name)?;
        }
        let schema = input.schema.clone();
        Ok(Plan::new(Node::Distinct(Distinct { input, subset, keep }), schema, step))
    }

    pub(crate) fn columns_used(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut used = wanted.clone();
        used.extend(self.subset.iter().cloned());
        used
    }
}
