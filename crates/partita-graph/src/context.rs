//! What a running task knows about its run: its name, its worker, and whether to stop.

use std::cell::RefCell;
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
    parents: Vec<Parent>,
}

/// What cancels a token besides its own switch.
#[derive(Debug)]
enum Parent {
    Token(CancelToken),
    Task { cancel: CancelToken, stop: Arc<AtomicBool> },
}

impl Parent {
    fn token(&self) -> &CancelToken {
        match self {
            Parent::Token(token) | Parent::Task { cancel: token, .. } => token,
        }
    }

    fn is_cancelled(&self) -> bool {
        let stopped = matches!(self, Parent::Task { stop, .. } if stop.load(Ordering::Relaxed));
        stopped || self.token().is_cancelled()
    }
}

impl CancelToken {
    /// A switch that is not cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// A switch of its own that is off as soon as one of these is: for a run within another one.
    pub fn below(parents: impl IntoIterator<Item = CancelToken>) -> Self {
        let parents = parents.into_iter().map(Parent::Token).collect();
        CancelToken { shared: Arc::new(Switch { parents, ..Switch::default() }) }
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
        self.shared.cancelled.load(Ordering::Acquire) || self.shared.parents.iter().any(Parent::is_cancelled)
    }

    /// Why it was cancelled, if it was and a reason was given.
    pub fn reason(&self) -> Option<&str> {
        if self.shared.cancelled.load(Ordering::Acquire) {
            self.shared.reason.get().map(String::as_str)
        } else {
            self.shared.parents.iter().find_map(|parent| parent.token().reason())
        }
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

thread_local! {
    static CURRENT: RefCell<Option<TaskContext>> = const { RefCell::new(None) };
}

impl TaskContext {
    /// The task that this thread is inside of.
    pub fn current() -> Option<TaskContext> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Whether this thread is inside a task.
    pub(crate) fn is_inside() -> bool {
        CURRENT.with_borrow(Option::is_some)
    }

    /// Marks this thread as inside the task until the guard is dropped. Threads of the pool are marked by the
    /// scheduler; this is for one that works for a task on its own.
    #[must_use = "dropping the guard ends it"]
    pub fn enter(&self) -> Inside {
        Inside { before: CURRENT.replace(Some(self.clone())) }
    }

    /// The same task, stopped by another switch, which should be below [`TaskContext::token`].
    #[must_use]
    pub fn with_switch(&self, cancel: CancelToken) -> TaskContext {
        TaskContext { cancel, stop: Arc::default(), ..self.clone() }
    }

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

    /// A switch that is off when this task's result is no longer wanted: for a run inside the task.
    pub fn token(&self) -> CancelToken {
        let parent = Parent::Task { cancel: self.cancel.clone(), stop: Arc::clone(&self.stop) };
        CancelToken { shared: Arc::new(Switch { parents: vec![parent], ..Switch::default() }) }
    }

    /// The switch of the whole run.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }
}

/// A thread is inside a task as long as this lives; then it is where it was before.
#[derive(Debug)]
pub struct Inside {
    before: Option<TaskContext>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}
