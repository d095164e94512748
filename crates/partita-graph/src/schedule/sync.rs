//! All the synchronisation of a run: one lock, one condition. What is done under it is in `state`.
//!
//! Kept apart and small so that an exhaustive interleaving checker can put its own types here.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A state behind one lock, and a way to wait until it says so.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    state: Mutex<S>,
    changed: Condvar,
}

impl<S> Gate<S> {
    pub(crate) fn new(state: S) -> Self {
        Gate { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Does `action` alone.
    pub(crate) fn enter<R>(&self, action: impl FnOnce(&mut S) -> R) -> R {
        action(&mut self.lock())
    }

    /// Looks again after each notification, and when the time that `look` gave has come, until it has an answer.
    pub(crate) fn wait<R>(&self, mut look: impl FnMut(&mut S) -> Result<R, Option<Instant>>) -> R {
        let mut guard = self.lock();
        loop {
            guard = match look(&mut guard) {
                Ok(answer) => return answer,
                Err(None) => self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Err(Some(until)) => {
                    let nap = until.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(guard, nap).unwrap_or_else(PoisonError::into_inner).0
                }
            }
        }
    }

    /// Lets all that wait look again.
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A panic under the lock ends the run with an error (see `worker`), which must still get in here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
