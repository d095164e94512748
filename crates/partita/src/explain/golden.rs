//! What text and DOT look like, line by line, as somebody read and approved them.

use super::draw::{Drawing, Format, drawn};
use super::gallery::{after_a_run, lesson, map_reduce};
use super::picture::{Node, Picture};

fn text(picture: &Picture) -> String {
    drawn(Format::Text, std::slice::from_ref(picture), &Drawing::new())
}

#[test]
fn a_small_graph_as_text() {
    let expected = "\
(3 + 7) * (2 + 8) * ((2 * 3) - 1)
  (mul)
  ├─ (mul)
  │  ├─ (add)
  │  │  ├─ [3]
  │  │  └─ [7]
  │  └─ (add)
  │     ├─ [2]
  │     └─ [8]
  └─ (sub)
     ├─ (mul)
     │  ├─ [2]
     │  └─ [3]
     └─ [1]
";
    assert_eq!(text(&lesson()), expected);
}

#[test]
fn a_diamond_shows_what_it_shares_once() {
    let mut picture = Picture::new("diamond");
    let file = picture.add(Node::data("in.csv"));
    let load = picture.add(Node::function("load").detail("retries 3"));
    let (left, right) = (picture.add(Node::function("mean")), picture.add(Node::function("std")));
    let both = picture.add(Node::function("report"));
    let log = picture.add(Node::function("log\u{1b}[2J"));
    picture.connect(file, load);
    for side in [left, right] {
        picture.connect(load, side);
        picture.connect(side, both);
    }
    picture.order(log, both);
    let expected = "\
diamond
  (report)
  ├─ (mean)
  │  └─ (load) · retries 3
  │     └─ [in.csv]
  ├─ (std)
  │  └─ (load) ↑ see above
  └─ (log\u{fffd}[2J) (only waited for)
";
    assert_eq!(text(&picture), expected);
}

#[test]
fn a_large_graph_that_ran_as_text() {
    let text = text(&after_a_run(map_reduce(100), None));
    assert!(text.starts_with("sum over 100 files\n  (sum) · "), "{text}");
    let line = text.lines().find(|line| line.contains("[files]")).unwrap_or("").trim();
    // A hundred files, each with rows by the gallery's rule for its place.
    let micros: u64 = (0..100).map(|file| (file_index(file) * 7_919) % 90_000).sum();
    let rows = super::number::count(micros * 13);
    assert!(line.contains("└─ [files] × 100 · "), "{line}");
    assert!(line.contains(&format!("{rows} rows")), "{line}");
}

/// Where the gallery puts the file of each partition among its nodes.
fn file_index(file: u64) -> u64 {
    file * 3
}

#[test]
fn a_small_graph_as_dot() {
    let mut picture = Picture::new("a \"graph\"");
    let one = picture.add(Node::data("1"));
    let inc = picture.add(Node::function("inc").detail("back\\slash"));
    let log = picture.add(Node::function("write to the log"));
    picture.connect(one, inc);
    picture.order(inc, log);
    let expected = r##"digraph {
  graph [label="a \"graph\"", labelloc=t, rankdir=TB];
  node [fontname="Helvetica", fontsize=11, style=filled];
  edge [color="#5a6876", arrowsize=0.7];
  n0 [label="1", shape=box, fillcolor="#f7efdc", tooltip="1"];
  n1 [label="inc\nback\\slash", shape=ellipse, fillcolor="#dcebfa", tooltip="inc\nback\\slash"];
  n2 [label="write to the log", shape=ellipse, fillcolor="#dcebfa", tooltip="write to the log"];
  n0 -> n1;
  n1 -> n2 [style=dashed];
}
"##;
    assert_eq!(drawn(Format::Dot, &[picture], &Drawing::new()), expected);
}
