//! One task: a piece's batches through the pipeline's operators into the stage's sink.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use partita_graph::{BoxError, Inputs, Stopped, TaskContext};
use partita_io::PartWriter;

use super::piece::Piece;
use super::{Kept, Output, RunEnvironment};
use crate::error::{Error, Result, Step};
use crate::exchange::{Arrangement, RunWriter};
use crate::op::{Flow, Held, JoinShape, Operator, OperatorState, ProbeJoin, logical_bytes};
use crate::run::metrics::StageMetrics;
use crate::stage::{PipelineStep, Sink};

/// A pipeline's step as a task runs it.
#[derive(Clone)]
pub(super) enum TaskStep {
    Operator(Arc<dyn Operator>),
    /// A join with the shared build side that is the task's `input`-th input.
    Probe {
        shape: Arc<JoinShape>,
        input: usize,
    },
    /// Counts rows for the [`EnoughGate`].
    Enough,
}

/// Everything that a task needs.
pub(super) struct TaskPlan {
    pub(super) piece: Piece,
    /// Its place among the tasks of its pipeline.
    pub(super) number: usize,
    /// Its number among the parts of a dataset.
    pub(super) part: usize,
    pub(super) steps: Vec<TaskStep>,
    pub(super) gate: Option<Arc<EnoughGate>>,
    pub(super) sink: Sink,
    pub(super) metrics: Arc<StageMetrics>,
    pub(super) environment: Arc<RunEnvironment>,
}

impl TaskPlan {
    pub(super) fn name(&self) -> String {
        match self.piece.label() {
            Some(label) => format!("partition {} ({label})", self.number),
            None => format!("partition {} of stage {}", self.number, self.metrics.id),
        }
    }
}

/// Why a task gave no result.
pub(super) enum Halt {
    Failed(Error),
    Stopped(Stopped),
}

impl Halt {
    pub(super) fn into_box(self) -> BoxError {
        match self {
            Halt::Failed(error) => BoxError::from(error),
            Halt::Stopped(stopped) => BoxError::from(stopped),
        }
    }
}

/// Runs a task.
pub(super) fn run_task(
    plan: TaskPlan,
    context: &TaskContext,
    inputs: &Inputs<Output>,
) -> std::result::Result<Output, Halt> {
    plan.environment.watch.of_stage(context.task(), plan.metrics.id);
    let timer = plan.metrics.start_task();
    let name = plan.name();
    let mut stopped = None;
    let result = work(plan, context, inputs, &mut stopped);
    drop(timer);
    match (stopped, result) {
        (Some(stopped), _) => Err(Halt::Stopped(stopped)),
        (None, Ok(output)) => Ok(output),
        (None, Err(error)) if error.is_cancelled() => {
            Err(context.check().map_or_else(Halt::Stopped, |()| Halt::Failed(error)))
        }
        // A reader's error names the file itself.
        (None, Err(error)) if error.io().is_some() || error.is_memory() => Err(Halt::Failed(error)),
        (None, Err(error)) => Err(Halt::Failed(error.context(format!("in {name}")))),
    }
}

fn work(
    plan: TaskPlan,
    context: &TaskContext,
    inputs: &Inputs<Output>,
    stopped: &mut Option<Stopped>,
) -> Result<Output> {
    let TaskPlan { piece, number, part, steps, gate, sink, metrics, environment } = plan;
    let mut chain = Vec::with_capacity(steps.len() + 1);
    if let Some((shape, build)) = piece.join(&environment)? {
        chain.push(Link::start(&ProbeJoin { shape, build }, &environment)?);
    }
    for step in &steps {
        chain.push(match step {
            TaskStep::Operator(operator) => Link::start(operator.as_ref(), &environment)?,
            TaskStep::Probe { shape, input } => {
                let Output::Build(build) = &inputs[*input] else {
                    return Err(Error::internal("a join's build side is no build side"));
                };
                Link::start(&ProbeJoin { shape: Arc::clone(shape), build: Arc::clone(build) }, &environment)?
            }
            TaskStep::Enough => Link::Enough(gate.clone(), number),
        });
    }
    let mut sink = OpenSink::open(&sink, part, &environment)?;
    let passing = Passing { metrics: &metrics, context };
    let mut go_on = || {
        if let Err(stop) = context.check() {
            *stopped = Some(stop);
            return Ok(false);
        }
        Ok(gate.as_ref().is_none_or(|gate| gate.wants(number)))
    };
    if go_on()? {
        piece.pump(&environment, &metrics, &mut go_on, &mut |batch| {
            drive(&mut chain, &mut sink, &passing, batch)
        })?;
    }
    if stopped.is_some() {
        return Err(Error::cancelled());
    }
    finish(&mut chain, &mut sink, &passing)?;
    if let Some(gate) = &gate {
        gate.finished(number);
    }
    sink.finish()
}

/// One operator at work, with the step that its errors are told with.
enum Link {
    Operator(Box<dyn OperatorState>, Step),
    Enough(Option<Arc<EnoughGate>>, usize),
}

impl Link {
    fn start(operator: &dyn Operator, environment: &RunEnvironment) -> Result<Link> {
        let state = operator.start(&environment.workspace).map_err(|error| error.at_step(operator.step()))?;
        Ok(Link::Operator(state, operator.step()))
    }
}

/// What every batch passes on its way through a task.
struct Passing<'a> {
    metrics: &'a StageMetrics,
    context: &'a TaskContext,
}

/// Pushes a batch through the chain into the sink.
fn drive(chain: &mut [Link], sink: &mut OpenSink, passing: &Passing<'_>, batch: RecordBatch) -> Result<Flow> {
    // Here and not only at the source: one batch of a join's probe side can make millions of rows.
    if passing.context.is_stopped() {
        return Err(Error::cancelled());
    }
    match chain.split_first_mut() {
        None => {
            passing.metrics.add_rows_out(batch.num_rows());
            sink.push(batch)?;
            Ok(Flow::Continue)
        }
        Some((Link::Operator(state, step), rest)) => state
            .push(batch, &mut |batch| drive(rest, sink, passing, batch))
            .map_err(|error| error.at_step(*step)),
        Some((Link::Enough(gate, number), rest)) => {
            if let Some(gate) = gate {
                gate.count(*number, batch.num_rows());
            }
            drive(rest, sink, passing, batch)
        }
    }
}

/// Ends the operators in order, each into those after it.
fn finish(chain: &mut [Link], sink: &mut OpenSink, passing: &Passing<'_>) -> Result<()> {
    let mut rest = chain;
    while let Some((first, others)) = rest.split_first_mut() {
        if let Link::Operator(state, step) = first {
            state
                .finish(&mut |batch| drive(others, sink, passing, batch))
                .map_err(|error| error.at_step(*step))?;
        }
        rest = others;
    }
    Ok(())
}

/// A stage's sink, opened by one task.
enum OpenSink {
    Runs(RunWriter),
    Collect { batches: Vec<RecordBatch>, bytes: usize, held: Held },
    Write(Box<PartWriter>),
}

impl OpenSink {
    fn open(sink: &Sink, part: usize, environment: &RunEnvironment) -> Result<OpenSink> {
        let run_bytes = environment.settings.run_bytes;
        let (ledger, spill) = (&environment.ledger, &environment.spill);
        let runs = |arrangement, bytes| OpenSink::Runs(RunWriter::new(arrangement, bytes, ledger, spill));
        Ok(match sink {
            Sink::Hash(keys) => runs(Arrangement::ByBucket(keys.clone()), run_bytes),
            Sink::Rows => runs(Arrangement::AsTheyCome, run_bytes),
            Sink::Sort(spec) => {
                // A sort is the same however its runs are cut, so a small limit may make them smaller.
                let share = environment.settings.memory_limit / (8 * environment.settings.threads);
                runs(Arrangement::Sorted(Arc::clone(spec)), run_bytes.min(share.max(1 << 20)))
            }
            Sink::Collect => OpenSink::Collect {
                batches: Vec::new(),
                bytes: 0,
                held: Held::new(&environment.workspace.memory),
            },
            Sink::Write { writer, .. } => OpenSink::Write(Box::new(writer.part(part))),
        })
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        match self {
            OpenSink::Runs(writer) => writer.push(batch),
            OpenSink::Collect { batches, bytes, held } => {
                *bytes += logical_bytes(&batch);
                held.set(*bytes).map_err(|error| {
                    error.context(
                        "while collecting a result in memory; a larger one can be written with `to_parquet`",
                    )
                })?;
                batches.push(batch);
                Ok(())
            }
            OpenSink::Write(writer) => Ok(writer.write(&batch)?),
        }
    }

    fn finish(self) -> Result<Output> {
        Ok(match self {
            OpenSink::Runs(writer) => Output::Runs(Arc::new(writer.finish()?)),
            OpenSink::Collect { batches, held, .. } => Output::Batches { batches, kept: Kept(held) },
            OpenSink::Write(writer) => Output::Part(writer.finish()?),
        })
    }
}

/// Tells the tasks of a pipeline when the first rows that are wanted have all been found, so that later
/// partitions need not be read. It saves work and changes no result: what it lets through beyond the wanted
/// rows is cut off by the next stage.
#[derive(Debug)]
pub(super) struct EnoughGate {
    rows: usize,
    /// The first partition that is not needed.
    end: AtomicUsize,
    state: Mutex<GateState>,
}

#[derive(Debug)]
struct GateState {
    counts: Vec<usize>,
    finished: Vec<bool>,
    /// Partitions before this one are finished, and hold `sum` rows.
    next: usize,
    sum: usize,
}

impl EnoughGate {
    /// The gate of a pipeline, if it has an `Enough` step.
    pub(super) fn for_steps(steps: &[PipelineStep], partitions: usize) -> Option<Arc<EnoughGate>> {
        let rows = steps.iter().rev().find_map(|step| match step {
            PipelineStep::Enough { rows } => Some(*rows),
            _ => None,
        })?;
        let state =
            GateState { counts: vec![0; partitions], finished: vec![false; partitions], next: 0, sum: 0 };
        Some(Arc::new(EnoughGate { rows, end: AtomicUsize::new(usize::MAX), state: Mutex::new(state) }))
    }

    fn wants(&self, partition: usize) -> bool {
        partition < self.end.load(Ordering::Relaxed)
    }

    fn count(&self, partition: usize, rows: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.counts[partition] += rows;
        if partition == state.next && state.sum + state.counts[partition] >= self.rows {
            self.end.store(partition + 1, Ordering::Relaxed);
        }
    }

    fn finished(&self, partition: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.finished[partition] = true;
        while state.next < state.finished.len() && state.finished[state.next] {
            state.sum += state.counts[state.next];
            state.next += 1;
            if state.sum >= self.rows {
                self.end.store(state.next, Ordering::Relaxed);
                break;
            }
        }
    }
}
