//! The bytes that all runs of a session and the frames that it keeps may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use partita_io::Reserve;

/// A session's memory account.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { limit, used: AtomicUsize::new(0) })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether there was room.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        take(&self.used, bytes, self.limit)
    }

    /// Takes bytes that are there anyway, whether there was room or not.
    pub(crate) fn hold(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Adds `bytes` to an account if it stays within `limit`.
pub(crate) fn take(account: &AtomicUsize, bytes: usize, limit: usize) -> bool {
    account
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|&sum| sum <= limit)
        })
        .is_ok()
}

/// What is held beyond a run: the footers of the files of a frame.
impl Reserve for Budget {
    fn reserve(&self, bytes: usize) -> partita_io::Result<()> {
        if self.take(bytes) {
            return Ok(());
        }
        Err(partita_io::Error::memory(format!(
            "the memory limit of {} is too small: {} more are needed for what files say about themselves and {} \
             are in use; raise `memory_limit`, or drop frames that are kept",
            mib(self.limit),
            mib(bytes),
            mib(self.used())
        )))
    }
    fn release(&self, bytes: usize) {
        self.give_back(bytes);
    }
}

/// A number of bytes as people read it.
pub(crate) fn mib(bytes: usize) -> String {
    const KIB: f64 = 1024.0;
    let bytes = bytes as f64;
    if bytes < KIB * KIB {
        format!("{:.0} KiB", (bytes / KIB).ceil())
    } else {
        format!("{:.1} MiB", (bytes / KIB / KIB * 10.0).ceil() / 10.0)
    }
}
