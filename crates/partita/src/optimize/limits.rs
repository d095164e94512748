//! Limits: the first rows of a sort are a top-k, limits go below projections and into concats and scans.

use super::rewrite::bottom_up;
use crate::error::Result;
use crate::plan::{Concat, Node, Plan, PlanRef, Range, Scan, Slice, Sort, TOP_K_MAX};

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    bottom_up(&plans, &limit_inputs)
}

fn limit_inputs(plan: PlanRef) -> Result<PlanRef> {
    match &plan.node {
        Node::Slice(Slice { input, range: Range::First { offset, len } }) => {
            let below = limited(input, offset.saturating_add(*len))?;
            Ok(Slice::plan(below, Range::First { offset: *offset, len: *len }, plan.step))
        }
        _ => Ok(plan),
    }
}

/// The plan, which need not give more than its first `rows` rows.
fn limited(plan: &PlanRef, rows: usize) -> Result<PlanRef> {
    match &plan.node {
        Node::Project(node) => Plan::with_inputs(plan, vec![limited(&node.input, rows)?]),
        Node::Slice(node) => match node.range {
            Range::First { offset, len } => {
                let len = len.min(rows);
                let input = limited(&node.input, offset.saturating_add(len))?;
                Ok(Slice::plan(input, Range::First { offset, len }, plan.step))
            }
            Range::Last { .. } => Ok(plan.clone()),
        },
        Node::Sort(node) if rows <= TOP_K_MAX => {
            let limit = node.limit.map_or(rows, |limit| limit.min(rows));
            Sort::plan(node.input.clone(), node.keys.clone(), Some(limit), plan.step)
        }
        Node::Concat(node) => {
            let step = plan.step;
            let inputs = node.inputs.iter().map(|input| {
                Ok(Slice::plan(limited(input, rows)?, Range::First { offset: 0, len: rows }, step))
            });
            Concat::plan(inputs.collect::<Result<Vec<_>>>()?, step)
        }
        Node::Scan(scan) => {
            let limit = Some(scan.limit.map_or(rows, |limit| limit.min(rows)));
            Scan { limit, ..scan.clone() }.into_plan(plan.step)
        }
        _ => Ok(plan.clone()),
    }
}
