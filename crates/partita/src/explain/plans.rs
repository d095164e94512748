//! A logical plan as text and as a picture.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::expr::Expr;
use crate::plan::{Node, Plan, PlanRef, Range};

use super::picture::{self, NodeId, Picture};

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

/// A plan as a picture: sources as boxes, steps as circles.
pub(crate) fn picture(title: &str, root: &PlanRef) -> Picture {
    let mut picture = Picture::new(title);
    let mut known: HashMap<*const Plan, NodeId> = HashMap::new();
    let mut left = vec![root];
    while let Some(&plan) = left.last() {
        let own = Arc::as_ptr(plan);
        if known.contains_key(&own) {
            left.pop();
            continue;
        }
        let inputs = plan.inputs();
        let before = left.len();
        left.extend(inputs.iter().filter(|input| !known.contains_key(&Arc::as_ptr(input))));
        if left.len() > before {
            continue;
        }
        left.pop();
        let id = picture.add(node(plan));
        known.insert(own, id);
        for input in inputs {
            if let Some(&input) = known.get(&Arc::as_ptr(input)) {
                picture.connect(input, id);
            }
        }
    }
    picture
}

fn node(plan: &Plan) -> picture::Node {
    let columns =
        plan.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    let text = describe(plan);
    let node = match &plan.node {
        Node::Scan(scan) => {
            let mut lines = vec![];
            if let Some(columns) = &scan.columns {
                lines.push(format!("{} of {} columns", columns.len(), scan.source.schema().fields().len()));
            }
            lines.extend(scan.filter.as_ref().map(|filter| format!("where {filter}")));
            lines.extend(scan.limit.map(|limit| format!("at most {limit} rows per split")));
            lines.into_iter().fold(files(&scan.source.describe()), picture::Node::detail)
        }
        Node::Memory(memory) => picture::Node::data("memory")
            .detail(format!("{} rows", super::number::count(memory.rows() as u64)))
            .detail(format!("{} partitions", memory.partitions.len())),
        _ => {
            let (name, rest) = name_and_rest(&text);
            let node = picture::Node::function(name);
            if rest.is_empty() { node } else { node.detail(rest) }
        }
    };
    node.note(format!("{}", plan.step)).note(format!("columns: {columns}"))
}

/// A box for files, from `csv some/place/flights, 12 files, 31000 bytes`.
pub(super) fn files(description: &str) -> picture::Node {
    let (format, rest) = description.split_once(' ').unwrap_or(("", description));
    let (place, files) = rest.split_once(", ").unwrap_or((rest, ""));
    let name = place.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(place);
    let files = files.split(", ").next().filter(|files| !files.is_empty());
    let detail = std::iter::once(format).chain(files).collect::<Vec<_>>().join(", ");
    picture::Node::data(name).detail(detail).note(description)
}

/// The words of a description that say what is done.
pub(crate) fn step_name(text: &str) -> &str {
    name_and_rest(text).0
}

/// The first words of a description, which say what is done, and the rest, which says with what.
pub(super) fn name_and_rest(text: &str) -> (&str, &str) {
    const LONGER: [&str; 6] = [
        "partial group by",
        "merge group by",
        "group by",
        "partial distinct",
        "map partitions",
        "map batches",
    ];
    let end = match text.find(" join") {
        Some(at) if !text[..at].contains(' ') => at + " join".len(),
        _ => {
            let longer = LONGER.iter().find(|name| text.starts_with(**name)).map(|name| name.len());
            longer.or_else(|| text.find(' ')).unwrap_or(text.len())
        }
    };
    (&text[..end], text[end..].trim_start_matches([' ', ':']))
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
            let hint = if node.reduces { ", the right side reduced by the left" } else { "" };
            format!("{:?} join on {}{hint}", node.how, keys.join(", ")).to_lowercase()
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
