//! Stages as text and as a picture: operators as circles between the boxes in which rows wait. After a run the
//! picture is the same, with what each of them did.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::stage::{Cut, Pipeline, PipelineStep, Sink, Source, Stage, StageRef};

use super::number::count;
use super::picture::{Node, NodeId, Picture};
use super::plans::{files, name_and_rest};
use super::runs::Ran;
use crate::report::Report;

/// All stages below and with some, in the order of their numbers.
pub(crate) fn all_of(roots: &[StageRef]) -> Vec<StageRef> {
    let mut found: HashMap<usize, StageRef> = HashMap::new();
    let mut left = roots.to_vec();
    while let Some(stage) = left.pop() {
        if let Entry::Vacant(place) = found.entry(stage.id) {
            left.extend(stage.inputs());
            place.insert(stage);
        }
    }
    let mut stages: Vec<StageRef> = found.into_values().collect();
    stages.sort_by_key(|stage| stage.id);
    stages
}

/// One line for each pipeline, and one for each sink.
pub(crate) fn text(root: &StageRef) -> String {
    let mut text = String::new();
    for stage in all_of(&[Arc::clone(root)]) {
        for pipeline in &stage.pipelines {
            text.push_str(&format!("  stage {}: {}\n", stage.id, pipeline.describe()));
        }
        text.push_str(&format!("    → {}\n", stage.sink.describe()));
    }
    text
}

/// Stages, operator by operator.
pub(crate) fn picture(title: &str, roots: &[StageRef]) -> Picture {
    drawn(title, roots, None)
}

/// The same with what a run of them left.
pub(crate) fn picture_of_run(roots: &[StageRef], report: &Report) -> Picture {
    drawn("stages of the run", roots, Some(Ran(report)))
}

fn drawn(title: &str, roots: &[StageRef], ran: Option<Ran<'_>>) -> Picture {
    let mut drawing = Stages { picture: Picture::new(title), sinks: HashMap::new(), ran };
    for stage in all_of(roots) {
        let pipelines = stage.pipelines.iter().enumerate();
        let ends: Vec<NodeId> =
            pipelines.map(|(index, pipeline)| drawing.add_pipeline(index, pipeline, &stage)).collect();
        let mut sink = sink_node(&stage);
        if let Some((measured, tasks)) = ran.map(|ran| ran.sink(stage.id)) {
            sink = sink.measured(measured);
            if let Some(line) = sink.detail.last_mut().filter(|_| tasks > 1) {
                *line = format!("{line}, {} tasks", count(tasks as u64));
            }
        }
        let sink = drawing.picture.add(sink);
        ends.into_iter().for_each(|end| drawing.picture.connect(end, sink));
        drawing.sinks.insert(stage.id, sink);
    }
    drawing.picture
}

/// Stages that are being drawn.
struct Stages<'a> {
    picture: Picture,
    /// Where the rows of the stages until now wait.
    sinks: HashMap<usize, NodeId>,
    ran: Option<Ran<'a>>,
}

impl Stages<'_> {
    /// The nodes of a pipeline; the returned one is the last.
    fn add_pipeline(&mut self, index: usize, pipeline: &Pipeline, stage: &Stage) -> NodeId {
        let mut last = match waited_for(&pipeline.source).and_then(|input| self.sinks.get(&input).copied()) {
            Some(sink) => match cut(&pipeline.source) {
                Some(how) => {
                    let node = Node::function(how).note(pipeline.source.describe());
                    let node = self.add(node, stage, index, 0);
                    self.picture.connect(sink, node);
                    node
                }
                None => sink,
            },
            None => self.add(source_node(&pipeline.source), stage, index, 0),
        };
        for (place, step) in pipeline.steps.iter().enumerate() {
            let place = place + 1;
            let (text, other, at) = match step {
                PipelineStep::Operator(operator) => (operator.describe(), None, operator.step()),
                PipelineStep::Join(join) => {
                    last = self.add_exchange(last, stage, index, place);
                    (join.shape.label.clone(), self.sinks.get(&join.build.id), join.shape.step)
                }
                // It is left out of a run where the scan does its work.
                PipelineStep::Reduce(_) if self.is_left_out(stage, index, place) => continue,
                PipelineStep::Reduce(reduce) => (reduce.label(), self.sinks.get(&reduce.by.id), reduce.step),
                PipelineStep::Number { .. } | PipelineStep::Enough { .. } => continue,
            };
            let other = other.copied();
            let node = named(&text).note(format!("{at}"));
            let node = self.add(node, stage, index, place);
            self.picture.connect(last, node);
            if let Some(other) = other {
                self.picture.connect(other, node);
            }
            last = node;
        }
        last
    }

    /// Adds the node of an operator, with what a run left at it.
    fn add(&mut self, node: Node, stage: &Stage, pipeline: usize, place: usize) -> NodeId {
        let mut node = node.note(format!("stage {}", stage.id));
        if let Some(ran) = self.ran {
            node = node.measured(ran.measured(stage.id, ran.operator(stage.id, pipeline, place)));
        }
        self.picture.add(node)
    }

    /// The exchange before a join, if the run decided for one.
    fn add_exchange(&mut self, last: NodeId, stage: &Stage, pipeline: usize, place: usize) -> NodeId {
        let Some(ran) = self.ran else { return last };
        let Some(before) = ran.before_join(stage.id, pipeline, place) else { return last };
        let mut last = last;
        if let Some(reduce) = before.reduce {
            let node = named(&reduce.label).measured(ran.measured(stage.id, Some(reduce)));
            let node = self.picture.add(node);
            self.picture.connect(last, node);
            last = node;
        }
        let waits = Node::data("exchange by hash").detail(format!("of stage {}, for the join", stage.id));
        let waits = self.picture.add(waits.measured(ran.exchange(&before)));
        self.picture.connect(last, waits);
        waits
    }

    fn is_left_out(&self, stage: &Stage, pipeline: usize, place: usize) -> bool {
        self.ran
            .is_some_and(|ran| ran.has_begun(stage.id) && ran.operator(stage.id, pipeline, place).is_none())
    }
}

fn named(text: &str) -> Node {
    let (name, rest) = name_and_rest(text);
    let node = Node::function(name);
    if rest.is_empty() { node } else { node.detail(rest) }
}

/// The stage whose rows a source takes.
fn waited_for(source: &Source) -> Option<usize> {
    match source {
        Source::Scan { .. } | Source::Memory { .. } => None,
        Source::Buckets(stage) | Source::Sorted(stage) | Source::Rows { stage, .. } => Some(stage.id),
    }
}

/// What is done with rows that wait when they are read.
fn cut(source: &Source) -> Option<String> {
    match source {
        Source::Sorted(_) => Some("merge".to_owned()),
        Source::Rows { cut: Cut::Equal(1), .. } => Some("gather".to_owned()),
        Source::Rows { cut: Cut::Equal(parts), .. } => Some(format!("cut into {}", count(*parts as u64))),
        _ => None,
    }
}

pub(super) fn source_node(source: &Source) -> Node {
    match source {
        Source::Scan { source, request, step } => {
            let node = files(&source.describe()).note(format!("{step}"));
            let read = request.projection.as_ref().map_or(source.schema().fields().len(), Vec::len);
            let node = node.detail(format!("{read} of {} columns", source.schema().fields().len()));
            if request.filter.is_some() { node.detail("filtered while it is read") } else { node }
        }
        other => Node::data(other.describe()),
    }
}

pub(super) fn sink_node(stage: &Stage) -> Node {
    let node = match &stage.sink {
        Sink::Keep | Sink::Collect(_) => Node::data("result"),
        Sink::Write { place, .. } => Node::data(format!("{place}")).detail("written"),
        sink => Node::data(sink.describe()),
    };
    let columns =
        stage.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    node.detail(format!("stage {}", stage.id)).note(format!("columns: {columns}"))
}
