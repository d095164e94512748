//! Constant folding: an expression over literals is computed once, and a filter that is always true goes.

use super::rewrite::bottom_up;
use crate::error::Result;
use crate::plan::{Filter, Node, PlanRef, Project};

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    bottom_up(&plans, &fold)
}

fn fold(plan: PlanRef) -> Result<PlanRef> {
    match &plan.node {
        Node::Filter(node) => {
            let predicate = node.predicate.fold_constants(&node.input.schema);
            if predicate.as_literal_bool() == Some(true) {
                return Ok(node.input.clone());
            }
            Filter::plan(node.input.clone(), predicate, plan.step)
        }
        Node::Project(node) => {
            let fold = |expr: &crate::expr::Expr| {
                let folded = expr.fold_constants(&node.input.schema);
                let name = expr.output_name();
                if folded.output_name() == name { folded } else { folded.alias(name) }
            };
            Project::plan(node.input.clone(), node.exprs.iter().map(fold).collect(), plan.step)
        }
        _ => Ok(plan),
    }
}
