//! The memory ledger: every taker of memory that grows with the data asks here first.
//!
//! There are two accounts. *Runs* of the exchange may hold half of the limit; a run that does not fit goes to
//! disk, so asking for one never fails, and what it says about itself is counted all the same. *Workspace* is
//! what operators and readers need to make progress; it gets all that runs do not hold, about the other half at
//! least. A task that is refused workspace steps back until others have ended (`run/admission.rs`); only when it
//! is refused with nobody beside it is that an error, with the limit and the need in its message.
//!
//! A ledger is one run's; all ledgers of a session draw on its one budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use partita_io::Reserve;

use crate::session::{Budget, mib, take};

/// A piece that cannot be cut is there so often at once, at most: read, in a table or gathered, in order, as states, as
/// an answer, and encoded.
pub(crate) const COPIES: usize = 10;
/// A piece counts as one that the limit is too small for if it is larger than this part of it.
const LARGE: usize = 16;

/// One run's memory account.
#[derive(Debug)]
pub(crate) struct Ledger {
    budget: Arc<Budget>,
    runs_limit: usize,
    used: AtomicUsize,
    runs: AtomicUsize,
    peak: AtomicUsize,
    spilled: AtomicU64,
}

/// A run's place in memory, given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Ledger {
    /// `runs_limit` is the most that runs of the exchange may hold in memory.
    pub(crate) fn new(budget: &Arc<Budget>, runs_limit: usize) -> Arc<Ledger> {
        Arc::new(Ledger {
            budget: Arc::clone(budget),
            runs_limit,
            used: AtomicUsize::new(0),
            runs: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            spilled: AtomicU64::new(0),
        })
    }

    /// Room for a run that stays in memory; `None` sends it to disk.
    pub(crate) fn reserve_run(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        if !take(&self.runs, bytes, self.runs_limit) {
            return None;
        }
        if !self.budget.take(bytes) {
            self.runs.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        self.note_use(bytes);
        Some(Reservation { ledger: Arc::clone(self), bytes })
    }

    /// Room for what has to stay in memory of a run that does not: it is always given, and others get less.
    pub(crate) fn hold_run(self: &Arc<Self>, bytes: usize) -> Reservation {
        self.runs.fetch_add(bytes, Ordering::Relaxed);
        self.budget.hold(bytes);
        self.note_use(bytes);
        Reservation { ledger: Arc::clone(self), bytes }
    }

    fn take_workspace(&self, bytes: usize, more: usize) -> std::result::Result<(), String> {
        if !self.budget.take(bytes) {
            return Err(self.refusal(bytes, more));
        }
        self.note_use(bytes);
        Ok(())
    }

    fn refusal(&self, bytes: usize, more: usize) -> String {
        let limit = self.budget.limit();
        let (used, runs) = (self.used.load(Ordering::Relaxed), self.runs.load(Ordering::Relaxed));
        let others = self.budget.used().saturating_sub(used);
        let work = used.saturating_sub(runs).saturating_add(more.max(bytes));
        // Runs that fill their half of the limit would fill half of a larger one too.
        let runs = if runs >= self.runs_limit / 10 * 9 { runs.max(work) } else { runs };
        let of_others = if others > 0 {
            format!(
                ", and {} are held by frames kept in memory and by other runs of the session",
                mib(others)
            )
        } else {
            String::new()
        };
        format!(
            "the memory limit of {} is too small: {} more are needed and {} are in use{of_others}; a limit of {} would do \
             for this step",
            mib(limit),
            mib(bytes),
            mib(used),
            mib(work.saturating_add(runs).saturating_add(others))
        )
    }

    pub(crate) fn note_spilled(&self, bytes: u64) {
        self.spilled.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What is held now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most that was held at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Bytes written to spill files.
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    fn note_use(&self, bytes: usize) {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(used, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.give_back(bytes);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.give_back(self.bytes);
        self.ledger.runs.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Readers and operators take workspace through this trait.
impl Reserve for Ledger {
    fn reserve(&self, bytes: usize) -> partita_io::Result<()> {
        let more = if bytes > self.budget.limit() / LARGE { bytes.saturating_mul(COPIES) } else { bytes };
        self.reserve_of(bytes, more)
    }
    fn reserve_of(&self, bytes: usize, more: usize) -> partita_io::Result<()> {
        self.take_workspace(bytes, more).map_err(partita_io::Error::memory)
    }
    fn release(&self, bytes: usize) {
        self.give_back(bytes);
    }
}
