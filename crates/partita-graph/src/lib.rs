//! A keyed lazy task graph and its scheduler on a rayon pool; knows no Arrow, no plans, no files.
//!
//! A [`Graph`] is built without running anything: every task has a name, the tasks whose results it takes,
//! and a function. [`run`] computes the wanted outputs on a thread pool and returns their results:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use partita_graph::{Graph, RunOptions, Step, run};
//!
//! let mut graph = Graph::new();
//! let three = graph.value("three", 3);
//! let four = graph.value("four", 4);
//! let sum = graph.add("sum", &[three, four], |_, inputs| Ok(Step::Done(inputs[0] + inputs[1])));
//!
//! let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
//! let results = run(graph, &pool, &[sum], RunOptions::default())?;
//! assert_eq!(*results[0], 7);
//! # Ok(())
//! # }
//! ```
//!
//! What it promises:
//! - Only what the outputs need is run, each task once, and shared work once.
//! - Ready tasks start by one static, depth-first order that keeps few results alive; a result is dropped
//!   as soon as its last user is done with it, and handed over whole to a sole user.
//! - A task may return more tasks ([`Step::Expand`]) in place of its result, to any depth.
//! - A task may ask to run again later ([`Step::again`]); no thread sleeps for it.
//! - The first error stops what has not started; it names the task, its inputs and its path. A panic is an error.
//! - No recursion: neither long chains nor deep expansions overflow a stack.
//!
//! In reading order: `graph` is what users build, `order` finds the static order, `schedule` runs it (its
//! `README.md` holds the argument why no task is lost), `error` is what comes back.

mod context;
mod edges;
mod error;
mod graph;
mod inputs;
mod key;
mod name;
mod options;
mod order;
mod schedule;
#[cfg(test)]
mod tests;

pub use context::{CancelToken, Inside, Stopped, TaskContext};
pub use error::{BoxError, Cause, RunError, panic_message};
pub use graph::{Again, Graph, Step, TaskId};
pub use inputs::Inputs;
pub use key::Key;
pub use name::Name;
pub use options::{Admission, Observer, OnError, RunOptions, Span, TaskInfo};
pub use schedule::run;
