//! Plans and stages as text, for `explain` and for people who debug a chain; and graphs of all kinds as
//! pictures: `picture.rs` is what all of them are made into.

#[allow(dead_code, reason = "the drawers that use it come next")]
mod number;
#[allow(dead_code, reason = "the drawers that use it come next")]
mod picture;

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::expr::Expr;
use crate::plan::{Node, Plan, PlanRef, Range};
use crate::stage::StageRef;

#[allow(unused_imports, reason = "the drawers that use it come next")]
pub(crate) use picture::{Group, Kind, Measured, Node as PictureNode, Picture, State};

/// The three sections of `explain`.
pub(crate) fn all(plan: &PlanRef, optimized: &PlanRef, root: &StageRef) -> String {
    format!("logical plan\n{plan}\noptimized plan\n{optimized}\nstages\n{}", stages(root))
}

/// A plan, root first, inputs indented below it.
pub(crate) fn write_plan(plan: &Plan, f: &mut impl Write) -> fmt::Result {
    // A stack, not recursion: a chain may be long.
    let mut left = vec![(plan, 1)];
    while let Some((plan, depth)) = left.pop() {
        writeln!(f, "{:indent$}{}", "", describe(plan), indent = depth * 2)?;
        left.extend(plan.inputs().into_iter().rev().map(|input| (&**input, depth + 1)));
    }
    Ok(())
}

fn describe(plan: &Plan) -> String {
    let list = |exprs: &[Expr]| exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match &plan.node {
        Node::Scan(scan) => {
            let mut text = format!("scan {}", scan.source.describe());
            if let Some(columns) = &scan.columns {
                text.push_str(&format!(
                    ", {} of {} columns: {}",
                    columns.len(),
                    scan.source.schema().fields().len(),
                    columns.join(", ")
                ));
            }
            if let Some(filter) = &scan.filter {
                text.push_str(&format!(", where {filter}"));
            }
            if let Some(limit) = scan.limit {
                text.push_str(&format!(", at most {limit} rows per split"));
            }
            text
        }
        Node::Memory(memory) => {
            format!(
                "memory: {} rows in {} partitions, {} bytes",
                memory.rows(),
                memory.partitions.len(),
                memory.bytes()
            )
        }
        Node::Project(node) => format!("project {}", list(&node.exprs)),
        Node::Filter(node) => format!("filter {}", node.predicate),
        Node::GroupBy(node) => {
            let calls: Vec<&str> = node.aggregates.iter().map(|call| call.name.as_str()).collect();
            format!("group by [{}]: {}", list(&node.keys), calls.join(", "))
        }
        Node::Join(node) => {
            let keys: Vec<String> = node
                .left_on
                .iter()
                .zip(&node.right_on)
                .map(|(left, right)| format!("{left} = {right}"))
                .collect();
            format!("{:?} join on {}", node.how, keys.join(", ")).to_lowercase()
        }
        Node::Sort(node) => {
            let keys: Vec<String> = node.keys.iter().map(ToString::to_string).collect();
            let limit = node.limit.map_or(String::new(), |limit| format!(", first {limit} rows"));
            format!("sort by {}{limit}", keys.join(", "))
        }
        Node::Slice(node) => match node.range {
            Range::First { offset: 0, len } => format!("first {len} rows"),
            Range::First { offset, len } => format!("{len} rows after {offset}"),
            Range::Last { len } => format!("last {len} rows"),
        },
        Node::Distinct(node) => {
            format!("distinct by {}, keep {:?}", node.subset.join(", "), node.keep).to_lowercase()
        }
        Node::Concat(node) => format!("concat {} inputs", node.inputs.len()),
        Node::Repartition(node) => format!("repartition into {}", node.partitions),
        Node::MapPartitions(node) if node.map.whole_partition => "map partitions".to_owned(),
        Node::MapPartitions(_) => "map batches".to_owned(),
        Node::Shared(node) => format!("shared sub-plan {}", node.id),
    }
}

/// All stages below and with `root`, in the order of their numbers.
pub(crate) fn stages(root: &StageRef) -> String {
    let mut found: Vec<StageRef> = Vec::new();
    let mut left = vec![Arc::clone(root)];
    while let Some(stage) = left.pop() {
        if found.iter().all(|known| known.id != stage.id) {
            left.extend(stage.inputs());
            found.push(stage);
        }
    }
    found.sort_by_key(|stage| stage.id);
    let mut text = String::new();
    for stage in found {
        for pipeline in &stage.pipelines {
            text.push_str(&format!("  stage {}: {}\n", stage.id, pipeline.describe()));
        }
        text.push_str(&format!("    → {}\n", stage.sink.describe()));
    }
    text
}
