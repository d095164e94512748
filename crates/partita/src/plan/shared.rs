//! A sub-plan that several consumers read and that runs once. Only the optimizer makes these.

use super::{Node, Plan, PlanRef};
use crate::error::Step;

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) input: PlanRef,
    /// Equal for all consumers of the one sub-plan.
    pub(crate) id: usize,
}

impl Shared {
    pub(crate) fn plan(input: PlanRef, id: usize, step: Step) -> PlanRef {
        let schema = input.schema.clone();
        Plan::new(Node::Shared(Shared { input, id }), schema, step)
    }
}
