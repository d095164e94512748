//! What a task of a delayed graph does: call the node's function, within its time limit, again if it may.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use partita_graph::{BoxError, CancelToken, Inputs, Step, Stopped, TaskContext};

use super::account::{Account, Weigh};
use super::gather::Parts;
use super::node::{Body, NodeRef, Rules, Settings, Value};
use crate::session::Session;

type Answer = std::result::Result<Step<Value>, BoxError>;

/// The function of a node's task.
pub(super) fn of(
    node: &NodeRef,
    settings: Option<&Settings>,
    account: &Arc<Account>,
) -> impl FnOnce(&TaskContext, Inputs<Value>) -> Answer + Send + 'static {
    let rules = settings.map(|settings| settings.rules).unwrap_or_default();
    let weigh = settings.and_then(|settings| settings.weigh);
    let work = Work { node: Arc::clone(node), weigh, account: Arc::clone(account) };
    move |context, inputs| {
        let values = inputs.into_shared().collect();
        let answer = if rules == Rules::default() {
            work.call(values)
        } else {
            attempt(work, rules, 1, context, values)
        };
        answer.map_err(|error| told_to_stop(error, context))
    }
}

/// What a task does, with the account of what comes of it.
#[derive(Clone)]
struct Work {
    node: NodeRef,
    weigh: Option<Weigh>,
    account: Arc<Account>,
}

/// What fails after the run was stopped mostly fails because of it: no failure of its own.
fn told_to_stop(error: BoxError, context: &TaskContext) -> BoxError {
    if context.is_stopped() { Stopped.into() } else { error }
}

/// One try of a node that has rules.
fn attempt(work: Work, rules: Rules, number: u32, context: &TaskContext, values: Vec<Arc<Value>>) -> Answer {
    let again = number <= rules.retries;
    let kept = if again { values.clone() } else { Vec::new() };
    let tried = catch_unwind(AssertUnwindSafe(|| match rules.time_limit {
        Some(limit) => within(limit, &work, values, context),
        None => work.call(values),
    }));
    let error = match tried {
        Ok(Ok(step)) => return Ok(step),
        Ok(Err(error)) => error,
        Err(panic) if !again && number == 1 => std::panic::resume_unwind(panic),
        Err(panic) => Panicked(partita_graph::panic_message(&*panic)).into(),
    };
    context.check()?;
    if !again {
        return Err(if number > 1 { Tried { tries: number, last: error }.into() } else { error });
    }
    let doubled = rules.backoff.saturating_mul(1_u32.checked_shl(number - 1).unwrap_or(u32::MAX));
    Ok(Step::again(doubled, move |context| {
        attempt(work, rules, number + 1, context, kept).map_err(|error| told_to_stop(error, context))
    }))
}

impl Work {
    /// Calls the node's function.
    fn call(&self, values: Vec<Arc<Value>>) -> Answer {
        match &self.node.body {
            Body::Call(function) | Body::Pure(function, _) => {
                Ok(Step::Done(self.account.hold(function.call(values)?, self.weigh)?))
            }
            Body::Part(number) => {
                let parts = values.first().ok_or("a part was taken of nothing")?;
                Ok(Step::Shared(parts.get::<Parts>().take(*number)?))
            }
            Body::Data(value) => Ok(Step::Shared(Arc::clone(value))),
        }
    }
}

/// Calls the node's function on a thread of its own, and gives up on it after `limit`.
fn within(limit: Duration, work: &Work, values: Vec<Arc<Value>>, context: &TaskContext) -> Answer {
    let given_up = CancelToken::below([context.token()]);
    let (sender, receiver) = sync_channel(1);
    let (own, inner) = (work.clone(), context.with_switch(given_up.clone()));
    std::thread::Builder::new().name(format!("partita {}", context.name())).spawn(move || {
        let _inside = inner.enter();
        let answer = catch_unwind(AssertUnwindSafe(|| own.call(values)));
        // Nobody listens any more if it took too long; what it made is dropped here.
        drop(catch_unwind(AssertUnwindSafe(|| drop(sender.send(answer)))));
    })?;
    let start = Instant::now();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        match receiver.recv_timeout(left.min(Duration::from_millis(2))) {
            Ok(Ok(answer)) => return answer,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() && !context.is_stopped() => {
                // The function may itself wait for the pool that this thread is of.
                rayon::yield_now();
            }
            Err(RecvTimeoutError::Timeout) => {
                given_up.cancel();
                context.check()?;
                return Err(TooSlow(limit).into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err("the node's thread ended without an answer".into());
            }
        }
    }
}

/// For functions that take long: an error when the node that calls it is no longer wanted, because its run was
/// cancelled or has failed, or the node's time is over. Anywhere else it does nothing.
///
/// # Errors
/// [`Stopped`], to be passed on with `?`: it counts as no failure.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let search = try_delayed(|| -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
///     for number in 2.. {
///         partita::checkpoint()?;
///         if number * number > 1_000_000 {
///             return Ok(number);
///         }
///     }
///     Err("there is none".into())
/// });
/// assert_eq!(search.call().compute()?, 1001);
/// # Ok::<(), partita::Error>(())
/// ```
pub fn checkpoint() -> std::result::Result<(), Stopped> {
    TaskContext::current().map_or(Ok(()), |context| context.check())
}

/// The session for a run that may be started inside a node: it stops when that node is no longer wanted.
pub(crate) fn inherit(session: &Session) -> Session {
    match TaskContext::current() {
        Some(context) => session.cancelled_by(context.token()),
        None => session.clone(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it took longer than its time limit of {0:?}")]
struct TooSlow(Duration);

#[derive(Debug, thiserror::Error)]
#[error("it panicked: {0}")]
struct Panicked(String);

#[derive(Debug, thiserror::Error)]
#[error("{last} (tried {tries} times)")]
struct Tried {
    tries: u32,
    #[source]
    last: BoxError,
}
