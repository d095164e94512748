//! A frame's run as a picture: its stages as circles with their tasks and times, between the boxes in which rows
//! waited, with their numbers.

use std::collections::HashMap;

use crate::report::{Outcome, Report, StageReport};
use crate::stage::{Sink, Source, Stage, StageRef};

use super::picture::{Measured, Node, NodeId, Picture, State};
use super::plans::name_and_rest;
use super::stages::{all_of, sink_node, source_node};

/// The stages of a run with what was measured.
pub(crate) fn picture(roots: &[StageRef], report: &Report) -> Picture {
    let mut picture = Picture::new("stages of the run");
    let mut sinks: HashMap<usize, NodeId> = HashMap::new();
    for stage in all_of(roots) {
        let parts: Vec<&StageReport> = report.stages.iter().filter(|part| part.id == stage.id).collect();
        let main = add_parts(&mut picture, &stage, &parts, report);
        for source in stage.pipelines.iter().map(|pipeline| &pipeline.source) {
            if matches!(source, Source::Scan { .. } | Source::Memory { .. }) {
                let mut node = source_node(source);
                node.measured = parts.first().filter(|_| stage.pipelines.len() == 1).map(|part| Measured {
                    state: State::Done,
                    rows: Some(part.rows_in),
                    bytes: (part.bytes > 0).then_some(part.bytes_read),
                    ..Measured::default()
                });
                let node = picture.add(node);
                picture.connect(node, main.first);
            }
        }
        for input in stage.inputs() {
            if let Some(&sink) = sinks.get(&input.id) {
                picture.connect(sink, main.first);
            }
        }
        let mut sink = sink_node(&stage);
        sink.measured = main.left.map(|(rows, bytes)| Measured {
            state: State::Done,
            rows: Some(rows),
            bytes: Some(bytes),
            ..Measured::default()
        });
        let sink = picture.add(sink);
        picture.connect(main.last, sink);
        sinks.insert(stage.id, sink);
    }
    picture
}

/// The circles of a stage: one, or several one behind the other if a join was exchanged.
struct Circles {
    first: NodeId,
    last: NodeId,
    /// Rows and bytes that the last one left.
    left: Option<(u64, u64)>,
}

fn add_parts(picture: &mut Picture, stage: &Stage, parts: &[&StageReport], report: &Report) -> Circles {
    let failed =
        report.tasks.iter().any(|task| task.stage == Some(stage.id) && task.outcome == Outcome::Failed);
    let mut circles: Option<Circles> = None;
    // Those before an exchange were begun first, and end in it; the stage's own sink comes last.
    let own = sink_words(&stage.sink);
    let (last, before): (Vec<&StageReport>, Vec<&StageReport>) =
        parts.iter().partition(|part| part.label.ends_with(&own));
    for part in before.into_iter().chain(last) {
        let mut node = Node::function(format!("stage {}", stage.id));
        node.copies = part.tasks.max(1) as u64;
        let steps: Vec<&str> = part.label.split(" → ").collect();
        for step in steps.iter().skip(1).take(steps.len().saturating_sub(2)) {
            node = node.detail(name_and_rest(step).0);
        }
        let state = match (failed, part.tasks_done) {
            (true, _) => State::Failed,
            (false, 0) if part.tasks > 0 => State::Waiting,
            _ => State::Done,
        };
        // Rows and bytes stand at the box that they are in.
        let measured = Measured { state, busy: part.busy, ..Measured::default() };
        let node = picture.add(node.note(&part.label).measured(measured));
        let left = Some((part.rows_out, part.bytes_out));
        circles = Some(match circles {
            None => Circles { first: node, last: node, left },
            Some(before) => {
                picture.connect(before.last, node);
                Circles { first: before.first, last: node, left }
            }
        });
    }
    circles.unwrap_or_else(|| {
        // Never begun, because the run failed before.
        let node = Node::function(format!("stage {}", stage.id)).measured(Measured::default());
        let node = picture.add(node);
        Circles { first: node, last: node, left: None }
    })
}

fn sink_words(sink: &Sink) -> String {
    format!(" → {}", sink.describe())
}
