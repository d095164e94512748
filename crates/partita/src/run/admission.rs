//! How many tasks of a run work at once.
//!
//! Tasks take memory as their data wants it. When the ledger refuses one, it *steps back*: it gives up all that
//! it holds and runs again from the start, with fewer beside it than before. A task gives the same result each
//! time, so only time depends on this. One that is refused with nobody beside it has failed. Next in the flow:
//! `task.rs`.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Result;

/// How often a waiting task looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// The tasks at work.
#[derive(Debug)]
pub(super) struct Admission {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug)]
struct State {
    running: usize,
    /// Most that may run at once.
    allowed: usize,
    /// How often a place was taken.
    entered: u64,
}

/// A task's place among those at work, until it is dropped.
#[derive(Debug)]
struct Place<'a> {
    admission: &'a Admission,
    /// Whether others were at work when it came.
    had_company: bool,
    /// How often a place had been taken then.
    entered: u64,
}

impl Admission {
    pub(super) fn new(threads: usize) -> Admission {
        Admission {
            state: Mutex::new(State { running: 0, allowed: threads.max(1), entered: 0 }),
            left: Condvar::new(),
        }
    }

    /// Does a task's work: once, or as often as it steps back.
    ///
    /// # Errors
    /// Those of the work; a want of memory only if nobody was beside it.
    pub(super) fn run<T>(
        &self,
        is_stopped: &dyn Fn() -> bool,
        mut work: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        loop {
            let place = self.enter(is_stopped);
            match work() {
                Err(error) if error.is_memory() && place.step_back() => {}
                result => return result,
            }
        }
    }

    /// Waits until there is a place, or the run is stopped.
    fn enter(&self, is_stopped: &dyn Fn() -> bool) -> Place<'_> {
        let mut state = self.lock();
        while state.running >= state.allowed && !is_stopped() {
            state = self.left.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.running += 1;
        state.entered += 1;
        Place { admission: self, had_company: state.running > 1, entered: state.entered }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Whether it is worth to try again: there were others at work, and there will be fewer. Those that had the memory
    /// may have ended since the task was refused it, so whoever was beside it at any time counts.
    fn step_back(self) -> bool {
        let mut state = self.admission.lock();
        let was_alone = !self.had_company && state.entered == self.entered;
        if !was_alone {
            state.allowed = (state.running - 1).min(state.allowed).max(1);
        }
        !was_alone
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.admission.lock().running -= 1;
        self.admission.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn tasks_that_step_back_end_alone() {
        let admission = Admission::new(4);
        let (at_work, tries) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    // Each wants all there is.
                    let work = || {
                        tries.fetch_add(1, Ordering::SeqCst);
                        at_work.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(1));
                        let alone = at_work.fetch_sub(1, Ordering::SeqCst) == 1;
                        if alone { Ok(()) } else { Err(Error::memory("there are others")) }
                    };
                    admission.run(&|| false, work).expect("it is alone at last");
                });
            }
        });
        assert!(tries.load(Ordering::SeqCst) >= 16);
        let state = admission.lock();
        assert_eq!(state.running, 0);
        assert!((1..=4).contains(&state.allowed));
    }

    #[test]
    fn a_stopped_run_lets_everybody_in() {
        let admission = Admission::new(1);
        let _working = admission.enter(&|| false);
        let second = admission.enter(&|| true);
        assert_eq!(second.admission.lock().running, 2);
    }

    #[test]
    fn a_task_that_others_left_no_memory_tries_again_though_they_have_ended() {
        let admission = Admission::new(2);
        let other = std::cell::Cell::new(Some(admission.enter(&|| false)));
        let tries = AtomicUsize::new(0);
        let work = || match tries.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let refused = Error::memory("the other one has it");
                drop(other.take());
                Err(refused)
            }
            _ => Ok(()),
        };
        admission.run(&|| false, work).expect("it is alone the second time");
        // Alone from beginning to end, a refusal is final.
        let alone = admission.run(&|| false, || Err::<(), _>(Error::memory("there is too little")));
        assert!(alone.is_err_and(|error| error.is_memory()));
    }
}
