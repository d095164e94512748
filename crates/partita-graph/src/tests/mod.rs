//! Tests of the crate as its users see it, and what they share.

mod again;
mod behaviour;
pub(crate) mod random;
mod scale;
mod stress;

use std::sync::mpsc;
use std::time::Duration;

use rayon::ThreadPool;

use crate::{BoxError, Graph, Inputs, Step, TaskContext, TaskId};

/// A pool of `threads` threads.
fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Fails the test instead of hanging, if `action` takes longer than any honest run could.
fn within_a_minute<R: Send + 'static>(action: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = action();
        // The receiver is gone only if the time is over, and then the test has failed already.
        let _ = sender.send(());
        result
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Disconnected) => {} // it panicked; join says so
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the run hangs"),
    }
    match thread.join() {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// A panic that prints nothing.
fn quiet_panic(message: &str) -> ! {
    std::panic::resume_unwind(Box::new(message.to_owned()))
}

/// Adds a task that sums its inputs and adds `more`.
fn add_sum(graph: &mut Graph<u64>, name: &'static str, deps: &[TaskId], more: u64) -> TaskId {
    graph.add(name, deps, move |_, inputs| Ok(Step::Done(sum(&inputs) + more)))
}

fn sum(inputs: &Inputs<u64>) -> u64 {
    (0..inputs.len()).map(|i| inputs[i]).sum()
}

/// A task that fails with `message`.
fn failing<T>(message: &'static str) -> impl FnOnce(&TaskContext, Inputs<T>) -> Result<Step<T>, BoxError> {
    move |_, _| Err(message.into())
}
