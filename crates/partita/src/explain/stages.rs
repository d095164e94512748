//! Stages as text and as a picture: operators as circles between the boxes in which rows wait.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::stage::{Cut, Pipeline, PipelineStep, Sink, Source, Stage, StageRef};

use super::number::count;
use super::picture::{Node, NodeId, Picture};
use super::plans::{files, name_and_rest};

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
    let mut picture = Picture::new(title);
    let mut sinks: HashMap<usize, NodeId> = HashMap::new();
    for stage in all_of(roots) {
        let ends: Vec<NodeId> = stage
            .pipelines
            .iter()
            .map(|pipeline| add_pipeline(&mut picture, pipeline, &stage, &sinks))
            .collect();
        let sink = picture.add(sink_node(&stage));
        ends.into_iter().for_each(|end| picture.connect(end, sink));
        sinks.insert(stage.id, sink);
    }
    picture
}

/// The nodes of a pipeline; the returned one is the last.
fn add_pipeline(
    picture: &mut Picture,
    pipeline: &Pipeline,
    stage: &Stage,
    sinks: &HashMap<usize, NodeId>,
) -> NodeId {
    let mut last = match waited_for(&pipeline.source).and_then(|input| sinks.get(&input)) {
        Some(&sink) => match cut(&pipeline.source) {
            Some(how) => {
                let node = picture.add(Node::function(how).note(pipeline.source.describe()));
                picture.connect(sink, node);
                node
            }
            None => sink,
        },
        None => picture.add(source_node(&pipeline.source)),
    };
    for step in &pipeline.steps {
        let (text, other, at) = match step {
            PipelineStep::Operator(operator) => (operator.describe(), None, operator.step()),
            PipelineStep::Join(join) => {
                (join.shape.label.clone(), sinks.get(&join.build.id), join.shape.step)
            }
            PipelineStep::Reduce(reduce) => (reduce.label(), sinks.get(&reduce.by.id), reduce.step),
            PipelineStep::Enough { .. } => continue,
        };
        let (name, rest) = name_and_rest(&text);
        let node = Node::function(name);
        let node = if rest.is_empty() { node } else { node.detail(rest) };
        let node = picture.add(node.note(format!("{at}")).note(format!("stage {}", stage.id)));
        picture.connect(last, node);
        if let Some(&other) = other {
            picture.connect(other, node);
        }
        last = node;
    }
    last
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
        Sink::Collect => Node::data("result"),
        Sink::Write { place, .. } => Node::data(format!("{place}")).detail("written"),
        sink => Node::data(sink.describe()),
    };
    let columns =
        stage.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    node.detail(format!("stage {}", stage.id)).note(format!("columns: {columns}"))
}
