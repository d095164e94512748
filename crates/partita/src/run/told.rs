//! What a report will tell of a pipeline's operators, before they have done anything: which there are, and what
//! is expected of them.

use super::piece::Feed;
use super::schedule::{Place, TaskParts};
use crate::error::Step;
use crate::exchange::HashKeys;
use crate::op::Operator;
use crate::report::OperatorReport;
use crate::stage::{Expected, Pipeline, PipelineStep, Sink, Source};

/// The source, every step that does something to rows, and the sink.
pub(super) fn operators(
    at: Place,
    feed: &Feed,
    pipeline: &Pipeline,
    parts: &TaskParts,
    sink: &Sink,
) -> Vec<OperatorReport> {
    let expected = |place: usize| pipeline.expected.get(place).copied().flatten();
    let told = |place: usize, label: String, step: Option<Step>, expected: Option<Expected>| OperatorReport {
        // Casts of floats saturate.
        estimated_rows: expected.map(|expected| expected.rows.round() as u64),
        estimated_bytes: expected.map(|expected| expected.bytes.round() as u64),
        ..told(at, place, label, step)
    };
    let mut source = match feed {
        Feed::Planned(source @ Source::Scan { step, .. }) => (source.describe(), Some(*step)),
        Feed::Planned(source) => (source.describe(), None),
        Feed::Joined(sides) => (sides.shape.label.clone(), Some(sides.shape.step)),
        Feed::Values(_) => ("rows by value".to_owned(), None),
        Feed::Numbered { join, .. } => (join.label.clone(), Some(join.step)),
    };
    if !parts.reductions.is_empty() {
        source.0.push_str(", without rows that find no partner");
    }
    let mut all = vec![told(0, source.0, source.1, expected(0))];
    for (place, step) in pipeline.steps.iter().enumerate() {
        let Some(label) = step.describe().filter(|_| !parts.left_out.contains(&place)) else { continue };
        let from = match step {
            PipelineStep::Operator(operator) => Some(operator.step()),
            PipelineStep::Join(join) => Some(join.shape.step),
            PipelineStep::Number { step, .. } => Some(*step),
            PipelineStep::Reduce(_) | PipelineStep::Enough { .. } => None,
        };
        all.push(told(place + 1, label, from, expected(place + 1)));
    }
    let last = pipeline.steps.len();
    all.push(OperatorReport { sink: true, ..told(last + 1, sink.describe(), None, expected(last)) });
    all
}

/// The same of a wave's runs, which one operator merges (`combine.rs`).
pub(super) fn of_wave(at: Place, operator: &dyn Operator, keys: &HashKeys) -> Vec<OperatorReport> {
    let sink = Sink::Hash(keys.clone()).describe();
    vec![
        told(at, 0, "runs of a wave".to_owned(), None),
        told(at, 1, operator.describe(), Some(operator.step())),
        OperatorReport { sink: true, ..told(at, 2, sink, None) },
    ]
}

/// What is known of an operator that is so many places behind the first.
fn told(at: Place, place: usize, label: String, step: Option<Step>) -> OperatorReport {
    OperatorReport {
        label,
        step: step.map(|step| step.to_string()),
        pipeline: at.pipeline,
        place: at.first + place,
        ..OperatorReport::default()
    }
}
