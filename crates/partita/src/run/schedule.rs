//! From stages to tasks: what each stage's planner does when its inputs are there.
//!
//! What waits until then is how a join runs; see `join.rs`.
//! Next in the flow: `piece.rs` for a task's input, `task.rs` for its work.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use partita_graph::{BoxError, Graph, Inputs, Step, TaskId};

use super::enough::EnoughGate;
use super::piece::{Feed, Piece, pieces};
use super::task::{ScanReduction, TaskPlan, TaskStep, run_task};
use super::write;
use super::{Output, RunEnvironment, told};
use crate::error::{Error, Result};
use crate::exchange::RunSet;
use crate::op::{Flow, JoinShape, KeyFilter, Rereadable, Visit};
use crate::run::metrics::StageMetrics;
use crate::stage::{Pipeline, PipelineStep, ReduceStep, Sink, Source, Stage, StageRef};

/// The results of the stages that a stage reads, by stage id.
pub(super) type Results = HashMap<usize, Arc<Output>>;

/// Adds a stage's planner, and before it those of the stages that it reads.
pub(super) fn add_stage(
    graph: &mut Graph<Output>,
    stage: &StageRef,
    known: &mut HashMap<usize, TaskId>,
    environment: &Arc<RunEnvironment>,
) -> TaskId {
    if let Some(&task) = known.get(&stage.id) {
        return task;
    }
    let inputs = stage.inputs();
    let deps: Vec<TaskId> = inputs.iter().map(|input| add_stage(graph, input, known, environment)).collect();
    let ids: Vec<usize> = inputs.iter().map(|input| input.id).collect();
    let (planned, environment) = (Arc::clone(stage), Arc::clone(environment));
    let task = graph.add(format!("stage {}", stage.id), &deps, move |_, inputs| {
        let results: Results = ids.into_iter().zip(inputs.into_shared()).collect();
        expand_stage(&planned, &results, &environment).map_err(BoxError::from)
    });
    known.insert(stage.id, task);
    task
}

/// The tasks of a stage whose inputs are there.
fn expand_stage(stage: &Stage, results: &Results, environment: &Arc<RunEnvironment>) -> Result<Step<Output>> {
    let mut graph = Graph::new();
    let metrics = environment.metrics.stage(stage.id, describe(stage), None);
    let target = Target { sink: sink_of(stage, environment), metrics };
    let mut planner = Planner { graph: &mut graph, results, environment, builds: Vec::new() };
    let pipelines = stage
        .pipelines
        .iter()
        .enumerate()
        .map(|(index, pipeline)| {
            let at = Place { pipeline: index, first: 0, part: index * PARTS_PER_PIPELINE };
            let pipeline = match (&stage.sink, &target.sink) {
                (Sink::Build(_), Sink::Hash(_)) => Cow::Owned(pipeline.clone().without_codes()),
                _ => Cow::Borrowed(pipeline),
            };
            planner.add_pipeline(at, Feed::Planned(pipeline.source.clone()), &pipeline, &target)
        })
        .collect::<Result<Vec<_>>>()?;
    let gathered = gather(&mut graph, &pipelines);
    Ok(Step::Expand(graph, gathered))
}

/// The stage's sink; for a build side one that saves the likely work. Results do not depend on it.
fn sink_of(stage: &Stage, environment: &RunEnvironment) -> Sink {
    match (&stage.sink, stage.expected()) {
        (Sink::Build(_), Some(expected)) if expected.bytes <= environment.table_bytes() as f64 => {
            Sink::Rows(Arc::clone(&stage.schema))
        }
        (Sink::Build(keys), _) => Sink::Hash(keys.clone()),
        (sink, _) => sink.clone(),
    }
}

fn describe(stage: &Stage) -> String {
    let names = stage.pipelines.iter().map(crate::stage::Pipeline::describe);
    format!("{} → {}", names.collect::<Vec<_>>().join(" + "), stage.sink.describe())
}

/// A task whose result is the list of the others' results.
pub(super) fn gather(graph: &mut Graph<Output>, parts: &[TaskId]) -> TaskId {
    graph.add("gather", parts, |_, inputs: Inputs<Output>| {
        Ok(Step::Done(Output::Parts(inputs.into_shared().collect())))
    })
}

/// A task of a stage, behind those whose results it needs.
pub(super) fn add_task(graph: &mut Graph<Output>, plan: TaskPlan, deps: &[TaskId]) -> TaskId {
    graph.add(plan.name(), deps, move |context, inputs| {
        run_task(&plan, context, &inputs).map(Step::Done).map_err(|stop| stop.into_box())
    })
}

/// Where a pipeline's rows go.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) sink: Sink,
    pub(super) metrics: Arc<StageMetrics>,
}

/// Where a pipeline, or what is left of it behind a join, stands in its stage.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) pipeline: usize,
    /// The place of its source: 0, or that of the join.
    pub(super) first: usize,
    /// The number of its first part of a dataset.
    pub(super) part: usize,
}

/// A pipeline's steps and what they need.
#[derive(Default)]
pub(super) struct TaskParts {
    steps: Vec<TaskStep>,
    deps: Vec<TaskId>,
    pub(super) reductions: Vec<ScanReduction>,
    /// Places of the pipeline's steps that are not among `steps`.
    pub(super) left_out: Vec<usize>,
}

/// The columns of the scanned source that some columns of the rows after `steps` are, if rows that are dropped
/// behind these steps may be dropped in the scan.
fn scan_columns(feed: &Feed, steps: &[PipelineStep], columns: &[usize]) -> Option<Vec<usize>> {
    let Feed::Planned(Source::Scan { request, .. }) = feed else { return None };
    let trace = |&column: &usize| {
        let at_scan = steps.iter().rev().try_fold(column, |column, step| match step {
            PipelineStep::Operator(operator) => operator.input_of(column),
            PipelineStep::Join(join) => join.shape.probe_of(column),
            PipelineStep::Reduce(_) | PipelineStep::Number { .. } => Some(column),
            PipelineStep::Enough { .. } => None,
        })?;
        match &request.projection {
            Some(projection) => projection.get(at_scan).copied(),
            None => Some(at_scan),
        }
    };
    columns.iter().map(trace).collect()
}

pub(super) struct Planner<'a> {
    pub(super) graph: &'a mut Graph<Output>,
    pub(super) results: &'a Results,
    pub(super) environment: &'a Arc<RunEnvironment>,
    /// Build sides that a task of this stage makes already: a concat's pipelines share them.
    pub(super) builds: Vec<(Arc<JoinShape>, TaskId)>,
}

impl Planner<'_> {
    /// Adds the tasks of a pipeline; the returned one holds the list of their results.
    pub(super) fn add_pipeline(
        &mut self,
        at: Place,
        feed: Feed,
        pipeline: &Pipeline,
        target: &Target,
    ) -> Result<TaskId> {
        if let Some(cut) = self.first_cut(pipeline)? {
            return self.cut_at(at, feed, pipeline, cut, target);
        }
        let parts = self.task_parts(&feed, pipeline)?;
        let operators =
            target.metrics.add_operators(told::operators(at, &feed, pipeline, &parts, &target.sink));
        let TaskParts { steps, deps, reductions, .. } = parts;
        let pieces = pieces(feed, self.results, self.environment)?;
        let gate = EnoughGate::for_steps(&pipeline.steps, pieces.len());
        let sink = write::sink_of(&target.sink, pieces.len());
        let mut tasks = Vec::with_capacity(pieces.len());
        target.metrics.add_tasks(pieces.len(), pieces.iter().map(Piece::bytes).sum());
        for (number, piece) in pieces.into_iter().enumerate() {
            let plan = TaskPlan {
                piece,
                number,
                part: at.part + number,
                steps: steps.clone(),
                reductions: reductions.clone(),
                gate: gate.clone(),
                sink: sink.clone(),
                metrics: Arc::clone(&target.metrics),
                operators: Arc::clone(&operators),
                environment: Arc::clone(self.environment),
            };
            tasks.push(add_task(self.graph, plan, &deps));
        }
        let tasks = self.combined(at, tasks, pipeline, target);
        let gathered = gather(self.graph, &tasks);
        if !matches!(sink, Sink::Write { by: Some(_), .. }) {
            return Ok(gathered);
        }
        let behind = Place { first: at.first + pipeline.steps.len() + 1, part: at.part + tasks.len(), ..at };
        Ok(self.write_by_value(behind, gathered, pipeline, target))
    }

    /// Measurements of what belongs to a target's stage and runs before the last part of a join at a place.
    pub(super) fn metrics_before(&self, target: &Target, join: Place, label: String) -> Arc<StageMetrics> {
        self.environment.metrics.stage(target.metrics.id, label, Some((join.pipeline, join.first)))
    }

    pub(super) fn runs(&self, stage: usize) -> Result<RunSet> {
        self.results.get(&stage).ok_or_else(|| Error::internal("a stage ran before its input"))?.run_set()
    }

    /// The steps as tasks run them, and the tasks that make their build sides and filters.
    fn task_parts(&mut self, feed: &Feed, pipeline: &Pipeline) -> Result<TaskParts> {
        let mut parts = TaskParts::default();
        for (place, step) in pipeline.steps.iter().enumerate() {
            let input = parts.deps.len();
            let before = &pipeline.steps[..place];
            match step {
                PipelineStep::Operator(operator) => {
                    parts.steps.push(TaskStep::Operator(Arc::clone(operator)))
                }
                PipelineStep::Join(join) => {
                    let keys = join.shape.drops_probe_rows().then_some(&join.shape.probe_keys);
                    let columns = keys.and_then(|keys| scan_columns(feed, before, keys));
                    parts.deps.push(self.build_side(join, columns.is_some())?);
                    parts.reductions.extend(columns.map(|columns| ScanReduction { input, columns }));
                    parts.steps.push(TaskStep::Probe {
                        shape: Arc::clone(&join.shape),
                        coded: join.coded.clone(),
                        input,
                    });
                }
                PipelineStep::Reduce(reduce) => {
                    let Some(filter) = self.key_filter(reduce)? else {
                        parts.left_out.push(place);
                        continue;
                    };
                    parts.deps.push(filter);
                    match scan_columns(feed, before, &reduce.columns) {
                        Some(columns) => {
                            parts.left_out.push(place);
                            parts.reductions.push(ScanReduction { input, columns });
                        }
                        None => parts.steps.push(TaskStep::Reduce {
                            input,
                            columns: reduce.columns.clone(),
                            step: reduce.step,
                        }),
                    }
                }
                PipelineStep::Number { schema, step } => {
                    parts.steps.push(TaskStep::Number { schema: Arc::clone(schema), step: *step });
                }
                PipelineStep::Enough { .. } => parts.steps.push(TaskStep::Enough),
            }
        }
        Ok(parts)
    }

    /// The task that makes the filter of a reduce step, if there are few enough keys.
    fn key_filter(&mut self, reduce: &ReduceStep) -> Result<Option<TaskId>> {
        let runs = self.runs(reduce.by.id)?;
        if runs.rows() > MOST_KEYS {
            return Ok(None);
        }
        let (reduce, environment) = (reduce.clone(), Arc::clone(self.environment));
        let name = format!("filter by keys of stage {}", reduce.by.id);
        Ok(Some(self.graph.add(name, &[], move |context, _| {
            let each = |visit: &mut Visit<'_>| {
                runs.each(&mut |batch| visit(batch).map(|()| Flow::Continue)).map(drop)
            };
            let ReduceStep { keys, types, nulls_equal, .. } = &reduce;
            let made = || KeyFilter::of_rows(&each, keys, types, *nulls_equal, &environment.workspace);
            let filter = environment
                .admission
                .run(&|| context.is_stopped(), made)
                .map_err(|error| error.at_step(reduce.step))?;
            Ok(Step::Done(Output::Filter(filter.map(Arc::new))))
        })))
    }
}

/// A filter is made of at most so many keys: of more, its making would take longer than it saves.
const MOST_KEYS: usize = 1 << 24;

/// File numbers of a concat's second pipeline begin here, and so on: how many partitions the first one has is
/// not known when the second one starts.
const PARTS_PER_PIPELINE: usize = 1_000_000;
