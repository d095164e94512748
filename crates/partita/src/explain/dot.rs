//! A picture in Graphviz's language, for those who want to lay it out themselves.

use std::fmt::Write;

use super::draw::{Direction, Drawing};
use super::escape::dot;
use super::number::count;
use super::paint::Palette;
use super::picture::{Kind, Link, Picture, State};
use super::shape::{measured, tooltip};

pub(super) fn drawn(picture: &Picture, drawing: &Drawing) -> String {
    let picture = &*drawing.prepared(picture);
    let palette = Palette::of(picture, drawing.colour_of(picture));
    let direction = match drawing.direction {
        Direction::Down => "TB",
        Direction::Up => "BT",
        Direction::Right => "LR",
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "digraph {{");
    let _ = writeln!(text, "  graph [label=\"{}\", labelloc=t, rankdir={direction}];", dot(&picture.title));
    let _ = writeln!(text, "  node [fontname=\"Helvetica\", fontsize=11, style=filled];");
    let _ = writeln!(text, "  edge [color=\"#5a6876\", arrowsize=0.7];");
    for (id, node) in picture.nodes.iter().enumerate() {
        let paint = palette.paint(node);
        let mut label = node.name.clone();
        if node.copies > 1 {
            label.push_str(&format!("\n× {}", count(node.copies)));
        }
        for line in node.detail.iter().take(3) {
            label.push('\n');
            label.push_str(line);
        }
        if let Some(measured) = measured(node) {
            label.push('\n');
            label.push_str(&measured);
        }
        let shape = match node.kind {
            Kind::Function if label.chars().count() <= 12 => "circle",
            Kind::Function => "ellipse",
            Kind::Data => "box",
        };
        let failed = node.measured.is_some() && node.state() == State::Failed;
        let _ = writeln!(
            text,
            "  n{id} [label=\"{}\", shape={shape}, fillcolor=\"{}\"{}{}, tooltip=\"{}\"];",
            dot(&label),
            paint.fill,
            if paint.dark { ", fontcolor=white" } else { "" },
            if failed { ", color=red, penwidth=2" } else { "" },
            dot(&tooltip(node))
        );
    }
    for edge in &picture.edges {
        let style = if edge.link == Link::Order { " [style=dashed]" } else { "" };
        let _ = writeln!(text, "  n{} -> n{}{style};", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}
