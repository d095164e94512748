//! Runs in the background, and the handle on one.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use partita_graph::CancelToken;

use super::argument::Shareable;
use super::node::Value;
use super::task::inherit;
use crate::error::{Error, Result};
use crate::session::Session;

/// A run in the background, started by [`Delayed::submit`](super::Delayed::submit).
///
/// Dropping it cancels the run: nobody could get its result any more.
#[must_use = "dropping it cancels the run"]
pub struct Submitted<T> {
    shared: Arc<Shared>,
    cancel: CancelToken,
    _type: PhantomData<fn() -> T>,
}

/// Where the run leaves its result.
#[derive(Default)]
struct Shared {
    result: Mutex<Option<Result<Arc<Value>>>>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Result<Arc<Value>>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<Arc<Value>>) {
        *self.lock() = Some(result);
        self.changed.notify_all();
    }
}

impl<T: Shareable> Submitted<T> {
    /// Does `run` on a thread that waits for it.
    pub(super) fn start(
        run: impl FnOnce(&Session) -> Result<Arc<Value>> + Send + 'static,
        session: Session,
    ) -> Submitted<T> {
        let cancel = CancelToken::new();
        let session = inherit(&session).cancelled_by(cancel.clone());
        let shared = Arc::new(Shared::default());
        let result = Arc::clone(&shared);
        let started = std::thread::Builder::new().name("partita-submit".to_owned()).spawn(move || {
            let value = catch_unwind(AssertUnwindSafe(|| run(&session)));
            result.finish(
                value.unwrap_or_else(|panic| Err(Error::panicked(partita_graph::panic_message(&*panic)))),
            );
        });
        if let Err(error) = started {
            shared.finish(Err(Error::invalid(format!("cannot start a thread to wait for the run: {error}"))));
        }
        Submitted { shared, cancel, _type: PhantomData }
    }

    /// Whether the run is over, so that [`Submitted::wait`] returns at once.
    pub fn ready(&self) -> bool {
        self.shared.lock().is_some()
    }

    /// Waits until the run is over, at most so long; says whether it is.
    pub fn ready_within(&self, limit: Duration) -> bool {
        let start = Instant::now();
        self.sleep(|| limit.saturating_sub(start.elapsed()))
    }

    /// Stops the run: what has not started never starts. `wait` then returns an error for which
    /// [`Error::is_cancelled`] holds, unless the run was over before.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits for the run and returns its value.
    ///
    /// # Errors
    /// As [`Delayed::compute`](super::Delayed::compute), or the run was cancelled.
    pub fn wait(self) -> Result<T>
    where
        T: Clone,
    {
        self.wait_shared().map(Arc::unwrap_or_clone)
    }

    /// As [`Submitted::wait`], for values that cannot be cloned.
    ///
    /// # Errors
    /// As [`Submitted::wait`].
    pub fn wait_shared(self) -> Result<Arc<T>> {
        self.sleep(|| Duration::MAX);
        let result = self.shared.lock().take();
        result.unwrap_or_else(|| Err(Error::internal("a run was waited for twice"))).map(Value::into_shared)
    }

    /// Waits until the run is over or no time is left; says whether it is over.
    fn sleep(&self, left: impl Fn() -> Duration) -> bool {
        // A thread of a pool must not just sleep: the run may need it.
        let of_pool = rayon::current_thread_index().is_some();
        let mut result = self.shared.lock();
        while result.is_none() {
            let left = left();
            if left.is_zero() {
                return false;
            }
            let mut nap = left.min(Duration::from_secs(60));
            if of_pool {
                drop(result);
                nap = nap.min(match rayon::yield_now() {
                    Some(rayon::Yield::Executed) => Duration::ZERO,
                    _ => Duration::from_millis(1),
                });
                result = self.shared.lock();
                if result.is_some() {
                    break;
                }
            }
            let woken = self.shared.changed.wait_timeout(result, nap);
            result = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl<T> Drop for Submitted<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl<T> std::fmt::Debug for Submitted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submitted").field("ready", &self.shared.lock().is_some()).finish()
    }
}
