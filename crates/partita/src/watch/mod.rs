//! What is seen of a run while it goes on: its tasks, its memory, and whoever else wants to look.
//!
//! A [`Watch`] belongs to one run, of a frame or of a graph of functions. The scheduler tells it about every task;
//! it keeps a record (`record.rs`), calls the session's observers (`observer.rs`) and shows progress
//! (`progress.rs`). What the run measures besides, stage by stage, it asks of a [`Measures`]. At the end it gives
//! the [`Report`]. Next: `report/mod.rs`.

mod functions;
mod observer;
mod progress;
mod record;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use partita_graph::{Cause, Span, TaskId, TaskInfo};
use partita_io::Notice;

use crate::error::Error;
use crate::explain::Picture;
use crate::report::{Outcome, Report, StageReport, Work};
use crate::session::Session;

pub(crate) use functions::{Functions, HeldMemory};
pub(crate) use observer::Observers;
pub use observer::{Observer, RunInfo, TaskStart};
use progress::Progress;
use record::Record;

/// What a run measures of itself.
pub(crate) trait Measures: Send + Sync {
    /// Its stages until now, in their order.
    fn stages(&self) -> Vec<StageReport>;
    /// The number of a task's stage, if it is known without the run's help.
    fn stage_of(&self, task: TaskId) -> Option<usize>;
    /// A task of that stage has begun, or has ended after such a time.
    fn task_started(&self, _task: TaskId, _at: Duration) {}
    fn task_ended(&self, _task: TaskId, _at: Duration, _took: Duration) {}
    /// Bytes that the run holds now, the most that it held, and those that it spilled.
    fn held(&self) -> Option<usize> {
        None
    }
    fn peak(&self) -> usize {
        0
    }
    fn spilled(&self) -> u64 {
        0
    }
}

/// How closely a run is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closely {
    /// Tasks, and memory when they begin and end.
    Tasks,
    /// Memory in between too.
    Memory,
}

/// One run, watched.
pub(crate) struct Watch {
    info: RunInfo,
    started: Instant,
    observers: Vec<Arc<dyn Observer>>,
    measures: Arc<dyn Measures>,
    record: Mutex<Record>,
    span: tracing::Span,
    stop: Mutex<Option<Progress>>,
}

impl Watch {
    /// Begins to watch a run that begins now.
    pub(crate) fn start(
        name: &'static str,
        session: &Session,
        measures: Arc<dyn Measures>,
        closely: Closely,
    ) -> Arc<Watch> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let settings = session.settings();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let info = RunInfo { id, name, threads: settings.threads };
        let watch = Arc::new(Watch {
            span: tracing::info_span!("run", id, name),
            info,
            started: Instant::now(),
            observers: settings.observers.0.clone(),
            measures,
            record: Mutex::new(Record::default()),
            stop: Mutex::new(None),
        });
        watch.observers.iter().for_each(|observer| observer.run_started(&watch.info));
        let progress = Progress::show(settings.progress, closely == Closely::Memory, &watch);
        *watch.stop.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        watch
    }

    /// Whether anybody looks at runs of this session, though no report was asked for.
    pub(crate) fn wanted(session: &Session) -> bool {
        session.settings().progress || !session.settings().observers.0.is_empty()
    }

    /// Says which stage a task is of.
    pub(crate) fn of_stage(&self, task: TaskId, stage: usize) {
        self.record().of_stage(task, stage);
    }

    /// Says what a task did, before it ends.
    pub(crate) fn did(&self, task: TaskId, work: Work) {
        self.record().did(task, work);
    }

    /// The end of the run: what was seen of it.
    pub(crate) fn finish(
        &self,
        error: Option<&Error>,
        notices: Vec<Notice>,
        picture: impl FnOnce(&Report) -> Picture,
    ) -> Report {
        let elapsed = self.started.elapsed();
        // The last words of a progress display come before the report is made.
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.sample(Duration::ZERO);
        let stages = self.measures.stages();
        let (tasks, memory) = {
            let mut record = self.record();
            (record.take_tasks(), record.take_memory())
        };
        let mut report = Report {
            name: self.info.name,
            elapsed,
            threads: self.info.threads,
            peak_memory: self.measures.peak(),
            spilled: self.measures.spilled(),
            picture: None,
            stages,
            tasks,
            memory,
            notices,
            error: error.map(ToString::to_string),
        };
        report.picture = Some(Arc::new(picture(&report)));
        self.observers.iter().for_each(|observer| observer.run_finished(&self.info, &report));
        report
    }

    fn moment(&self) -> progress::Moment {
        progress::Moment {
            elapsed: self.started.elapsed(),
            stages: self.measures.stages(),
            held: self.measures.held(),
            spilled: self.measures.spilled(),
        }
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how much memory is held, unless that was done so short a time ago.
    fn sample(&self, at_least: Duration) {
        let now = self.started.elapsed();
        let mut record = self.record();
        if record.wants_memory(now, at_least) {
            record.note_memory(now, self.measures.held(), partita_io::resident_memory());
        }
    }

    fn since(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.started)
    }

    /// What a task's own code logs is inside a span that names the task.
    fn enter_span(&self, task: &TaskInfo, worker: usize) {
        let span = tracing::debug_span!(parent: &self.span, "task", name = %task.name, worker);
        SPANS.with_borrow_mut(|spans| spans.push(span.entered()));
    }

    fn ended(&self, task: &TaskInfo, span: Span, outcome: Outcome) {
        leave_span();
        let (started, finished) = (self.since(span.started), self.since(span.finished));
        // A task that is tried again has not ended for its stage.
        if outcome != Outcome::Retried {
            self.measures.task_ended(task.task, finished, finished.saturating_sub(started));
        }
        let stage = self.measures.stage_of(task.task);
        let ended = self.record().ended(task, stage, span.worker, started, finished, outcome);
        if !self.observers.is_empty() {
            let report = ended.report();
            self.observers.iter().for_each(|observer| observer.task_finished(&self.info, &report));
        }
        self.sample(BETWEEN_SAMPLES);
    }
}

thread_local! {
    /// The spans of the tasks that this thread is in: one, or more where a task that waits does another one.
    static SPANS: RefCell<Vec<tracing::span::EnteredSpan>> = const { RefCell::new(Vec::new()) };
}

fn leave_span() {
    drop(SPANS.with_borrow_mut(Vec::pop));
}

/// Reading the process's memory takes microseconds, so it is not done at the end of every short task.
const BETWEEN_SAMPLES: Duration = Duration::from_millis(20);

/// The scheduler's calls.
impl partita_graph::Observer for Watch {
    fn started(&self, task: &TaskInfo, worker: usize) {
        self.enter_span(task, worker);
        let at = self.started.elapsed();
        self.measures.task_started(task.task, at);
        if !self.observers.is_empty() {
            let start = TaskStart { name: task.name.to_string(), worker, started: at };
            self.observers.iter().for_each(|observer| observer.task_started(&self.info, &start));
        }
    }
    fn finished(&self, task: &TaskInfo, span: Span) {
        self.ended(task, span, Outcome::Done);
    }
    fn again(&self, task: &TaskInfo, span: Span, _after: Duration) {
        self.ended(task, span, Outcome::Retried);
    }
    fn expanded(&self, task: &TaskInfo, span: Span, _added: usize) {
        self.ended(task, span, Outcome::Planned);
    }
    fn failed(&self, task: &TaskInfo, span: Span, _cause: &Cause) {
        self.ended(task, span, Outcome::Failed);
    }
    fn stopped(&self, task: &TaskInfo, span: Span) {
        self.ended(task, span, Outcome::Stopped);
    }
}
