//! What stands over a drawing: its title, what its shapes mean, and the scale of its colours.

use std::fmt::Write;

use crate::explain::draw::Colour;
use crate::explain::escape::xml;
use crate::explain::glyphs::{fit, width};
use crate::explain::number::count;
use crate::explain::paint::{Palette, at};
use crate::explain::picture::{Kind, Link, Picture};

/// How things look.
pub(super) const STYLE: &str = "<style>
.picture{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}
.picture .paper{fill:#fff}
.picture text{fill:#1d2731;font-size:12px}
.picture .title{font-size:16px;font-weight:600}
.picture .note,.picture .detail,.picture .measured{font-size:10.5px;fill:#4b5966}
.picture .measured{fill:#1d2731}
.picture .number{font-weight:700}
.picture .alarm{font-weight:700;fill:#b3141f}
.picture .on-dark{fill:#fff}
.picture .shape,.picture .behind{stroke-width:1.3}
.picture .function .shape,.picture .function .behind{stroke:#2b66a0}
.picture .data .shape,.picture .data .behind{stroke:#8a6d1f}
.picture .idle .shape{stroke-dasharray:4 3;stroke:#7a8794}
.picture .failed .shape{stroke:#b3141f;stroke-width:3}
.picture .edges path{fill:none;stroke:#5a6876;stroke-width:1.1}
.picture .edges .order{stroke-dasharray:5 4}
</style>
";

const TITLE: f64 = 16.0;
const SMALL: f64 = 10.5;
/// Of the scale of colours.
const WIDTH: f64 = 180.0;
const WIDEST: f64 = 900.0;

/// The head of a drawing, measured out.
pub(super) struct Head {
    pub(super) width: f64,
    pub(super) height: f64,
    title: String,
    keys: Vec<(Key, String)>,
    scale: Option<Scale>,
}

/// The colours' scale: what is shown, and the labels of all that could be.
struct Scale {
    shown: &'static str,
    labels: Vec<(&'static str, [String; 3])>,
}

impl Scale {
    fn of(picture: &Picture, colour: Colour) -> Option<Scale> {
        let shown = Palette::of(picture, colour).legend()?.0;
        let all = [Colour::Time, Colour::Rows, Colour::Bytes];
        let labels = all.iter().filter_map(|&colour| Palette::of(picture, colour).legend()).collect();
        Some(Scale { shown, labels })
    }
}

/// What a key shows before its words.
#[derive(Clone, Copy)]
enum Key {
    Function,
    Data,
    Order,
    Folded,
    Nothing,
}

impl Key {
    fn drawn(self, x: f64, y: f64) -> String {
        let circle = |class, x: f64, y: f64, r| {
            format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\" fill=\"#dcebfa\"/>")
        };
        match self {
            Key::Function => format!("<g class=\"function\">{}</g>", circle("shape", x + 9.0, y, 6)),
            Key::Data => format!(
                "<g class=\"data\"><rect class=\"shape\" x=\"{:.1}\" y=\"{:.1}\" width=\"16\" height=\"11\" \
                 rx=\"2\" fill=\"#f7efdc\"/></g>",
                x + 2.0,
                y - 5.5
            ),
            Key::Order => format!("<g class=\"edges\"><path class=\"order\" d=\"M{x:.1},{y:.1} h20\"/></g>"),
            Key::Folded => {
                let both = circle("behind", x + 11.0, y + 2.0, 5) + &circle("shape", x + 8.0, y - 1.0, 5);
                format!("<g class=\"function\">{both}</g>")
            }
            Key::Nothing => String::new(),
        }
    }
}

impl Head {
    /// `all` is how many nodes the picture's stand for.
    pub(super) fn of(picture: &Picture, colour: Colour, all: u64) -> Head {
        let has = |kind| picture.nodes.iter().any(|node| node.kind == kind);
        let mut keys = Vec::new();
        let mut key = |shown: bool, key, words: String| {
            if shown {
                keys.push((key, words));
            }
        };
        key(has(Kind::Function), Key::Function, "function".to_owned());
        key(has(Kind::Data), Key::Data, "data".to_owned());
        key(picture.edges.iter().any(|edge| edge.link == Link::Order), Key::Order, "only waits".to_owned());
        let folded = picture.nodes.iter().any(|node| node.copies > 1);
        key(folded, Key::Folded, "many alike, with their number".to_owned());
        key(all > 48, Key::Nothing, format!("{} nodes in all", count(all)));
        let title = fit(&picture.title, TITLE, WIDEST);
        let words: f64 = keys.iter().map(|(_, words)| width(words, SMALL) + 42.0).sum();
        let scale = Scale::of(picture, colour);
        let widths = [width(&title, TITLE), words, if scale.is_some() { WIDTH + 120.0 } else { 0.0 }];
        let height = 48.0 + if scale.is_some() { 34.0 } else { 0.0 };
        Head { width: widths.into_iter().fold(0.0, f64::max), height, title, keys, scale }
    }

    pub(super) fn write(&self, svg: &mut String, margin: f64) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<g class=\"head\"><text class=\"title\" x=\"{margin}\" y=\"{}\">{}</text>",
            margin + 10.0,
            xml(&self.title)
        );
        let mut x = margin;
        let y = margin + 30.0;
        for (key, words) in &self.keys {
            svg.push_str(&key.drawn(x, y));
            let indent = if matches!(key, Key::Nothing) { 0.0 } else { 24.0 };
            let _ = writeln!(
                svg,
                "<text class=\"note\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + indent,
                y + 4.0,
                xml(words)
            );
            x += width(words, SMALL) + indent + 18.0;
        }
        if let Some(scale) = &self.scale {
            write_scale(svg, scale, margin, margin + 46.0);
        }
        svg.push_str("</g>\n");
    }
}

/// The scale in steps, with its ends and its middle in numbers.
fn write_scale(svg: &mut String, scale: &Scale, x: f64, y: f64) {
    const STEPS: usize = 30;
    let known: String = scale
        .labels
        .iter()
        .map(|(name, labels)| format!(" data-{name}=\"{}\"", xml(&labels.join("|"))))
        .collect();
    let _ = writeln!(svg, "<g class=\"scale\" data-shown=\"{}\"{known}>", scale.shown);
    let words = width("bytes", SMALL) + 30.0;
    let _ = writeln!(svg, "<text class=\"note\" x=\"{x}\" y=\"{:.1}\">{}</text>", y + 9.0, scale.shown);
    let step = WIDTH / STEPS as f64;
    for index in 0..STEPS {
        let fill = at((index as f64 + 0.5) / STEPS as f64).fill;
        let left = x + words + index as f64 * step;
        let _ = write!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"11\" fill=\"{fill}\"/>",
            step + 0.5
        );
    }
    svg.push('\n');
    let labels = scale.labels.iter().find(|(name, _)| *name == scale.shown).map(|(_, labels)| labels);
    for (label, place) in labels.into_iter().flatten().zip([0.0, 0.5, 1.0]) {
        let _ = writeln!(
            svg,
            "<text class=\"note\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x + words + WIDTH * place,
            y + 23.0,
            xml(label)
        );
    }
    svg.push_str("</g>\n");
}
