//! One task: a piece's batches through the pipeline's operators into the stage's sink.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use partita_graph::{BoxError, Inputs, Stopped, TaskContext};
use partita_io::PartWriter;

use super::merged::Fed;
use super::metrics::{Counted, StageMetrics};
use super::piece::Piece;
use super::{Kept, Output, RunEnvironment};
use crate::error::{Error, Result, Step};
use crate::exchange::{Arrangement, Ledger, RunWriter};
use crate::op::{
    Flow, Held, JoinShape, Operator, OperatorState, ProbeJoin, ReduceRows, compact_batch, logical_bytes,
};
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
    /// A filter by keys, the task's `input`-th input.
    Reduce {
        input: usize,
        columns: Vec<usize>,
        step: Step,
    },
    /// Counts rows for the [`EnoughGate`].
    Enough,
}

/// A filter by keys for a scan: the task's `input`-th input, and the source's columns that it is for.
#[derive(Clone)]
pub(super) struct ScanReduction {
    pub(super) input: usize,
    pub(super) columns: Vec<usize>,
}

/// Everything that a task needs.
pub(super) struct TaskPlan {
    pub(super) piece: Piece,
    /// Its place among the tasks of its pipeline.
    pub(super) number: usize,
    /// Its number among the parts of a dataset.
    pub(super) part: usize,
    pub(super) steps: Vec<TaskStep>,
    pub(super) reductions: Vec<ScanReduction>,
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

/// Runs a task: once, or as often as it steps back for want of memory.
pub(super) fn run_task(
    plan: &TaskPlan,
    context: &TaskContext,
    inputs: &Inputs<Output>,
) -> std::result::Result<Output, Halt> {
    plan.environment.watch.of_stage(context.task(), plan.metrics.id);
    let timer = plan.metrics.start_task();
    let mut stopped = None;
    let result = plan.environment.admission.run(&|| context.is_stopped(), || {
        let counted = Counted::new(&plan.metrics);
        let result = work(plan, context, inputs, &counted, &mut stopped);
        if result.as_ref().is_err_and(Error::is_memory) {
            counted.take_back();
            if let Some(gate) = &plan.gate {
                gate.again(plan.number);
            }
        }
        result
    });
    drop(timer);
    if let Some(stopped) = stopped {
        return Err(Halt::Stopped(stopped));
    }
    match result {
        Ok(output) => Ok(output),
        Err(error) if error.is_cancelled() => {
            Err(context.check().map_or_else(Halt::Stopped, |()| Halt::Failed(error)))
        }
        // A reader's error names the file itself.
        Err(error) if error.io().is_some() || error.is_memory() => Err(Halt::Failed(error)),
        Err(error) => Err(Halt::Failed(error.context(format!("in {}", plan.name())))),
    }
}

fn work(
    plan: &TaskPlan,
    context: &TaskContext,
    inputs: &Inputs<Output>,
    counted: &Counted<'_>,
    stopped: &mut Option<Stopped>,
) -> Result<Output> {
    let TaskPlan { piece, gate, environment, .. } = plan;
    let number = plan.number;
    let filters = plan.reductions.iter().filter_map(|reduction| {
        inputs[reduction.input].key_filter().map(|filter| (filter, reduction.columns.clone()))
    });
    let reduced = piece.reduced(filters.collect())?;
    let mut chain = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        chain.push(match step {
            TaskStep::Operator(operator) => Link::start(operator.as_ref(), environment)?,
            TaskStep::Reduce { input, columns, step } => match inputs[*input].key_filter() {
                Some(filter) => Link::Operator(Box::new(ReduceRows::new(filter, columns.clone())), *step),
                None => continue,
            },
            TaskStep::Probe { shape, input } => {
                let Output::Build(build) = &inputs[*input] else {
                    return Err(Error::internal("a join's build side is no build side"));
                };
                Link::start(&ProbeJoin { shape: Arc::clone(shape), build: Arc::clone(build) }, environment)?
            }
            TaskStep::Enough => Link::Enough(gate.clone(), number),
        });
    }
    let mut sink = OpenSink::open(&plan.sink, plan.part, environment)?;
    let passing = Passing { counted, context };
    let mut go_on = || {
        if let Err(stop) = context.check() {
            *stopped = Some(stop);
            return Ok(false);
        }
        Ok(gate.as_ref().is_none_or(|gate| gate.wants(number)))
    };
    if go_on()? {
        piece.pump(reduced.as_ref(), environment, counted, &mut go_on, &mut |fed| match fed {
            Fed::Rows(batch) => drive(&mut chain, &mut sink, &passing, batch),
            fed => of_keys(&mut chain, &mut sink, &passing, &fed),
        })?;
    }
    if stopped.is_some() {
        return Err(Error::cancelled());
    }
    finish(&mut chain, &mut sink, &passing)?;
    if let Some(gate) = gate {
        gate.finished(number);
    }
    sink.finish(&environment.store.ledger)
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
    counted: &'a Counted<'a>,
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
            passing.counted.rows_out(batch.num_rows());
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

/// Tells the first operator, which stands behind an exchange by hash, about keys.
fn of_keys(chain: &mut [Link], sink: &mut OpenSink, passing: &Passing<'_>, fed: &Fed<'_>) -> Result<Flow> {
    let Some((Link::Operator(state, step), rest)) = chain.split_first_mut() else {
        return Err(Error::internal("nothing stands behind an exchange by hash"));
    };
    let mut out = |batch| drive(rest, sink, passing, batch);
    let flow = match fed {
        Fed::Key(rows) => state.push_key(*rows, &mut out),
        Fed::EndOfKeys => state.end_of_keys(&mut out),
        Fed::Rows(_) => Err(Error::internal("rows are no news of keys")),
    };
    flow.map_err(|error| error.at_step(*step))
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
    Runs(Box<RunWriter>),
    Collect { batches: Vec<RecordBatch>, bytes: usize, held: Held },
    Write { writer: Box<PartWriter>, held: Held },
}

impl OpenSink {
    fn open(sink: &Sink, part: usize, environment: &RunEnvironment) -> Result<OpenSink> {
        let runs = |arrangement| OpenSink::Runs(Box::new(environment.store.writer(arrangement)));
        Ok(match sink {
            Sink::Hash(keys) => runs(Arrangement::ByBucket(keys.clone(), 0)),
            Sink::Rows => runs(Arrangement::AsTheyCome),
            Sink::Sort(spec) => runs(Arrangement::Sorted(Arc::clone(spec))),
            Sink::Collect => OpenSink::Collect {
                batches: Vec::new(),
                bytes: 0,
                held: Held::new(&environment.workspace.memory),
            },
            Sink::Write { writer, .. } => OpenSink::Write {
                writer: Box::new(writer.part(part)),
                held: Held::new(&environment.workspace.memory),
            },
        })
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        match self {
            OpenSink::Runs(writer) => writer.push(batch),
            OpenSink::Collect { batches, bytes, held } => {
                // What was read in pages must not keep more of them than its rows.
                let batch = compact_batch(&batch)?;
                *bytes += logical_bytes(&batch);
                held.set(*bytes).map_err(|error| {
                    error.context(
                        "while collecting a result in memory; a larger one can be written with `to_parquet`",
                    )
                })?;
                batches.push(batch);
                Ok(())
            }
            OpenSink::Write { writer, held } => {
                writer.write(&batch)?;
                held.set(writer.memory())
            }
        }
    }

    fn finish(self, ledger: &Ledger) -> Result<Output> {
        Ok(match self {
            OpenSink::Runs(writer) => Output::Runs(Arc::new(writer.finish()?)),
            OpenSink::Collect { batches, held, .. } => Output::Batches { batches, kept: Kept(held) },
            OpenSink::Write { writer, held: _held } => {
                ledger.note_spilled(writer.spilled());
                Output::Part(writer.finish()?)
            }
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

    /// A partition's task begins again.
    fn again(&self, partition: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).counts[partition] = 0;
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
