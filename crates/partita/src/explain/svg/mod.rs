//! A picture as SVG: one file, no fonts, no scripts, readable wherever pictures are shown.

mod head;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use super::draw::{Colour, Direction, Drawing};
use super::escape::xml;
use super::layout::{Extent, Layout, Leg, Point, lay_out};
use super::paint::{Paint, Palette, value};
use super::picture::{Kind, Link, Node, Picture, State};
use super::shape::{BEHIND, LINE, Shape, Style, tooltip};

const MARGIN: f64 = 20.0;

/// The drawing of a picture.
pub(super) fn drawn(picture: &Picture, drawing: &Drawing) -> String {
    drawn_as(picture, drawing, 0)
}

/// As [`drawn`], as the `number`-th drawing of a page: its parts have names of their own.
pub(super) fn drawn_as(picture: &Picture, drawing: &Drawing, number: usize) -> String {
    let all = picture.nodes.iter().map(|node| node.copies).sum();
    let picture = &*drawing.prepared(picture);
    let direction = drawing.direction;
    let shapes: Vec<Shape> = picture.nodes.iter().map(|node| Shape::of(node, direction)).collect();
    let extents: Vec<Extent> = shapes.iter().map(|shape| shape.extent(direction)).collect();
    let layout = lay_out(&extents, &picture.edges);
    let colour = drawing.colour_of(picture);
    let palette = Palette::of(picture, colour);
    let head = head::Head::of(picture, colour, all);
    let canvas = Canvas { direction, layout: &layout, top: head.height + MARGIN };

    let (across, down) = canvas.size();
    let (width, height) = (across.max(head.width) + 2.0 * MARGIN, down + head.height + 2.0 * MARGIN);
    let mut svg = String::with_capacity(picture.nodes.len() * 400 + 4_000);
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"picture\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">",
        xml(&picture.title)
    );
    svg.push_str(head::STYLE);
    let _ = writeln!(
        svg,
        "<defs><marker id=\"head{number}\" viewBox=\"0 0 8 8\" refX=\"6.5\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0,0.8 L8,4 L0,7.2 z\" fill=\"#5a6876\"/></marker></defs>"
    );
    let _ = writeln!(svg, "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>");
    head.write(&mut svg, MARGIN);
    svg.push_str("<g class=\"edges\">\n");
    for (edge, way) in picture.edges.iter().zip(&layout.ways) {
        let dashed = if edge.link == Link::Order { " class=\"order\"" } else { "" };
        let _ = writeln!(
            svg,
            "<path{dashed} data-from=\"{}\" data-to=\"{}\" d=\"{}\" marker-end=\"url(#head{number})\"/>",
            edge.from,
            edge.to,
            canvas.path(way)
        );
    }
    svg.push_str("</g>\n<g class=\"nodes\">\n");
    for (id, (node, shape)) in picture.nodes.iter().zip(&shapes).enumerate() {
        let place = canvas.point(layout.places[id]);
        write_node(&mut svg, id, node, shape, place, &palette.paint(node));
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// From the layout's across and down to the picture's x and y.
struct Canvas<'a> {
    direction: Direction,
    layout: &'a Layout,
    top: f64,
}

impl Canvas<'_> {
    fn size(&self) -> (f64, f64) {
        match self.direction {
            Direction::Right => (self.layout.down, self.layout.across),
            Direction::Down | Direction::Up => (self.layout.across, self.layout.down),
        }
    }

    fn point(&self, point: Point) -> (f64, f64) {
        let (x, y) = match self.direction {
            Direction::Down => (point.across, point.down),
            Direction::Up => (point.across, self.layout.down - point.down),
            Direction::Right => (point.down, point.across),
        };
        (x + MARGIN, y + self.top)
    }

    /// Straight through the rows, bent between them.
    fn path(&self, legs: &[Leg]) -> String {
        let mut path = String::with_capacity(legs.len() * 60);
        let at = |across: f64, down: f64| self.point(Point { across, down });
        let mut last: Option<&Leg> = None;
        for leg in legs {
            let (x, y) = at(leg.across, leg.from);
            match last {
                None => {
                    let _ = write!(path, "M{x:.1},{y:.1}");
                }
                Some(last) if (last.across - leg.across).abs() < 0.5 => {
                    let _ = write!(path, "L{x:.1},{y:.1}");
                }
                Some(last) => {
                    let middle = f64::midpoint(last.to, leg.from);
                    let ((x1, y1), (x2, y2)) = (at(last.across, middle), at(leg.across, middle));
                    let _ = write!(path, "C{x1:.1},{y1:.1} {x2:.1},{y2:.1} {x:.1},{y:.1}");
                }
            }
            if (leg.to - leg.from).abs() > 0.05 {
                let (x, y) = at(leg.across, leg.to);
                let _ = write!(path, "L{x:.1},{y:.1}");
            }
            last = Some(leg);
        }
        path
    }
}

fn write_node(svg: &mut String, id: usize, node: &Node, shape: &Shape, (x, y): (f64, f64), paint: &Paint) {
    let kind = match node.kind {
        Kind::Function => "function",
        Kind::Data => "data",
    };
    let state = match node.measured.as_ref().map(|measured| measured.state) {
        None | Some(State::Done) => "",
        Some(State::Failed) => " failed",
        Some(State::Waiting | State::Stopped) => " idle",
    };
    let values = [(Colour::Time, "time"), (Colour::Rows, "rows"), (Colour::Bytes, "bytes")]
        .into_iter()
        .filter_map(|(colour, name)| value(node, colour).map(|value| format!(" data-{name}=\"{value}\"")))
        .collect::<String>();
    let _ = writeln!(
        svg,
        "<g class=\"node {kind}{state}\" data-id=\"{id}\"{values}><title>{}</title>",
        xml(&tooltip(node))
    );
    if shape.folded {
        for behind in [2.0, 1.0] {
            write_outline(svg, shape, x + behind * BEHIND, y + behind * BEHIND, " class=\"behind\"", paint);
        }
    }
    write_outline(svg, shape, x, y, " class=\"shape\"", paint);
    let first = y - (shape.inside.len() as f64 - 1.0) * LINE / 2.0 + 4.0;
    let dark = if paint.dark { " on-dark" } else { "" };
    for (line, text) in shape.inside.iter().enumerate() {
        let style = class(text.style);
        let _ = writeln!(
            svg,
            "<text class=\"{style}{dark}\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            first + line as f64 * LINE,
            xml(&text.text)
        );
    }
    let behind = if shape.folded { 2.0 * BEHIND } else { 0.0 };
    let (left, first, anchor) = if shape.below {
        (x, y + shape.half_height + behind + LINE, " text-anchor=\"middle\"")
    } else {
        (x + shape.half_width + behind + 6.0, y - (shape.beside.len() as f64 - 1.0) * LINE / 2.0 + 4.0, "")
    };
    for (line, text) in shape.beside.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text class=\"{}\" x=\"{left:.1}\" y=\"{:.1}\"{anchor}>{}</text>",
            class(text.style),
            first + line as f64 * LINE,
            xml(&text.text)
        );
    }
    svg.push_str("</g>\n");
}

fn class(style: Style) -> &'static str {
    match style {
        Style::Name => "name",
        Style::Number => "number",
        Style::Detail => "detail",
        Style::Measured => "measured",
        Style::Alarm => "alarm",
    }
}

fn write_outline(svg: &mut String, shape: &Shape, x: f64, y: f64, class: &str, paint: &Paint) {
    let (w, h) = (shape.half_width, shape.half_height);
    let fill = &paint.fill;
    let _ = if shape.round && (w - h).abs() < 0.01 {
        writeln!(svg, "<circle{class} cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{w:.1}\" fill=\"{fill}\"/>")
    } else {
        let radius = if shape.round { h } else { 3.0 };
        writeln!(
            svg,
            "<rect{class} x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius:.1}\" fill=\"{fill}\"/>",
            x - w,
            y - h,
            2.0 * w,
            2.0 * h
        )
    };
}
