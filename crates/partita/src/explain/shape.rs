//! How a node looks: a circle or a box, the lines in it and the lines beside it, and the space it takes.

use super::draw::Direction;
use super::glyphs::{fit, width, wrap};
use super::layout::Extent;
use super::number::{bytes, count, time};
use super::picture::{Kind, Node, State};

/// Sizes of letters.
pub(super) const NAME: f64 = 12.0;
pub(super) const SMALL: f64 = 10.5;
/// From line to line.
pub(super) const LINE: f64 = 14.0;
/// How far the copies behind a folded node stick out.
pub(super) const BEHIND: f64 = 4.0;
/// Between a circle and what stands beside it.
const BESIDE: f64 = 6.0;
const WIDEST: f64 = 190.0;
/// Room for the arrow's head.
const HEAD: f64 = 3.0;

/// A node, measured out.
pub(super) struct Shape {
    pub(super) round: bool,
    pub(super) half_width: f64,
    pub(super) half_height: f64,
    /// Inside: the name, and for a box what more there is to say.
    pub(super) inside: Vec<Text>,
    /// Beside a circle, or below it where arrows go to the right.
    pub(super) beside: Vec<Text>,
    pub(super) below: bool,
    /// Copies are drawn behind it.
    pub(super) folded: bool,
}

/// One line of text.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Name,
    Number,
    Detail,
    Measured,
    Alarm,
}

impl Shape {
    pub(super) fn of(node: &Node, direction: Direction) -> Shape {
        match node.kind {
            Kind::Function => circle(node, direction == Direction::Right),
            Kind::Data => rectangle(node),
        }
    }

    /// The space it takes, and where arrows meet it.
    pub(super) fn extent(&self, direction: Direction) -> Extent {
        let behind = if self.folded { 2.0 * BEHIND } else { 0.0 };
        let text = self.beside.iter().map(Text::width).fold(0.0, f64::max);
        let high = self.beside.len() as f64 * LINE;
        let (w, h) = (self.half_width, self.half_height);
        if direction == Direction::Right {
            let wider = (text / 2.0 - w).max(0.0);
            let below = if self.beside.is_empty() { 0.0 } else { high + BESIDE };
            let (enter, leave) = (w + HEAD, w + behind);
            let (above, below_it) = (enter + wider, leave + wider);
            return Extent { before: h, after: h + behind + below, above, below: below_it, enter, leave };
        }
        let right = if self.beside.is_empty() { 0.0 } else { BESIDE + text };
        let taller = (high / 2.0 - h).max(0.0);
        // Copies stand out to the lower right, whichever way the arrows go.
        let (enter, leave) = match direction {
            Direction::Up => (h + behind + HEAD, h),
            _ => (h + HEAD, h + behind),
        };
        let (above, below) = (enter + taller, leave + taller);
        Extent { before: w, after: w + behind + right, above, below, enter, leave }
    }
}

impl Text {
    fn new(text: impl Into<String>, style: Style) -> Text {
        Text { text: text.into(), style }
    }

    pub(super) fn width(&self) -> f64 {
        let (size, bold) = match self.style {
            Style::Name => (NAME, 1.0),
            Style::Number | Style::Alarm => (NAME, 1.1),
            Style::Detail | Style::Measured => (SMALL, 1.0),
        };
        width(&self.text, size) * bold
    }
}

fn circle(node: &Node, below: bool) -> Shape {
    let inside: Vec<Text> =
        wrap(&node.name, NAME, 66.0, 2).into_iter().map(|line| Text::new(line, Style::Name)).collect();
    let wide = inside.iter().map(Text::width).fold(0.0, f64::max);
    let high = inside.len() as f64 * LINE;
    let radius = (wide / 2.0).hypot(high / 2.0) + 4.0;
    let (half_width, half_height, inside) = if radius <= 42.0 {
        (radius.max(19.0), radius.max(19.0), inside)
    } else {
        // Too long a name for a circle: a pill with the whole name on one line.
        let name = Text::new(fit(&node.name, NAME, WIDEST), Style::Name);
        (name.width() / 2.0 + 14.0, 17.0, vec![name])
    };
    Shape {
        round: true,
        half_width,
        half_height,
        inside,
        beside: lines(node),
        below,
        folded: node.copies > 1,
    }
}

fn rectangle(node: &Node) -> Shape {
    let mut inside: Vec<Text> =
        wrap(&node.name, NAME, WIDEST, 2).into_iter().map(|line| Text::new(line, Style::Name)).collect();
    inside.extend(lines(node));
    let wide = inside.iter().map(Text::width).fold(0.0, f64::max);
    Shape {
        round: false,
        half_width: (wide / 2.0 + 9.0).max(16.0),
        half_height: inside.len().max(1) as f64 * LINE / 2.0 + 6.0,
        inside,
        beside: Vec::new(),
        below: false,
        folded: node.copies > 1,
    }
}

/// The lines under or beside a name.
fn lines(node: &Node) -> Vec<Text> {
    const MOST: usize = 3;
    let mut lines = Vec::new();
    let mut details = node.detail.as_slice();
    if node.copies > 1 {
        lines.push(Text::new(format!("× {}", count(node.copies)), Style::Number));
    }
    if node.measured.is_some() && node.state() == State::Failed {
        let said = node.detail.first().is_some_and(|line| line.ends_with("failed"));
        lines.push(Text::new(if said { &node.detail[0] } else { "failed" }, Style::Alarm));
        details = &node.detail[usize::from(said)..];
    }
    let details = details.iter().flat_map(|line| wrap(line, SMALL, WIDEST, 2)).take(MOST);
    lines.extend(details.map(|line| Text::new(line, Style::Detail)));
    if let Some(line) = measured(node) {
        lines.push(Text::new(line, Style::Measured));
    }
    lines.extend(expected(node).map(|line| Text::new(line, Style::Detail)));
    lines
}

/// What a run left at the node, in one line.
pub(super) fn measured(node: &Node) -> Option<String> {
    let measured = node.measured.as_ref()?;
    let mut parts = Vec::new();
    match measured.state {
        State::Waiting if node.kind == Kind::Function => parts.push("did not run".to_owned()),
        State::Waiting => {}
        State::Stopped => parts.push("stopped".to_owned()),
        State::Done | State::Failed if !measured.busy.is_zero() => parts.push(time(measured.busy)),
        State::Done | State::Failed => {}
    }
    parts.extend(measured.rows.map(of_rows));
    parts.extend(measured.bytes.map(bytes));
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// How many rows the plan expected where a run counted them.
pub(super) fn expected(node: &Node) -> Option<String> {
    let measured = node.measured.as_ref().filter(|measured| measured.rows.is_some())?;
    Some(format!("{} expected", of_rows(measured.expected_rows?)))
}

fn of_rows(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", count(rows)) }
}

/// All that there is to say about a node, in lines: its tooltip.
pub(super) fn tooltip(node: &Node) -> String {
    let mut lines = vec![node.name.clone()];
    if node.copies > 1 {
        lines[0].push_str(&format!(" × {}", count(node.copies)));
    }
    lines.extend(node.detail.iter().chain(&node.notes).cloned());
    if let Some(result) = &node.result {
        lines.push(format!("gives {result}"));
    }
    lines.extend(measured(node));
    lines.extend(expected(node));
    if let Some(measured) = node.measured.as_ref().filter(|measured| measured.end > measured.start) {
        lines.push(format!("from {} to {}", time(measured.start), time(measured.end)));
        lines.extend(measured.worker.map(|worker| format!("on thread {worker}")));
    }
    lines.join("\n")
}
