//! Writing a dataset by the values of its partition columns.
//!
//! A task writes a file for each value that it meets. Where values are many, that would be many small files from each
//! task: such a task's rows go through an exchange by hash of the partition columns instead, and the tasks behind it
//! write one file for each value of their buckets. Each task chooses by its own first rows, however they are cut into
//! batches, so that the files are the same on every run. Next in the flow: `partita_io::PartWriter`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use partita_graph::{BoxError, Graph, Step, TaskId};
use partita_io::Reserve;

use super::Output;
use super::piece::Feed;
use super::schedule::{Place, Planner, Target};
use crate::error::Result;
use crate::exchange::{HashKeys, RunSet};
use crate::op::{Held, compact_batch, logical_bytes};
use crate::stage::{Pipeline, Sink};

/// A task looks at so many of its rows...
const LOOKED_AT: usize = 1 << 16;
/// ...and brings them together with those of others if they have more values than this.
const MANY_VALUES: usize = 256;

/// The sink that so many tasks of a pipeline open. Of a single one there is nothing to be brought together.
pub(super) fn sink_of(sink: &Sink, tasks: usize) -> Sink {
    if tasks < 2 { directly(sink) } else { sink.clone() }
}

/// The same sink, whose tasks write their rows themselves.
fn directly(sink: &Sink) -> Sink {
    match sink {
        Sink::Write { writer, place, .. } => {
            Sink::Write { writer: Arc::clone(writer), place: Arc::clone(place), by: None }
        }
        other => other.clone(),
    }
}

/// A task's first rows, until it is known whether they have many values.
pub(super) struct Waiting {
    sink: Sink,
    by: HashKeys,
    batches: Vec<RecordBatch>,
    /// How many were looked at, and the hashes of their values.
    rows: usize,
    values: HashSet<u64>,
    held: Held,
}

impl Waiting {
    pub(super) fn new(sink: &Sink, by: &HashKeys, memory: &Arc<dyn Reserve>) -> Waiting {
        let (batches, values, held) = (Vec::new(), HashSet::new(), Held::new(memory));
        Waiting { sink: directly(sink), by: by.clone(), batches, rows: 0, values, held }
    }

    /// Adds rows, and says whether enough is known.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<bool> {
        let (left, mut hashes) = (LOOKED_AT - self.rows, Vec::new());
        self.by.hashes(&batch, &mut hashes)?;
        self.values.extend(hashes.into_iter().take(left));
        self.rows += left.min(batch.num_rows());
        let batch = compact_batch(&batch)?;
        self.held.set(self.held.bytes() + logical_bytes(&batch))?;
        self.batches.push(batch);
        Ok(self.rows == LOOKED_AT || self.are_many())
    }

    fn are_many(&self) -> bool {
        self.values.len() > MANY_VALUES
    }

    /// Where the rows go, and all that follow.
    pub(super) fn sink(&self) -> Sink {
        if self.are_many() { Sink::Hash(self.by.clone()) } else { self.sink.clone() }
    }

    /// The rows that wait. They count as held until all of them are taken over.
    pub(super) fn take(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.batches)
    }
}

impl Planner<'_> {
    /// A task that has the rows written by value that tasks before it left in runs, if any did; the others wrote parts.
    pub(super) fn write_by_value(
        &mut self,
        at: Place,
        written: TaskId,
        pipeline: &Pipeline,
        target: &Target,
    ) -> TaskId {
        let (results, environment) = (self.results.clone(), Arc::clone(self.environment));
        let rest = pipeline.after_all();
        let sink = directly(&target.sink);
        let label = format!("{}, value by value", sink.describe());
        let id = target.metrics.id;
        self.graph.add("rows of many values".to_owned(), &[written], move |_, inputs| {
            let (mut outputs, mut parts, mut runs) = (Vec::new(), Vec::new(), Vec::new());
            inputs.into_shared().for_each(|output| output.flatten(&mut outputs));
            for output in outputs {
                match &*output {
                    Output::Runs(of_task) => runs.push(Arc::clone(of_task)),
                    _ => parts.push(output),
                }
            }
            if runs.is_empty() {
                return Ok(Step::Done(Output::Parts(parts)));
            }
            let metrics = environment.metrics.stage(id, label, Some((at.pipeline, at.first)));
            let mut graph = Graph::new();
            let (results, environment) = (&results, &environment);
            let mut planner = Planner { graph: &mut graph, results, environment, builds: Vec::new() };
            let (feed, target) = (Feed::Values(RunSet { partitions: runs }), Target { sink, metrics });
            let by_value = planner.add_pipeline(at, feed, &rest, &target).map_err(BoxError::from)?;
            let all = graph.add("gather", &[by_value], move |_, inputs| {
                parts.extend(inputs.into_shared());
                Ok(Step::Done(Output::Parts(parts)))
            });
            Ok(Step::Expand(graph, all))
        })
    }
}
