//! Lazy task graphs of any function: [`delayed()`] wraps a function, calling it builds a graph, `compute` runs it.
//!
//! ```
//! use partita::prelude::*;
//!
//! let add = delayed(|a: i64, b: i64| a + b);
//! let mul = delayed(|a: i64, b: i64| a * b);
//! let sub = delayed(|a: i64, b: i64| a - b);
//!
//! // (3 + 7) * (2 + 8) * ((2 * 3) - 1)
//! let left = mul.call(add.call(3, 7), add.call(2, 8));
//! let right = sub.call(mul.call(2, 3), 1);
//! let result = mul.call(left, right);
//! assert_eq!(result.compute()?, 500);
//! result.visualize(std::env::temp_dir().join("lesson.svg"))?;
//! # Ok::<(), partita::Error>(())
//! ```
//!
//! Nothing runs before `compute`. Then the two additions and the inner product run side by side, each once,
//! and a value is dropped as soon as its last user is done with it.
//!
//! The flow: `function.rs` and `operators.rs` make nodes (`node.rs`) of calls and their arguments
//! (`argument.rs`); `run.rs` lowers the wanted ones to a task graph (`lower.rs`), whose tasks do what
//! `task.rs` says, on the session's threads.

mod account;
mod argument;
mod function;
mod gather;
mod lower;
mod node;
mod operators;
mod picture;
mod run;
mod submit;
mod task;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use account::Weigh;
pub use argument::{Argument, Moved, PureArgument, Shareable};
pub use function::{Callable, Function, PureFunction, delayed, try_delayed};
pub use gather::{Gather, Split, gather};
pub use partita_graph::Stopped;
pub use submit::Submitted;
pub use task::checkpoint;

use crate::error::{Error, Result};
use crate::report::Report;
use crate::session::Session;
use node::{Body, Node, short_text};
pub(crate) use node::{NodeRef, Value};
pub(crate) use run::{run, run_given, run_with_report};
pub(crate) use task::inherit;

/// A value that is computed when it is asked for: a node of a lazy graph.
///
/// It is made by calling a [`delayed()`] function, by operators and methods of other delayed values, or of a
/// plain value by [`Delayed::value`]. Cloning makes another handle on the same node. What is asked of a node
/// ([`Delayed::name`], [`Delayed::retries`] and so on) holds for all handles on it.
///
/// Operators (`+ - * / % & | ^ << >> !` and negation) between delayed values, and between delayed and plain
/// numbers, make nodes; comparisons are methods.
#[must_use = "a delayed value is lazy: nothing happens before `compute`, `persist` or `submit`"]
pub struct Delayed<T> {
    node: NodeRef,
    session: Option<Session>,
    _type: PhantomData<fn() -> T>,
}

impl<T> Delayed<T> {
    fn of(node: NodeRef) -> Delayed<T> {
        Delayed { node, session: None, _type: PhantomData }
    }

    /// Gives the node a name, for errors, progress and pictures.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.node.set(|settings| settings.name = Some(partita_graph::Name::from(name.into())));
        self
    }

    /// Lets the node start only after `earlier` is done, without taking its value: for functions whose side
    /// effects depend on each other. Wherever this node is computed, `earlier` is too.
    ///
    /// `earlier` must have been made before this node, so that no circle can come about; where it was not,
    /// every run of this node is an error that says so.
    pub fn after<U>(self, earlier: &Delayed<U>) -> Self {
        let earlier = Arc::clone(&earlier.node);
        if earlier.id < self.node.id {
            self.node.set(|settings| settings.after.push(earlier));
        } else {
            let mistake = format!(
                "`{}` cannot wait for `{}`, which was made later or is the same; make what comes first first",
                self.node.name(),
                earlier.name()
            );
            self.node.set(|settings| settings.mistake = Some(mistake));
        }
        self
    }

    /// How often the node is tried again when it fails or panics. The default is 0. What a try takes by value
    /// is cloned for it, so that there is something left for the next one.
    pub fn retries(self, retries: u32) -> Self {
        self.node.set(|settings| settings.rules.retries = retries);
        self
    }

    /// How long to wait before the node is tried again; the pause doubles with each further try. The default
    /// is not to wait. While the node waits, its thread does other work.
    pub fn backoff(self, pause: Duration) -> Self {
        self.node.set(|settings| settings.rules.backoff = pause);
        self
    }

    /// How long one try of the node may take. Beyond it the try has failed, and its result is thrown away.
    ///
    /// The function runs on a thread of its own, so that one that never comes back does not hold up the run;
    /// it can notice through [`checkpoint`] that it is not waited for any more, and should then return. One that
    /// does not keeps its thread and its arguments until it returns, or until the process ends: the end of `main`
    /// does not wait for it. Each further try of it takes another thread.
    pub fn time_limit(self, limit: Duration) -> Self {
        self.node.set(|settings| settings.rules.time_limit = Some(limit));
        self
    }

    /// Moves the node, with all it needs, ahead of others (above 0) or back (below 0). The default is 0.
    pub fn priority(self, priority: i32) -> Self {
        self.node.set(|settings| settings.priority = priority);
        self
    }

    /// The same node, computed by another session: its threads and its cancel handle. It is the handle that is
    /// computed that decides; the sessions of what it needs do not matter.
    pub fn with_session(mut self, session: &Session) -> Self {
        self.session = Some(session.clone());
        self
    }

    /// The value to be handed over whole to the one function that it is given to, without a clone. That the
    /// node has no other user is checked before anything runs.
    pub fn moved(self) -> Moved<T> {
        Moved(self)
    }
}

impl<T> Delayed<T> {
    /// Says how many bytes the node's value holds, where its type alone does not tell.
    pub(crate) fn weighed(self, weigh: Weigh) -> Self {
        self.node.set(|settings| settings.weigh = Some(weigh));
        self
    }

    /// A handle on a node whose value is a `T`.
    pub(crate) fn from_node(node: NodeRef) -> Delayed<T> {
        Delayed::of(node)
    }

    /// The node, for a run of several.
    pub(crate) fn into_node(self) -> NodeRef {
        self.node
    }

    /// The session that the handle was given.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }
}

impl<T: Shareable> Delayed<T> {
    /// A value that is there already, as a node.
    pub fn value(value: T) -> Delayed<T> {
        Delayed::leaf(short_text(&value), Arc::new(Value::new(value)))
    }

    fn leaf(name: String, value: Arc<Value>) -> Delayed<T> {
        Delayed::of(Node::new(name.into(), std::any::type_name::<T>(), Vec::new(), Body::Data(value)))
    }

    /// A node with what `function` makes of this one's value.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let words = Delayed::value(vec!["lazy", "graphs"]);
    /// assert_eq!(words.map(|words| words.len()).compute()?, 2);
    /// # Ok::<(), partita::Error>(())
    /// ```
    #[track_caller]
    pub fn map<R: Shareable>(&self, function: impl Fn(&T) -> R + Send + Sync + 'static) -> Delayed<R> {
        function::call_on::<_, _, _, function::Returns>(function, self)
    }

    /// As [`Delayed::map`], for a function that may fail.
    #[track_caller]
    pub fn try_map<R, E>(
        &self,
        function: impl Fn(&T) -> std::result::Result<R, E> + Send + Sync + 'static,
    ) -> Delayed<R>
    where
        R: Shareable,
        E: Into<partita_graph::BoxError> + 'static,
    {
        function::call_on::<_, _, _, function::Tries>(function, self)
    }

    /// Both values as one.
    pub fn zip<U: Clone + Shareable>(&self, other: &Delayed<U>) -> Delayed<(T, U)>
    where
        T: Clone,
    {
        gather((self.clone(), other.clone()))
    }

    /// Runs what this value needs, and returns it.
    ///
    /// # Errors
    /// A function failed, panicked or took longer than it may, or the session was cancelled.
    pub fn compute(&self) -> Result<T>
    where
        T: Clone,
    {
        self.compute_shared().map(Arc::unwrap_or_clone)
    }

    /// As [`Delayed::compute`], for values that cannot be cloned.
    ///
    /// # Errors
    /// As [`Delayed::compute`].
    pub fn compute_shared(&self) -> Result<Arc<T>> {
        run_one(&self.node, &self.session.clone().unwrap_or_default()).map(Value::into_shared)
    }

    /// As [`Delayed::compute`], with a report of the run: which function ran when and where, as a table, a page,
    /// a trace or a picture.
    ///
    /// # Errors
    /// As [`Delayed::compute`].
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let square = delayed(|a: i64| a * a).name("square");
    /// let (value, report) = (square.call(3) + square.call(4)).compute_with_report()?;
    /// assert_eq!(value, 25);
    /// assert_eq!(report.stages()[0].tasks, 2);
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn compute_with_report(&self) -> Result<(T, Report)>
    where
        T: Clone,
    {
        let (value, report) = run_one_with_report(&self.node, &self.session.clone().unwrap_or_default())?;
        Ok((Arc::unwrap_or_clone(Value::into_shared(value)), report))
    }

    /// Runs what this value needs, and keeps it: a node whose value is there.
    ///
    /// # Errors
    /// As [`Delayed::compute`].
    pub fn persist(&self) -> Result<Delayed<T>> {
        Ok(self.kept(run_one(&self.node, &self.session.clone().unwrap_or_default())?))
    }

    /// As [`Delayed::persist`], with a report of the run.
    ///
    /// # Errors
    /// As [`Delayed::compute`].
    pub fn persist_with_report(&self) -> Result<(Delayed<T>, Report)> {
        let (value, report) = run_one_with_report(&self.node, &self.session.clone().unwrap_or_default())?;
        Ok((self.kept(value), report))
    }

    /// A node whose value is there.
    fn kept(&self, value: Arc<Value>) -> Delayed<T> {
        let kept = Delayed::leaf(self.node.name().to_string(), value);
        Delayed { session: self.session.clone(), ..kept }
    }

    /// Starts to run what this value needs, and returns at once.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let slow = delayed(|| (1..=20_u64).product::<u64>()).call();
    /// let running = slow.submit();
    /// assert_eq!(running.wait()?, 2_432_902_008_176_640_000);
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn submit(&self) -> Submitted<T> {
        let node = Arc::clone(&self.node);
        let run = move |session: &Session| run_one(&node, session);
        Submitted::start(run, self.session.clone().unwrap_or_default())
    }

    /// As [`Delayed::submit`]; beside the value one waits for the report of the run.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let running = delayed(|| 6 * 7).call().submit_with_report();
    /// let (value, report) = running.wait()?;
    /// assert_eq!((value, report.tasks().len()), (42, 1));
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn submit_with_report(&self) -> Submitted<(T, Report)>
    where
        T: Clone,
    {
        let node = Arc::clone(&self.node);
        let run = move |session: &Session| {
            let (value, report) = run_one_with_report(&node, session)?;
            let value: T = Arc::unwrap_or_clone(Value::into_shared(value));
            Ok(Arc::new(Value::new((value, report))))
        };
        Submitted::start(run, self.session.clone().unwrap_or_default())
    }
}

fn run_one(node: &NodeRef, session: &Session) -> Result<Arc<Value>> {
    let mut values = run(std::slice::from_ref(node), session)?;
    values.pop().ok_or_else(|| Error::internal("a run lost its output"))
}

fn run_one_with_report(node: &NodeRef, session: &Session) -> Result<(Arc<Value>, Report)> {
    let (mut values, report) = run_with_report(std::slice::from_ref(node), session)?;
    Ok((values.pop().ok_or_else(|| Error::internal("a run lost its output"))?, report))
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Delayed { node: Arc::clone(&self.node), session: self.session.clone(), _type: PhantomData }
    }
}

impl<T> fmt::Debug for Delayed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delayed<{}>({})", node::short_type(self.node.type_name), self.node.name())
    }
}
