//! The same rows in the same order, cut into another number of partitions of nearly equal rows.

use super::{Node, Plan, PlanRef};
use crate::error::{Error, Result, Step};

#[derive(Clone, Debug)]
pub(crate) struct Repartition {
    pub(crate) input: PlanRef,
    pub(crate) partitions: usize,
}

impl Repartition {
    /// # Errors
    /// The number of partitions is zero or beyond a million.
    pub(crate) fn plan(input: PlanRef, partitions: usize, step: Step) -> Result<PlanRef> {
        if !(1..=1_000_000).contains(&partitions) {
            return Err(Error::invalid(format!(
                "repartition takes a number of partitions from 1 to 1,000,000, not {partitions}"
            )));
        }
        let schema = input.schema.clone();
        Ok(Plan::new(Node::Repartition(Repartition { input, partitions }), schema, step))
    }
}
