//! Runs a graph. `segment` prepares it, `state` holds what is going on, `worker` does the work, `sync` locks.

mod place;
mod ready;
mod segment;
mod state;
mod sync;
mod worker;

use std::sync::Arc;

use rayon::ThreadPool;

use crate::{Graph, RunError, RunOptions, TaskId};

use segment::Segment;
use worker::Shared;

/// Runs the part of `graph` that `outputs` need on `pool`, and returns their results in the order asked for.
///
/// The calling thread waits. It may be any thread; if it is one of a rayon pool, it takes part in the work
/// (of this pool) instead of only waiting, so that runs inside tasks of other runs never deadlock.
///
/// When it returns no task of the run is running any more and, but for the outputs, every result has been
/// dropped.
///
/// # Errors
/// [`RunError`], if a task failed or panicked, or the run was cancelled before all outputs were there.
///
/// # Panics
/// If an output is of another graph.
pub fn run<T: Send + Sync + 'static>(
    graph: Graph<T>,
    pool: &ThreadPool,
    outputs: &[TaskId],
    options: RunOptions,
) -> Result<Vec<Arc<T>>, RunError> {
    let root = Segment::new(graph, outputs);
    let shared = Shared::new(root, pool.current_num_threads(), options);
    let in_this_pool = pool.current_thread_index().is_some();
    if !in_this_pool && rayon::current_thread_index().is_none() {
        shared.wait(pool);
    } else {
        // A thread of another pool goes on serving that pool while this one works.
        pool.install(|| shared.take_part());
    }
    shared.conclude()
}
