//! The walk that most passes make: every node once, inputs before the nodes that read them.
//!
//! Plans are graphs, not trees: a frame that is used twice is one sub-plan with two consumers. It is rewritten
//! once, so a chain of self-joins costs no more than its nodes, and its consumers go on sharing it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Result;
use crate::plan::{Plan, PlanRef};

/// The plans with `rewrite` applied to every node over its rewritten inputs.
pub(super) fn bottom_up(
    plans: &[PlanRef],
    rewrite: &dyn Fn(PlanRef) -> Result<PlanRef>,
) -> Result<Vec<PlanRef>> {
    let mut done = HashMap::new();
    plans.iter().map(|plan| visit(plan, rewrite, &mut done)).collect()
}

/// `done` is keyed by address; the nodes live as long as the plans that the caller holds.
fn visit(
    plan: &PlanRef,
    rewrite: &dyn Fn(PlanRef) -> Result<PlanRef>,
    done: &mut HashMap<*const Plan, PlanRef>,
) -> Result<PlanRef> {
    if let Some(known) = done.get(&Arc::as_ptr(plan)) {
        return Ok(Arc::clone(known));
    }
    let inputs = plan.inputs().into_iter().map(|input| visit(input, rewrite, done)).collect::<Result<_>>()?;
    let made = rewrite(Plan::with_inputs(plan, inputs)?)?;
    done.insert(Arc::as_ptr(plan), Arc::clone(&made));
    Ok(made)
}
