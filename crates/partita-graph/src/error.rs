//! Why a run has no results: which task, on which path, and what went wrong in it.

use std::error::Error;
use std::fmt;

use crate::{Name, Stopped};

/// The error that a task's function returns.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The task returned this error.
    Error(BoxError),
    /// The task panicked with this message.
    Panicked(String),
    /// The run was cancelled, perhaps for a given reason.
    Cancelled(Option<String>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Error(error) => write!(f, "{error}"),
            Cause::Panicked(message) => write!(f, "panicked: {message}"),
            Cause::Cancelled(None) => f.write_str("the run was cancelled"),
            Cause::Cancelled(Some(reason)) => write!(f, "the run was cancelled: {reason}"),
        }
    }
}

/// Why a run has no results.
#[derive(Debug)]
pub struct RunError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    path: Path,
    inputs: Vec<Name>,
    cause: Cause,
}

/// The names from an output to the failed task, the middle left out when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Path {
    names: Vec<Name>,
    left_out: usize,
}

impl Path {
    /// How many names are kept next to the failed task.
    const NEAR: usize = 12;
    /// How many are kept next to the output.
    const FAR: usize = 4;

    /// A path from its names, given from the failed task up to the output.
    pub(crate) fn from_failed(names: impl Iterator<Item = Name>) -> Self {
        let mut near: Vec<Name> = Vec::new();
        let mut far = std::collections::VecDeque::new();
        let mut left_out = 0;
        for name in names {
            if near.len() < Path::NEAR {
                near.push(name);
                continue;
            }
            if far.len() == Path::FAR {
                far.pop_front();
                left_out += 1;
            }
            far.push_back(name);
        }
        let names = far.into_iter().rev().chain(near.into_iter().rev()).collect();
        Path { names, left_out }
    }
}

impl RunError {
    pub(crate) fn new(path: Path, inputs: Vec<Name>, cause: Cause) -> Self {
        RunError(Box::new(Inner { path, inputs, cause }))
    }

    /// An error that is of no task.
    pub(crate) fn of_run(cause: Cause) -> Self {
        RunError::new(Path::default(), Vec::new(), cause)
    }

    /// The name of the task that failed; none if the run was cancelled.
    pub fn task(&self) -> Option<&Name> {
        self.0.path.names.last()
    }

    /// The names of the tasks from an output down to the failed task, at most 16: of a longer path the
    /// middle is left out.
    pub fn path(&self) -> &[Name] {
        &self.0.path.names
    }

    /// The names of the tasks whose results the failed task took, in their order.
    pub fn inputs(&self) -> &[Name] {
        &self.0.inputs
    }

    /// What went wrong.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What went wrong, owned, to get back the error that the task returned.
    pub fn into_cause(self) -> Cause {
        self.0.cause
    }

    /// Whether the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.cause, Cause::Cancelled(_))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, inputs, cause } = &*self.0;
        let Some(task) = self.task() else { return write!(f, "{cause}") };
        match cause {
            Cause::Panicked(message) => write!(f, "task `{task}` panicked: {message}")?,
            _ => write!(f, "task `{task}` failed: {cause}")?,
        }
        if !inputs.is_empty() {
            write!(f, " (given {}", Given(inputs))?;
        }
        if path.names.len() > 1 {
            f.write_str(if inputs.is_empty() { " (needed by " } else { "; needed by " })?;
            path.write_users(f)?;
        }
        if path.names.len() > 1 || !inputs.is_empty() { f.write_str(")") } else { Ok(()) }
    }
}

impl Path {
    /// The names from the failed task's nearest user to the output.
    fn write_users(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names[..self.names.len() - 1].iter().rev().enumerate() {
            let gap = if self.left_out > 0 && i + 1 == Path::NEAR { self.left_out } else { 0 };
            match (i, gap) {
                (0, _) => write!(f, "`{name}`")?,
                (_, 0) => write!(f, " < `{name}`")?,
                (_, gap) => write!(f, " < {gap} more < `{name}`")?,
            }
        }
        Ok(())
    }
}

/// The names of a task's inputs, the first few of many.
struct Given<'a>(&'a [Name]);

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 6;
        for (i, name) in self.0.iter().take(MOST).enumerate() {
            write!(f, "{}`{name}`", if i == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.cause {
            Cause::Error(error) => Some(error.as_ref()),
            Cause::Panicked(_) | Cause::Cancelled(_) => None,
        }
    }
}

/// Whether `error` only says that the task was told to stop, at whatever depth of its sources.
pub(crate) fn means_stopped(error: &BoxError) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        if error.is::<Stopped>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// The message of a caught panic.
pub fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}
