//! A picture as text, for terminals and logs: the results at the left, what they are made of indented below.
//! Functions stand in round brackets, data in square ones; what was shown above is not shown again.

use std::collections::HashSet;
use std::fmt::Write;

use super::draw::Drawing;
use super::escape::line;
use super::neighbours::Neighbours;
use super::number::count;
use super::picture::{Kind, Link, Node, NodeId, Picture};
use super::shape::{expected, measured};

pub(super) fn drawn(picture: &Picture, drawing: &Drawing) -> String {
    // Boxes between functions would only make the text longer.
    let drawing = drawing.clone().results(false);
    let picture = &*drawing.prepared(picture);
    let neighbours = Neighbours::new(picture.nodes.len(), &picture.edges);
    let pairs =
        |link| picture.edges.iter().filter(move |edge| edge.link == link).map(|edge| (edge.from, edge.to));
    let data: HashSet<(NodeId, NodeId)> = pairs(Link::Data).collect();
    let order_only: HashSet<(NodeId, NodeId)> =
        pairs(Link::Order).filter(|pair| !data.contains(pair)).collect();
    let mut shown = vec![false; picture.nodes.len()];
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line(&picture.title));
    let roots = (0..picture.nodes.len() as NodeId).filter(|&node| neighbours.users.of(node).is_empty());
    for root in roots {
        let mut stack = vec![Open { node: root, bars: String::new(), last: true, waits: false, root: true }];
        while let Some(open) = stack.pop() {
            let again = std::mem::replace(&mut shown[open.node as usize], true);
            let inputs = neighbours.inputs.of(open.node);
            write_node(&mut text, &picture.nodes[open.node as usize], &open, again && !inputs.is_empty());
            if again {
                continue;
            }
            let bars = open.bars_below();
            for (place, &input) in inputs.iter().enumerate().rev() {
                let waits = order_only.contains(&(input, open.node));
                let last = place + 1 == inputs.len();
                stack.push(Open { node: input, bars: bars.clone(), last, waits, root: false });
            }
        }
    }
    text
}

/// A node that is to be shown below another.
struct Open {
    node: NodeId,
    bars: String,
    last: bool,
    /// The one above takes nothing from it.
    waits: bool,
    root: bool,
}

impl Open {
    fn bars_below(&self) -> String {
        const DEEPEST: usize = 60;
        let more = match (self.root, self.last) {
            (true, _) => "",
            (false, true) => "   ",
            (false, false) => "│  ",
        };
        // Deeper than a terminal is wide: go on at the same place.
        if self.bars.chars().count() >= DEEPEST { self.bars.clone() } else { format!("{}{more}", self.bars) }
    }
}

fn write_node(text: &mut String, node: &Node, open: &Open, again: bool) {
    let branch = match (open.root, open.last) {
        (true, _) => "",
        (false, true) => "└─ ",
        (false, false) => "├─ ",
    };
    let name = line(&node.name);
    let name = match node.kind {
        Kind::Function => format!("({name})"),
        Kind::Data => format!("[{name}]"),
    };
    let _ = write!(text, "  {}{branch}{name}", open.bars);
    if node.copies > 1 {
        let _ = write!(text, " × {}", count(node.copies));
    }
    if open.waits {
        text.push_str(" (only waited for)");
    }
    if again {
        text.push_str(" ↑ see above\n");
        return;
    }
    for detail in &node.detail {
        let _ = write!(text, " · {}", line(detail));
    }
    if let Some(measured) = measured(node) {
        let _ = write!(text, " · {measured}");
    }
    if let Some(expected) = expected(node) {
        let _ = write!(text, " ({expected})");
    }
    text.push('\n');
}
