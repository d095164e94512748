//! Which side of an inner join is built: the right one, unless the left one is known to be much smaller; then
//! the sides change places, and the output columns keep theirs.

use super::rewrite::bottom_up;
use crate::error::Result;
use crate::plan::{How, Join, JoinColumn, JoinSide, Node, PlanRef, Range};

/// The left side is built instead if it is estimated to be so many times smaller.
const MUCH_SMALLER: f64 = 2.0;
/// Estimated share of the rows that pass a filter.
const FILTER_SHARE: f64 = 0.3;
/// Estimated share of the rows that are groups of their own.
const GROUP_SHARE: f64 = 0.2;

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    bottom_up(&plans, &with_smaller_build)
}

fn with_smaller_build(plan: PlanRef) -> Result<PlanRef> {
    let Node::Join(join) = &plan.node else { return Ok(plan) };
    match (join.how, rows(&join.left), rows(&join.right)) {
        (How::Inner, Some(left), Some(right)) if left * MUCH_SMALLER < right => {
            swapped(join).into_plan(plan.step)
        }
        _ => Ok(plan),
    }
}

fn swapped(join: &Join) -> Join {
    let output = join
        .output
        .iter()
        .map(|column| {
            let side = match &column.side {
                JoinSide::Left(name) => JoinSide::Right(name.clone()),
                JoinSide::Right(name) => JoinSide::Left(name.clone()),
                JoinSide::Key(left, right) => JoinSide::Key(right.clone(), left.clone()),
            };
            JoinColumn { name: column.name.clone(), side }
        })
        .collect();
    Join {
        left: join.right.clone(),
        right: join.left.clone(),
        left_on: join.right_on.clone(),
        right_on: join.left_on.clone(),
        how: join.how,
        nulls_equal: join.nulls_equal,
        output,
    }
}

/// About how many rows a plan gives, from the files' own figures and rough shares.
fn rows(plan: &PlanRef) -> Option<f64> {
    match &plan.node {
        Node::Scan(scan) => {
            let share = if scan.filter.is_some() { FILTER_SHARE } else { 1.0 };
            scan.source.statistics().rows.map(|rows| rows as f64 * share)
        }
        Node::Memory(memory) => Some(memory.rows() as f64),
        Node::Project(node) => rows(&node.input),
        Node::Filter(node) => rows(&node.input).map(|rows| rows * FILTER_SHARE),
        Node::GroupBy(node) if node.keys.is_empty() => Some(1.0),
        Node::GroupBy(node) => rows(&node.input).map(|rows| rows * GROUP_SHARE),
        Node::Distinct(node) => rows(&node.input).map(|rows| rows * GROUP_SHARE),
        Node::Join(node) => match node.how {
            How::Cross => Some(rows(&node.left)? * rows(&node.right)?),
            How::Right => rows(&node.right),
            How::Outer => Some(rows(&node.left)? + rows(&node.right)?),
            _ => rows(&node.left),
        },
        Node::Sort(node) => {
            let all = rows(&node.input)?;
            Some(node.limit.map_or(all, |limit| all.min(limit as f64)))
        }
        Node::Slice(node) => {
            let (Range::First { len, .. } | Range::Last { len }) = node.range;
            Some(rows(&node.input).map_or(len as f64, |all| all.min(len as f64)))
        }
        Node::Concat(node) => node.inputs.iter().map(rows).sum(),
        Node::Repartition(node) => rows(&node.input),
        Node::MapPartitions(_) => None,
        Node::Shared(node) => rows(&node.input),
    }
}
