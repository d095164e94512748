//! The memory ledger: every taker of memory that grows with the data asks here first.
//!
//! There are two accounts. *Runs* of the exchange may hold half of the limit; a run that does not fit goes to
//! disk, so asking for one never fails. *Workspace* is what operators and readers need to make progress; it
//! gets all that runs do not hold, and at least the other half, which is never given away. An operator that
//! is refused workspace cannot go on, so that is an error, with the limit and the need in its message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use partita_io::Reserve;

/// One run's memory account.
#[derive(Debug)]
pub(crate) struct Ledger {
    limit: usize,
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
    pub(crate) fn new(limit: usize, runs_limit: usize) -> Arc<Ledger> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Ledger {
            limit,
            runs_limit,
            used: zero(),
            runs: zero(),
            peak: zero(),
            spilled: AtomicU64::new(0),
        })
    }

    /// Room for a run that stays in memory; `None` sends it to disk.
    pub(crate) fn reserve_run(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        take(&self.runs, bytes, self.runs_limit)?;
        if take(&self.used, bytes, self.limit).is_none() {
            self.runs.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        self.note_peak();
        Some(Reservation { ledger: Arc::clone(self), bytes })
    }

    fn take_workspace(&self, bytes: usize) -> std::result::Result<(), String> {
        if take(&self.used, bytes, self.limit).is_none() {
            let used = self.used.load(Ordering::Relaxed);
            return Err(format!(
                "the memory limit of {} is too small: {} more are needed and {} are in use; a limit of {} would do for this step",
                mib(self.limit),
                mib(bytes),
                mib(used),
                mib(used.saturating_add(bytes))
            ));
        }
        self.note_peak();
        Ok(())
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

    fn note_peak(&self) {
        self.peak.fetch_max(self.used.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Adds `bytes` to an account if it stays within `limit`.
fn take(account: &AtomicUsize, bytes: usize, limit: usize) -> Option<()> {
    account
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|&sum| sum <= limit)
        })
        .ok()
        .map(|_| ())
}

/// A number of bytes as people read it.
fn mib(bytes: usize) -> String {
    const KIB: f64 = 1024.0;
    let bytes = bytes as f64;
    if bytes < KIB * KIB {
        format!("{:.0} KiB", (bytes / KIB).ceil())
    } else {
        format!("{:.1} MiB", bytes / KIB / KIB)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.ledger.runs.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Readers and operators take workspace through this trait.
impl Reserve for Ledger {
    fn reserve(&self, bytes: usize) -> partita_io::Result<()> {
        self.take_workspace(bytes).map_err(partita_io::Error::memory)
    }
    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
