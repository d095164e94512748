//! Combining what waits in an exchange before all of it is there.
//!
//! Where keys come again in every partition, partial results of the same groups wait once per partition: a million
//! groups of a hundred partitions are a hundred million rows. So the partitions come in *waves*: as soon as one is
//! there, its runs are merged, bucket by bucket, into runs of partial results of the whole wave, whose rows are many
//! times fewer, and their memory serves the next wave. The scheduler works depth first, so that a wave is merged before
//! the one behind it begins. Waves of waves are merged in the same way.
//!
//! Waves are cut by the number of partitions, and whether one is merged is decided by its rows alone. Comes from
//! `schedule.rs`; next in the flow: `task.rs`.

use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use partita_graph::{BoxError, Graph, Step, TaskContext, TaskId};

use super::merged::merged_ranges;
use super::metrics::StageMetrics;
use super::piece::Piece;
use super::schedule::{Place, Planner, Target, add_task, gather};
use super::tally::Operators;
use super::task::{TaskPlan, TaskStep};
use super::{Output, RunEnvironment, told};
use crate::error::Result;
use crate::exchange::{HashKeys, RunSet};
use crate::op::{Flow, Operator};
use crate::stage::{Pipeline, PipelineStep, Sink};

/// The partitions of a wave.
const WAVE: usize = 16;
/// A wave is left as it is if more than this share of its rows would remain.
const MOST_LEFT: f64 = 0.25;

/// How the waves of a pipeline are merged.
struct Waves {
    operator: Arc<dyn Operator>,
    keys: HashKeys,
    at: Place,
    stage: usize,
    environment: Arc<RunEnvironment>,
    /// What is measured of all of them, once one is merged.
    measured: OnceLock<(Arc<StageMetrics>, Arc<Operators>)>,
}

impl Planner<'_> {
    /// The tasks that leave what a pipeline's tasks left in an exchange, but that waves of it may be merged.
    pub(super) fn combined(
        &mut self,
        at: Place,
        mut tasks: Vec<TaskId>,
        pipeline: &Pipeline,
        target: &Target,
    ) -> Vec<TaskId> {
        let (Sink::Hash(keys), Some(PipelineStep::Operator(last))) = (&target.sink, pipeline.steps.last())
        else {
            return tasks;
        };
        let Some(operator) = last.combine() else { return tasks };
        let waves = Arc::new(Waves {
            operator,
            keys: keys.clone(),
            at: Place { first: at.first + pipeline.steps.len() + 1, ..at },
            stage: target.metrics.id,
            environment: Arc::clone(self.environment),
            measured: OnceLock::new(),
        });
        while tasks.len() > WAVE {
            let wave = |wave: &[TaskId]| {
                let waves = Arc::clone(&waves);
                self.graph.add("wave", wave, move |context, inputs| {
                    let outputs = inputs.into_shared().collect();
                    waves.merged(Output::Parts(outputs), context).map_err(BoxError::from)
                })
            };
            tasks = tasks.chunks(WAVE).map(wave).collect();
        }
        tasks
    }
}

impl Waves {
    /// A wave as it is, or the tasks that merge it.
    fn merged(&self, wave: Output, context: &TaskContext) -> Result<Step<Output>> {
        let wave = Arc::new(wave);
        let runs = Arc::new(wave.run_set()?);
        let admission = &self.environment.admission;
        let pays = admission.run(&|| context.is_stopped(), || self.pays(&runs));
        if !pays.map_err(|error| error.at_step(self.operator.step()))? {
            return Ok(Step::Done(Output::Parts(vec![wave])));
        }
        let (metrics, operators) = self.measured();
        let mut graph = Graph::new();
        let ranges = merged_ranges(&runs, self.environment.settings.task_bytes);
        metrics.add_tasks(ranges.len(), 0);
        let tasks: Vec<TaskId> = ranges
            .into_iter()
            .enumerate()
            .map(|(number, range)| {
                let plan = TaskPlan {
                    piece: Piece::Values { runs: Arc::new(runs.of_buckets(&range)), range },
                    number,
                    part: 0,
                    steps: vec![TaskStep::Operator(Arc::clone(&self.operator))],
                    reductions: Vec::new(),
                    gate: None,
                    sink: Sink::Hash(self.keys.clone()),
                    metrics: Arc::clone(&metrics),
                    operators: Arc::clone(&operators),
                    environment: Arc::clone(&self.environment),
                };
                add_task(&mut graph, plan, &[])
            })
            .collect();
        let gathered = gather(&mut graph, &tasks);
        Ok(Step::Expand(graph, gathered))
    }

    /// Whether few rows of a wave would remain: looked at in a bucket that is as large as most.
    fn pays(&self, runs: &RunSet) -> Result<bool> {
        let task_bytes = self.environment.settings.task_bytes;
        // What one task merges anyway need not be merged twice.
        if runs.bytes() < task_bytes {
            return Ok(false);
        }
        let mut buckets: Vec<(u64, usize)> =
            runs.bucket_bytes().into_iter().zip(0..).filter(|(bytes, _)| *bytes > 0).collect();
        buckets.sort_unstable();
        let Some(&(bytes, bucket)) = buckets.get(buckets.len() / 2) else { return Ok(false) };
        // Waves of waves that were left as they are: a table over a bucket of theirs need not fit into memory.
        if bytes > task_bytes {
            return Ok(false);
        }
        let bucket = bucket..bucket + 1;
        let workspace = &self.environment.workspace;
        let mut state = self.operator.start(workspace)?;
        let mut left = 0;
        let mut count = |batch: RecordBatch| {
            left += batch.num_rows();
            Ok(Flow::Continue)
        };
        runs.in_bucket_order(&bucket, &workspace.memory, &mut |batch| state.push(batch, &mut count))?;
        state.end_of_keys(&mut count)?;
        Ok(left as f64 <= runs.bucket_rows(&bucket) as f64 * MOST_LEFT)
    }

    fn measured(&self) -> (Arc<StageMetrics>, Arc<Operators>) {
        let begun = self.measured.get_or_init(|| {
            let operator = self.operator.describe();
            let at = Some((self.at.pipeline, self.at.first));
            let metrics = self.environment.metrics.stage(self.stage, format!("wave → {operator}"), at);
            let operators = metrics.add_operators(told::of_wave(self.at, self.operator.as_ref(), &self.keys));
            (metrics, operators)
        });
        begun.clone()
    }
}
