//! What a running task knows about its run: its name, its worker, and whether to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::{Name, TaskId};

/// A switch that stops a run: clone it, hand it to the run, and call [`CancelToken::cancel`] from anywhere.
///
/// Tasks that have not started never start; running ones see it through [`TaskContext::check`].
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    shared: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch {
    cancelled: AtomicBool,
    reason: OnceLock<String>,
}

impl CancelToken {
    /// A switch that is not cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Stops the run, for good. Safe to call more than once.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
    }

    /// Stops the run and says why; the first reason is kept.
    pub fn cancel_because(&self, reason: impl Into<String>) {
        // A second reason is dropped: the first is what stopped the run.
        let _ = self.shared.reason.set(reason.into());
        self.cancel();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Why it was cancelled, if it was and a reason was given.
    pub fn reason(&self) -> Option<&str> {
        if self.is_cancelled() { self.shared.reason.get().map(String::as_str) } else { None }
    }
}

/// What [`TaskContext::check`] returns when the task should stop; it passes through `?` and is no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped, because the run was cancelled or another task failed")]
pub struct Stopped;

/// What a task knows about its run. Clone it to pass it on to readers and writers.
#[derive(Clone, Debug)]
pub struct TaskContext {
    pub(crate) name: Name,
    pub(crate) task: TaskId,
    pub(crate) worker: usize,
    pub(crate) cancel: CancelToken,
    pub(crate) stop: Arc<AtomicBool>,
}

impl TaskContext {
    /// The task's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The task.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// The index of the pool thread that runs it.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Whether the task's result is no longer wanted. Costs two loads: ask once per batch.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.cancel.is_cancelled()
    }

    /// Returns early from a task whose result is no longer wanted.
    ///
    /// # Errors
    /// [`Stopped`] when the run was cancelled or has failed.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// The switch of the whole run.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}
