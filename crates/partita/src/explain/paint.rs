//! Colours: what tells functions from data, and a scale from little to much for graphs that have run.

use super::draw::Colour;
use super::number::{bytes, count, time};
use super::picture::{Kind, Node, Picture, State};
use std::time::Duration;

/// A fill and the colour of letters on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    pub(super) fill: String,
    pub(super) dark: bool,
}

/// From little to much: light to dark, and readable without seeing colours.
const SCALE: [[f64; 3]; 5] = [
    [255.0, 247.0, 226.0],
    [253.0, 212.0, 140.0],
    [244.0, 143.0, 82.0],
    [203.0, 60.0, 48.0],
    [122.0, 10.0, 36.0],
];

/// The colours of a picture's nodes.
pub(super) struct Palette {
    colour: Colour,
    most: f64,
}

impl Palette {
    pub(super) fn of(picture: &Picture, colour: Colour) -> Palette {
        let most = picture.nodes.iter().filter_map(|node| value(node, colour)).fold(0.0, f64::max);
        Palette { colour, most }
    }

    pub(super) fn paint(&self, node: &Node) -> Paint {
        if self.colour == Colour::Kind {
            let fill = match node.kind {
                Kind::Function => "#dcebfa",
                Kind::Data => "#f7efdc",
            };
            return Paint { fill: fill.to_owned(), dark: false };
        }
        match value(node, self.colour) {
            Some(value) if self.most > 0.0 => at((value / self.most).sqrt()),
            Some(_) => at(0.0),
            None => Paint { fill: "#f1f3f5".to_owned(), dark: false },
        }
    }

    /// What the scale says: a title and its labels from the left end to the right one.
    pub(super) fn legend(&self) -> Option<(&'static str, [String; 3])> {
        let label = |part: f64| {
            let value = self.most * part;
            match self.colour {
                Colour::Rows => count(value as u64),
                Colour::Bytes => bytes(value as u64),
                _ => time(Duration::from_secs_f64(value)),
            }
        };
        let title = match self.colour {
            Colour::Kind => return None,
            Colour::Time => "time",
            Colour::Rows => "rows",
            Colour::Bytes => "bytes",
        };
        // The scale is one of square roots: its middle is a quarter.
        (self.most > 0.0).then(|| (title, [label(0.0), label(0.25), label(1.0)]))
    }
}

/// The number that a node's colour stands for.
pub(super) fn value(node: &Node, colour: Colour) -> Option<f64> {
    let measured = node.measured.as_ref()?;
    if matches!(measured.state, State::Waiting | State::Stopped) && measured.busy.is_zero() {
        return None;
    }
    match colour {
        Colour::Kind => None,
        Colour::Time if measured.busy.is_zero() && node.kind == Kind::Data => None,
        Colour::Time => Some(measured.busy.as_secs_f64()),
        Colour::Rows => measured.rows.map(|rows| rows as f64),
        Colour::Bytes => measured.bytes.map(|bytes| bytes as f64),
    }
}

/// The scale's colour at a place from 0 to 1.
pub(super) fn at(place: f64) -> Paint {
    let steps = (SCALE.len() - 1) as f64;
    let place = if place.is_finite() { place.clamp(0.0, 1.0) * steps } else { 0.0 };
    let low = (place as usize).min(SCALE.len() - 2);
    let share = place - low as f64;
    let mix = |index: usize| SCALE[low][index] + (SCALE[low + 1][index] - SCALE[low][index]) * share;
    let [red, green, blue] = [mix(0), mix(1), mix(2)];
    // Luminance as eyes weigh it.
    let dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140.0;
    Paint { fill: format!("#{:02x}{:02x}{:02x}", red as u8, green as u8, blue as u8), dark }
}
