//! What users' own tools can hang on a run: called when it begins, for each task, and when it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::report::{Report, TaskReport};

/// Is told about all runs of a session: those of frames and those of graphs of functions.
///
/// Tasks are told by the threads that run them, so an observer must be quick; a panic in it fails the run.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use partita::prelude::*;
/// use partita::{Observer, RunInfo, TaskReport};
///
/// #[derive(Default)]
/// struct Count(AtomicUsize);
///
/// impl Observer for Count {
///     fn task_finished(&self, _run: &RunInfo, _task: &TaskReport) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let count = Arc::new(Count::default());
/// let session = Session::builder().observer(count.clone()).build()?;
/// PartitionedFrame::from_batches([batch! { "v" => [1] }?]).with_session(&session).compute()?;
/// assert!(count.0.load(Ordering::Relaxed) > 0);
/// # Ok::<(), partita::Error>(())
/// ```
pub trait Observer: Send + Sync {
    /// A run begins.
    fn run_started(&self, _run: &RunInfo) {}
    /// A task begins.
    fn task_started(&self, _run: &RunInfo, _task: &TaskStart) {}
    /// A task has ended, well or not.
    fn task_finished(&self, _run: &RunInfo, _task: &TaskReport) {}
    /// A run has ended; [`Report::error`] says if it failed. A run in which a column was found to need a wider
    /// type fails, and another one begins.
    fn run_finished(&self, _run: &RunInfo, _report: &Report) {}
}

/// Which run it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// Another one for every run of the process.
    pub id: u64,
    /// What runs: `frame` or `graph`.
    pub name: &'static str,
    /// The session's threads.
    pub threads: usize,
}

/// A task that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStart {
    /// What it is called.
    pub name: String,
    /// The thread that runs it, from 0 on.
    pub worker: usize,
    /// When, since the run began.
    pub started: Duration,
}

/// A session's observers.
#[derive(Clone, Default)]
pub(crate) struct Observers(pub(crate) Vec<Arc<dyn Observer>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}
