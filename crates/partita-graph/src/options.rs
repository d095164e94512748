//! How a run behaves: who may stop it, who watches it, who may hold tasks back.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{CancelToken, Cause, Name, TaskId};

/// The settings of one run. `RunOptions::default()` runs to the end or to the first error, unwatched.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// Stops the run from outside.
    pub cancel: CancelToken,
    /// Is told about every task.
    pub observer: Option<Arc<dyn Observer>>,
    /// Is asked before a task starts.
    pub admission: Option<Arc<dyn Admission>>,
    /// What happens to the other tasks when one fails.
    pub on_error: OnError,
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("cancel", &self.cancel)
            .field("observer", &self.observer.is_some())
            .field("admission", &self.admission.is_some())
            .field("on_error", &self.on_error)
            .finish()
    }
}

/// What happens to the other tasks when one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Nothing more starts, and running tasks are told to stop. Of the tasks that ran and failed, the
    /// earliest in the static order is reported.
    #[default]
    StopAll,
    /// Only tasks later in the static order stop; earlier ones still run. So the error is the one that a
    /// run on a single thread reports, on any number of threads, at the price of reporting it later. (Unless
    /// the run is cancelled meanwhile: then it is what was found until then.)
    SameEveryTime,
}

/// A task, as observers see it.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Its name.
    pub name: Name,
    /// Which one it is; unique among all graphs of the process.
    pub task: TaskId,
    /// Its cost in bytes, as [`crate::Graph::set_cost`] gave it.
    pub cost: u64,
}

/// Where and when a task ran.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The index of the pool thread.
    pub worker: usize,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub finished: Instant,
}

impl Span {
    /// How long it ran.
    pub fn duration(&self) -> Duration {
        self.finished.saturating_duration_since(self.started)
    }
}

/// Watches a run. Called by the pool's threads, outside the scheduler's lock, so it must be quick and
/// thread-safe. A task that starts gets `started` and then exactly one of `finished`, `expanded`, `again`,
/// `failed` and `stopped`. `queued` may come a moment after `started`, when another thread is quicker. By the time
/// [`crate::run`] returns all calls have been made. A panic in here fails the run.
pub trait Observer: Send + Sync {
    /// The task's dependencies are done; it waits for a worker.
    fn queued(&self, _task: &TaskInfo) {}
    /// The task starts on pool thread `worker`.
    fn started(&self, _task: &TaskInfo, _worker: usize) {}
    /// The task has its result.
    fn finished(&self, _task: &TaskInfo, _span: Span) {}
    /// The task returned a graph of `added` tasks that will give its result.
    fn expanded(&self, _task: &TaskInfo, _span: Span, _added: usize) {}
    /// The task is to run again when `pause` is over; then it is queued and started once more.
    fn again(&self, _task: &TaskInfo, _span: Span, _pause: Duration) {}
    /// The task failed.
    fn failed(&self, _task: &TaskInfo, _span: Span, _cause: &Cause) {}
    /// The task stopped early, because the run was cancelled or another task failed.
    fn stopped(&self, _task: &TaskInfo, _span: Span) {}
}

/// Decides whether a task may start now, by its cost. It changes when tasks run, never what they compute.
///
/// Tasks start strictly in order of priority: while the best ready task is refused nothing else starts, so
/// that what is nearly finished is finished before more is begun. A refused task is asked for again
/// whenever another task ends.
pub trait Admission: Send + Sync {
    /// Whether a task of `cost` bytes may start while `running` others run. With `running == 0` the
    /// answer is not heeded and the task starts, so that a run never stands still; count it as started.
    ///
    /// Called under the scheduler's lock: answer from counters, do not wait, do not call the run.
    fn admit(&self, cost: u64, running: usize) -> bool;

    /// A task that was admitted with `cost` has ended, well or not.
    fn ended(&self, _cost: u64) {}
}
