//! The tasks that a run will have, as far as that is known before it runs: splits of files are listed, but how
//! many tasks read an exchange depends on the rows that come through it.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::explain::{Group, NodeId, Picture, PictureNode, stages_of, step_name};
use crate::session::Session;
use crate::stage::{Cut, Pipeline, PipelineStep, Sink, Source, StageRef};

/// Stages with their tasks, one per partition.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn tasks_picture(title: &str, roots: &[StageRef], session: &Session) -> Result<Picture> {
    // Tasks of one stage all say the same.
    const SMALL: usize = 16;
    let mut picture = Picture::new(title);
    picture.small = SMALL;
    let mut preview = Preview { picture, ends: HashMap::new(), session };
    for stage in stages_of(roots) {
        let mut tasks = Vec::new();
        for pipeline in &stage.pipelines {
            tasks.extend(preview.add_pipeline(&stage, pipeline)?);
        }
        let name = match &stage.sink {
            Sink::Keep | Sink::Collect(_) => "result".to_owned(),
            sink => sink.describe(),
        };
        let end = preview.picture.add(PictureNode::data(name).note(format!("stage {}", stage.id)));
        for &task in tasks.iter().flatten() {
            preview.picture.connect(task, end);
        }
        let known = tasks.iter().all(Option::is_some);
        preview.ends.insert(stage.id, End { node: end, partitions: known.then_some(tasks.len()) });
    }
    Ok(preview.picture)
}

/// Where a stage's rows wait.
struct End {
    node: NodeId,
    /// How many tasks made them, if that is known.
    partitions: Option<usize>,
}

struct Preview<'a> {
    picture: Picture,
    ends: HashMap<usize, End>,
    session: &'a Session,
}

impl Preview<'_> {
    /// The tasks of a pipeline; `None` stands for any number of tasks more.
    fn add_pipeline(&mut self, stage: &StageRef, pipeline: &Pipeline) -> Result<Vec<Option<NodeId>>> {
        let steps: Vec<String> = pipeline.steps.iter().filter_map(PipelineStep::describe).collect();
        let group = self.picture.group(&format!("stage {} {}", stage.id, pipeline.describe()));
        let builds: Vec<NodeId> = pipeline
            .steps
            .iter()
            .filter_map(|step| Some(self.ends.get(&step.waits_for()?.id)?.node))
            .collect();
        let task = |preview: &mut Self, from: Option<NodeId>| {
            let node = PictureNode::function(format!("stage {}", stage.id)).in_group(group);
            let names = steps.iter().map(|step| step_name(step)).collect::<Vec<_>>().join(" → ");
            let node = if names.is_empty() { node } else { node.detail(names) };
            let node = preview.picture.add(node.notes(steps.iter().cloned()));
            for from in from.into_iter().chain(builds.iter().copied()) {
                preview.picture.connect(from, node);
            }
            node
        };
        let input = |preview: &Self, stage: usize| {
            let end = preview.ends.get(&stage);
            end.map(|end| (end.node, end.partitions)).ok_or_else(|| Error::internal("a stage has no number"))
        };
        Ok(match &pipeline.source {
            Source::Scan { source, request, step } => {
                let splits = source
                    .splits(request, &self.session.read_context())
                    .map_err(|error| Error::from(error).at_step(*step))?;
                let files = self.picture.group(&source.describe());
                let mut tasks = Vec::with_capacity(splits.len());
                for split in splits {
                    let from = self.add_split(files, &split);
                    tasks.push(Some(task(self, Some(from))));
                }
                tasks
            }
            Source::Memory { partitions, .. } => {
                let memory = self.picture.group("partitions in memory");
                (0..partitions.len())
                    .map(|partition| {
                        let node = PictureNode::data(format!("partition {partition}")).in_group(memory);
                        let from = self.picture.add(node);
                        Some(task(self, Some(from)))
                    })
                    .collect()
            }
            Source::Rows { stage, cut } => {
                let (from, partitions) = input(self, stage.id)?;
                let tasks = match cut {
                    Cut::Equal(parts) => Some(*parts),
                    Cut::AsMade => partitions,
                };
                match tasks {
                    Some(tasks) => (0..tasks).map(|_| Some(task(self, Some(from)))).collect(),
                    None => vec![Some(self.any_number(task, from)), None],
                }
            }
            Source::Buckets(stage) | Source::Sorted(stage) => {
                let (from, _) = input(self, stage.id)?;
                vec![Some(self.any_number(task, from)), None]
            }
        })
    }

    fn add_split(&mut self, files: Group, split: &partita_io::Split) -> NodeId {
        let name = split.label.rsplit(['/', '\\']).next().unwrap_or(&split.label);
        let node = PictureNode::data(name).note(&split.label).in_group(files);
        let rows = split.rows.map(|rows| format!("{rows} rows"));
        self.picture.add(node.note(format!("{} bytes", split.bytes)).notes(rows))
    }

    /// One node for as many tasks as the rows will need.
    fn any_number(&mut self, task: impl Fn(&mut Self, Option<NodeId>) -> NodeId, from: NodeId) -> NodeId {
        let node = task(self, Some(from));
        if let Some(node) = self.picture.nodes.get_mut(node as usize) {
            node.detail.insert(0, "as many tasks as its rows need".to_owned());
        }
        node
    }
}
