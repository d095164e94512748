//! 7: stages become tasks of a `partita-graph`, run on the session's threads.
//!
//! [`execute`] makes one *planner* task per stage, dependent on the planners of the stages that it reads. A
//! planner runs when those have their results: it looks at their sizes, decides what was left open
//! (`schedule.rs`), and adds the stage's partition tasks (`task.rs`), whose results it gathers in partition
//! order. Every decision is a function of data, plan and settings. Next in the flow: `schedule.rs`.

mod admission;
mod combine;
mod enough;
mod join;
mod merged;
mod metrics;
mod piece;
mod preview;
mod schedule;
mod sink;
mod tally;
mod task;
mod told;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use partita_graph::{Cause, Graph, OnError, RunError, RunOptions, TaskId};
use partita_io::{Part, ReadContext, ScanRequest, Source as FileSource};

pub(crate) use metrics::RunMetrics;
pub(crate) use preview::tasks_picture;

use admission::Admission;

use crate::error::{Error, Result};
use crate::exchange::{Ledger, RunSet, RunStore, Runs, SpillDirectory};
use crate::explain::picture_of_run;
use crate::op::{BuildColumn, BuildSide, BuildTable, Held, KeyFilter, PackedBatch, Workspace};
use crate::report::{Report, StageReport};
use crate::session::{Session, Settings};
use crate::stage::StageRef;
use crate::watch::{Closely, Measures, Watch};

/// A unit of work behind an exchange: tables over so many bytes of rows stay in the caches.
const CACHED_BYTES: u64 = 4 << 20;

/// What a task of the graph leaves.
#[derive(Debug)]
pub(crate) enum Output {
    /// A partition's runs, in order.
    Runs(Arc<Runs>),
    /// A partition's rows, in order, with their place in the ledger.
    Batches { batches: Vec<RecordBatch>, held: Held },
    /// The same packed; `bytes` as the rows count for decisions.
    Packed { batches: Vec<PackedBatch>, bytes: u64, _held: Held },
    /// Files of a dataset that is not committed yet.
    Part(Part),
    /// A column of a join's shared build side.
    Column(Arc<BuildColumn>),
    /// The table over its keys.
    Table(Arc<BuildTable>),
    /// A join's shared build side.
    Build(Arc<BuildSide>),
    /// A filter by the keys of a stage's rows, if there can be a small one.
    Filter(Option<Arc<KeyFilter>>),
    /// The results of a pipeline's or a stage's partitions, in order.
    Parts(Vec<Arc<Output>>),
}

impl Output {
    fn flatten(self: &Arc<Output>, into: &mut Vec<Arc<Output>>) {
        match &**self {
            Output::Parts(parts) => parts.iter().for_each(|part| part.flatten(into)),
            _ => into.push(Arc::clone(self)),
        }
    }

    /// The filter that a join's build side or a stage's keys make for the rows that come to them.
    fn key_filter(&self) -> Option<Arc<KeyFilter>> {
        match self {
            Output::Build(build) => build.filter(),
            Output::Filter(filter) => filter.clone(),
            _ => None,
        }
    }

    fn column(&self) -> Result<&Arc<BuildColumn>> {
        match self {
            Output::Column(column) => Ok(column),
            _ => Err(Error::internal("a column of a build side is none")),
        }
    }

    /// Bytes of a partition's rows, as they count for decisions, or of its files.
    fn bytes(&self) -> u64 {
        match self {
            Output::Runs(runs) => runs.bytes(),
            Output::Batches { held, .. } => held.bytes() as u64,
            Output::Packed { bytes, .. } => *bytes,
            Output::Part(part) => part.files().iter().map(|file| file.bytes).sum(),
            Output::Column(..)
            | Output::Table(..)
            | Output::Build(_)
            | Output::Filter(_)
            | Output::Parts(_) => 0,
        }
    }

    /// The runs of a stage that ended in an exchange.
    pub(crate) fn run_set(self: &Arc<Output>) -> Result<RunSet> {
        let mut parts = Vec::new();
        self.flatten(&mut parts);
        let runs = |part: &Arc<Output>| match &**part {
            Output::Runs(runs) => Ok(Arc::clone(runs)),
            _ => Err(Error::internal("a stage that was to write an exchange did not")),
        };
        Ok(RunSet { partitions: parts.iter().map(runs).collect::<Result<Vec<_>>>()? })
    }
}

/// What all tasks of one run share.
pub(crate) struct RunEnvironment {
    pub(crate) settings: Settings,
    pub(crate) store: RunStore,
    admission: Admission,
    pub(crate) metrics: Arc<RunMetrics>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) read: ReadContext,
    pub(crate) workspace: Workspace,
    too_narrow: Mutex<Vec<TooNarrow>>,
}

/// A source one of whose inferred types did not hold a value, and how it was read.
pub(crate) type TooNarrow = (Arc<dyn FileSource>, ScanRequest);

/// Why a run has no result.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Sources that must be widened before another attempt.
    pub(crate) too_narrow: Vec<TooNarrow>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error, too_narrow: Vec::new() }
    }
}

impl RunEnvironment {
    fn new(session: &Session, closely: Closely) -> Arc<RunEnvironment> {
        let settings = session.settings().clone();
        let ledger = Ledger::new(session.budget(), settings.runs_limit());
        let spill = SpillDirectory::new(Arc::clone(&settings.files), settings.spill_dir.clone());
        let memory: Arc<dyn partita_io::Reserve> = Arc::clone(&ledger) as _;
        let read = ReadContext {
            files: Arc::clone(&settings.files),
            limits: settings.limits.clone(),
            memory: Arc::clone(&memory),
            stop: session.stop(),
            // The run's tasks are on all threads already.
            threads: 1,
        };
        let partial_bytes = usize::try_from(settings.task_bytes / 3 * 2).unwrap_or(usize::MAX);
        let workspace = Workspace { memory, batch_rows: settings.batch_rows, partial_bytes };
        let metrics = Arc::new(RunMetrics::new());
        let measures = FrameMeasures { metrics: Arc::clone(&metrics), ledger: Arc::clone(&ledger) };
        let watch = Watch::start("frame", session, Arc::new(measures), closely);
        Arc::new(RunEnvironment {
            store: RunStore {
                ledger,
                spill,
                run_bytes: settings.run_bytes.min(settings.share()),
                // Each run takes part in every step of a merge.
                sorted_run_bytes: (4 * settings.run_bytes).min(settings.share() / 2),
                // Most of what runs in memory leave to a thread.
                merge_bytes: 3 * settings.share(),
            },
            admission: Admission::new(settings.threads),
            metrics,
            watch,
            read,
            workspace,
            too_narrow: Mutex::new(Vec::new()),
            settings,
        })
    }

    /// A task behind an exchange works on so many bytes at once. Nothing that is computed depends on it.
    fn unit_bytes(&self) -> u64 {
        self.settings.task_bytes.min(self.settings.share() as u64).min(CACHED_BYTES)
    }

    /// The build sides of one pipeline's shared tables may have so many bytes: each is there twice while its table is
    /// made, and a run may have several such pipelines.
    fn table_bytes(&self) -> u64 {
        self.settings.broadcast_bytes.min((self.settings.runs_limit() / 4) as u64)
    }

    /// Remembers a source whose types are too narrow, once.
    fn note_too_narrow(&self, source: &Arc<dyn FileSource>, request: &ScanRequest) {
        let mut known = self.too_narrow.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|(other, _)| Arc::ptr_eq(other, source)) {
            known.push((Arc::clone(source), request.clone()));
        }
    }
}

/// What the watch of a frame's run asks for.
struct FrameMeasures {
    metrics: Arc<RunMetrics>,
    ledger: Arc<Ledger>,
}

impl Measures for FrameMeasures {
    fn stages(&self) -> Vec<StageReport> {
        self.metrics.snapshot()
    }
    fn stage_of(&self, _task: TaskId) -> Option<usize> {
        None
    }
    fn held(&self) -> Option<usize> {
        Some(self.ledger.used())
    }
    fn peak(&self) -> usize {
        self.ledger.peak()
    }
    fn spilled(&self) -> u64 {
        self.ledger.spilled()
    }
}

/// What a run leaves: per root stage its partitions' results, and what was seen of it.
pub(crate) struct Executed {
    pub(crate) roots: Vec<Vec<Arc<Output>>>,
    pub(crate) report: Report,
}

/// Runs some stages and all that they read. Stages that several of them read run once.
///
/// # Errors
/// The first error in the static order of tasks, or that the session was cancelled.
pub(crate) fn execute(
    roots: &[StageRef],
    session: &Session,
    closely: Closely,
) -> std::result::Result<Executed, Failure> {
    let pool = session.pool()?;
    let environment = RunEnvironment::new(session, closely);
    let mut graph = Graph::new();
    let mut known = HashMap::new();
    let outputs: Vec<_> =
        roots.iter().map(|root| schedule::add_stage(&mut graph, root, &mut known, &environment)).collect();
    let options = RunOptions {
        cancel: session.cancel_token().clone(),
        on_error: OnError::SameEveryTime,
        observer: Some(Arc::clone(&environment.watch) as _),
        ..RunOptions::default()
    };
    let results = partita_graph::run(graph, &pool, &outputs, options).map_err(from_run_error);
    let notices = environment.metrics.notices();
    let report =
        environment.watch.finish(results.as_ref().err(), notices, |report| picture_of_run(roots, report));
    let results = results.map_err(|error| {
        let too_narrow =
            std::mem::take(&mut *environment.too_narrow.lock().unwrap_or_else(PoisonError::into_inner));
        Failure { error, too_narrow }
    })?;
    let roots = results
        .iter()
        .map(|result| {
            let mut parts = Vec::new();
            result.flatten(&mut parts);
            parts
        })
        .collect();
    Ok(Executed { roots, report })
}

fn from_run_error(error: RunError) -> Error {
    let task = error.task().map(|name| name.to_string());
    match error.into_cause() {
        Cause::Error(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::user(other),
        },
        Cause::Panicked(message) => {
            let error = Error::panicked(message);
            match task {
                Some(task) => error.context(format!("in {task}")),
                None => error,
            }
        }
        _ => Error::cancelled(),
    }
}
