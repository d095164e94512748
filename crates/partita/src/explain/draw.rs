//! How a picture is to be drawn, and into which file: what `visualize` takes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use crate::error::{Error, Result};

use super::picture::{Node, Picture};
use super::{collapse, dot, html, results, svg, text};

/// How a graph is drawn. `Drawing::new()` is what `visualize` uses.
///
/// # Example
/// ```no_run
/// use partita::prelude::*;
/// use partita::{Direction, Drawing, View};
///
/// let frame = read_csv("flights").filter(col("delay").gt(15)).groupby(["carrier"]).agg([col("delay").mean()]);
/// frame.visualize("stages.svg")?;
/// frame.visualize_with("tasks.html", &Drawing::new().view(View::Tasks).direction(Direction::Right))?;
/// # Ok::<(), partita::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(super) direction: Direction,
    pub(super) collapse: bool,
    pub(super) results: Option<bool>,
    pub(super) colour: Option<Colour>,
    view: Option<View>,
}

/// Where arrows go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Down: results stand below what they are made of.
    #[default]
    Down,
    /// Up, as Dask draws.
    Up,
    /// To the right.
    Right,
}

/// What the colours of a graph that has run say. Before a run they tell functions from data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Functions and data.
    Kind,
    /// Time in the node's work, added up over threads.
    Time,
    /// Rows that left the node.
    Rows,
    /// Bytes that left the node or that it read.
    Bytes,
}

/// Which graph of a frame is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What was asked for, step by step.
    Plan,
    /// The plan that the optimizer made of it.
    Optimized,
    /// What runs between two exchanges, operator by operator.
    Stages,
    /// The stages with their tasks, one per partition.
    Tasks,
}

impl Drawing {
    /// Downwards, with what repeats folded where a graph is large.
    pub fn new() -> Drawing {
        Drawing { direction: Direction::Down, collapse: true, results: None, colour: None, view: None }
    }

    /// Where arrows go.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Drawing {
        self.direction = direction;
        self
    }

    /// Whether large graphs show nodes that repeat each other as one, with their number. Graphs of more than
    /// 20,000 nodes do so always.
    #[must_use]
    pub fn collapse(mut self, collapse: bool) -> Drawing {
        self.collapse = collapse;
        self
    }

    /// Whether a box stands for the result of each function. Small graphs show them unless told otherwise.
    #[must_use]
    pub fn results(mut self, results: bool) -> Drawing {
        self.results = Some(results);
        self
    }

    /// What the colours say after a run; time, unless told otherwise.
    #[must_use]
    pub fn colour(mut self, colour: Colour) -> Drawing {
        self.colour = Some(colour);
        self
    }

    /// Which graph of a frame is drawn: the stages unless told otherwise, or all of them in a page of HTML. A
    /// graph of delayed functions has only one.
    #[must_use]
    pub fn view(mut self, view: View) -> Drawing {
        self.view = Some(view);
        self
    }

    pub(crate) fn chosen_view(&self) -> Option<View> {
        self.view
    }

    /// The picture as it will stand on the page.
    pub(super) fn prepared<'p>(&self, picture: &'p Picture) -> Cow<'p, Picture> {
        let folded =
            if self.collapse { collapse::collapse(picture) } else { collapse::at_most_drawable(picture) };
        let mut shown = if self.results.unwrap_or_else(|| results::help(&folded)) {
            Cow::Owned(results::between(&folded))
        } else {
            folded
        };
        // A function that takes one result twice gets one arrow.
        let mut seen = HashSet::with_capacity(shown.edges.len());
        if !shown.edges.iter().all(|edge| seen.insert(*edge)) {
            seen.clear();
            shown.to_mut().edges.retain(|edge| seen.insert(*edge));
        }
        shown
    }

    /// The colours' meaning for this picture.
    pub(super) fn colour_of(&self, picture: &Picture) -> Colour {
        if picture.nodes.iter().any(|node: &Node| node.measured.is_some()) {
            self.colour.unwrap_or(Colour::Time)
        } else {
            Colour::Kind
        }
    }
}

impl Default for Drawing {
    fn default() -> Drawing {
        Drawing::new()
    }
}

/// The formats, by the ending of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Svg,
    Html,
    Dot,
    Text,
}

impl Format {
    /// # Errors
    /// The name has another ending, or none.
    pub(crate) fn of(path: &Path) -> Result<Format> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("svg") => Ok(Format::Svg),
            Some("html" | "htm") => Ok(Format::Html),
            Some("dot" | "gv") => Ok(Format::Dot),
            Some("txt") => Ok(Format::Text),
            _ => Err(Error::invalid(format!(
                "cannot tell from `{}` how to draw; let the name end in .svg, .html, .dot or .txt",
                path.display()
            ))),
        }
    }
}

/// Draws pictures into a file: all of them into a page of HTML or a text, else the first one.
///
/// # Errors
/// The file's name has no ending that says how, or it cannot be written.
pub(crate) fn draw_to(path: &Path, pictures: &[Picture], drawing: &Drawing) -> Result<()> {
    let drawn = drawn(Format::of(path)?, pictures, drawing);
    Ok(partita_io::replace_file(&partita_io::Local, path, drawn.as_bytes())?)
}

/// Pictures in a format.
pub(crate) fn drawn(format: Format, pictures: &[Picture], drawing: &Drawing) -> String {
    match (format, pictures) {
        (Format::Html, pictures) => html::page(pictures, drawing),
        (Format::Text, pictures) => {
            pictures.iter().map(|picture| text::drawn(picture, drawing)).collect::<Vec<_>>().join("\n")
        }
        (_, []) => String::new(),
        (Format::Svg, [first, ..]) => svg::drawn(first, drawing),
        (Format::Dot, [first, ..]) => dot::drawn(first, drawing),
    }
}
