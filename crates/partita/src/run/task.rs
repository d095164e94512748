//! One task: a piece's batches through the pipeline's operators into the stage's sink.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use partita_graph::{BoxError, Inputs, Stopped, TaskContext};

use super::enough::EnoughGate;
use super::merged::Fed;
use super::metrics::{Counted, StageMetrics};
use super::piece::Piece;
use super::sink::OpenSink;
use super::tally::Operators;
use super::{Output, RunEnvironment};
use crate::error::{Error, Result, Step};
use crate::op::{Flow, JoinShape, NumberRows, Operator, OperatorState, Out, ProbeJoin, ReduceRows};
use crate::stage::Sink;

/// A pipeline's step as a task runs it.
#[derive(Clone)]
pub(super) enum TaskStep {
    Operator(Arc<dyn Operator>),
    /// A join with the shared build side that is the task's `input`-th input.
    Probe {
        shape: Arc<JoinShape>,
        coded: Vec<usize>,
        input: usize,
    },
    /// A filter by keys, the task's `input`-th input.
    Reduce {
        input: usize,
        columns: Vec<usize>,
        step: Step,
    },
    /// Numbers the rows.
    Number {
        schema: SchemaRef,
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
    /// What its operators count: the source, every step but [`TaskStep::Enough`], the sink.
    pub(super) operators: Arc<Operators>,
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
    let (mut stopped, mut rows) = (None, String::new());
    let result = plan.environment.admission.run(&|| context.is_stopped(), || {
        let counted = Counted::new(&plan.metrics, &plan.operators);
        let result = work(plan, context, inputs, &counted, &mut stopped);
        if result.as_ref().is_err_and(Error::is_memory) {
            counted.take_back();
            if let Some(gate) = &plan.gate {
                gate.again(plan.number);
            }
        } else {
            rows = counted.rows_at_work();
            let left = result.as_ref().map_or(0, Output::bytes);
            plan.environment.watch.did(context.task(), counted.end(&plan.operators, left));
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
        Err(error) => Err(Halt::Failed(error.context(format!("in {}{rows}", plan.name())))),
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
    // The source is operator 0.
    let mut at = 0;
    for step in &plan.steps {
        at += usize::from(!matches!(step, TaskStep::Enough));
        chain.push(match step {
            TaskStep::Operator(operator) => Link::start(at, operator.as_ref(), environment)?,
            TaskStep::Reduce { input, columns, step } => match inputs[*input].key_filter() {
                Some(filter) => {
                    let state = Box::new(ReduceRows::new(filter, columns.clone()));
                    Link::Operator(Working { state, step: *step, at })
                }
                None => continue,
            },
            TaskStep::Probe { shape, coded, input } => {
                let Output::Build(build) = &inputs[*input] else {
                    return Err(Error::internal("a join's build side is no build side"));
                };
                let (shape, build) = (Arc::clone(shape), Arc::clone(build));
                let probe = ProbeJoin { shape, build, coded: coded.clone() };
                Link::start(at, &probe, environment)?
            }
            TaskStep::Number { schema, step } => {
                let state = Box::new(NumberRows::new(schema, number)?);
                Link::Operator(Working { state, step: *step, at })
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
            Fed::Rows(batch) => {
                counted.tally.out(0, &batch);
                drive(&mut chain, &mut sink, &passing, batch)
            }
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
    counted.tally.during(counted.tally.sink(), || sink.finish(&environment.store.ledger))
}

/// What a batch goes through.
enum Link {
    Operator(Working),
    Enough(Option<Arc<EnoughGate>>, usize),
}

/// One operator at work.
struct Working {
    state: Box<dyn OperatorState>,
    /// Its errors are told with it.
    step: Step,
    /// Its number, for what it counts.
    at: usize,
}

impl Link {
    fn start(at: usize, operator: &dyn Operator, environment: &RunEnvironment) -> Result<Link> {
        let step = operator.step();
        let state = operator.start(&environment.workspace).map_err(|error| error.at_step(step))?;
        Ok(Link::Operator(Working { state, step, at }))
    }
}

impl Working {
    /// Lets the operator do something with what comes after it, and counts what it hands on.
    fn work<R>(
        &mut self,
        rest: &mut [Link],
        sink: &mut OpenSink,
        passing: &Passing<'_>,
        action: impl FnOnce(&mut dyn OperatorState, &mut Out<'_>) -> Result<R>,
    ) -> Result<R> {
        let (tally, at) = (&passing.counted.tally, self.at);
        let mut out = |batch: RecordBatch| {
            tally.out(at, &batch);
            drive(rest, sink, passing, batch)
        };
        tally.during(at, || action(self.state.as_mut(), &mut out)).map_err(|error| error.at_step(self.step))
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
            let counted = passing.counted;
            counted.rows_out(batch.num_rows());
            counted.tally.during(counted.tally.sink(), || sink.push(batch))?;
            Ok(Flow::Continue)
        }
        Some((Link::Operator(working), rest)) => {
            passing.counted.tally.rows_in(working.at, batch.num_rows());
            working.work(rest, sink, passing, |state, out| state.push(batch, out))
        }
        Some((Link::Enough(gate, number), rest)) => {
            if let Some(gate) = gate {
                gate.count(*number, batch.num_rows());
            }
            drive(rest, sink, passing, batch)
        }
    }
}

/// Tells the first operator, which stands behind an exchange by hash, about keys; without operators, the sink.
fn of_keys(chain: &mut [Link], sink: &mut OpenSink, passing: &Passing<'_>, fed: &Fed<'_>) -> Result<Flow> {
    let (working, rest) = match (chain.split_first_mut(), fed) {
        (Some((Link::Operator(working), rest)), _) => (working, rest),
        (None, Fed::EndOfKeys) => return sink.end_of_keys().map(|()| Flow::Continue),
        _ => return Err(Error::internal("nothing stands behind an exchange by hash")),
    };
    if let Fed::Key(rows) = fed {
        passing.counted.tally.handed(working.at, rows.rows(), rows.bytes());
    }
    working.work(rest, sink, passing, |state, out| match fed {
        Fed::Key(rows) => state.push_key(*rows, out),
        Fed::EndOfKeys => state.end_of_keys(out),
        Fed::Rows(_) => Err(Error::internal("rows are no news of keys")),
    })
}

/// Ends the operators in order, each into those after it.
fn finish(chain: &mut [Link], sink: &mut OpenSink, passing: &Passing<'_>) -> Result<()> {
    let mut rest = chain;
    while let Some((first, others)) = rest.split_first_mut() {
        if let Link::Operator(working) = first {
            working.work(others, sink, passing, |state, out| state.finish(out))?;
        }
        rest = others;
    }
    Ok(())
}
