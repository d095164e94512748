//! What the values of a graph's nodes hold in memory, where that is known: record batches, arrays, tables.
//!
//! It counts against the session's memory limit from when a node has made its value until the value's last user is
//! done with it, or has been handed it whole. So frames of the same session keep to what is left, and a graph whose
//! values do not fit fails with an error instead of taking the memory of the machine.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, RecordBatch};

use super::gather::Parts;
use super::node::Value;
use crate::error::{Error, Result};
use crate::op::{column_bytes, logical_bytes};
use crate::session::{Budget, Session, mib};
use crate::watch::HeldMemory;

/// Says how many bytes a value holds that only its maker knows.
pub(crate) type Weigh = fn(&dyn Any) -> usize;

/// The memory of one run's values.
pub(crate) struct Account {
    budget: Arc<Budget>,
    used: AtomicUsize,
    peak: AtomicUsize,
}

/// A value's place in memory, given back on drop.
pub(super) struct Place {
    account: Arc<Account>,
    bytes: usize,
}

impl Account {
    pub(super) fn of(session: &Session) -> Arc<Account> {
        let budget = Arc::clone(session.budget());
        Arc::new(Account { budget, used: AtomicUsize::new(0), peak: AtomicUsize::new(0) })
    }

    /// The value of a node with its place in memory.
    pub(super) fn hold(self: &Arc<Self>, mut value: Value, weigh: Option<Weigh>) -> Result<Value> {
        // Parts outlive the value that they are parts of.
        if let Some(parts) = value.known::<Parts>() {
            parts.each(|part| self.place_of(part, None))?;
        } else {
            self.place_of(&mut value, weigh)?;
        }
        Ok(value)
    }

    fn place_of(self: &Arc<Self>, value: &mut Value, weigh: Option<Weigh>) -> Result<()> {
        let bytes = match weigh {
            Some(weigh) => weigh(value.any()),
            None => bytes_of(value.any()),
        };
        if bytes == 0 {
            return Ok(());
        }
        if !self.budget.take(bytes) {
            return Err(Error::memory(format!(
                "the memory limit of {} is too small: a value of {} was made and {} are in use; raise `memory_limit`, \
                 or let the functions make smaller pieces or write them to files",
                mib(self.budget.limit()),
                mib(bytes),
                mib(self.budget.used())
            )));
        }
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(used, Ordering::Relaxed);
        value.keep(Place { account: Arc::clone(self), bytes });
        Ok(())
    }
}

impl HeldMemory for Account {
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
    fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.account.budget.give_back(self.bytes);
    }
}

fn bytes_of(value: &dyn Any) -> usize {
    let of_array = |array: &ArrayRef| column_bytes(array.as_ref());
    if let Some(batch) = value.downcast_ref::<RecordBatch>() {
        logical_bytes(batch)
    } else if let Some(batches) = value.downcast_ref::<Vec<RecordBatch>>() {
        batches.iter().map(logical_bytes).sum()
    } else if let Some(array) = value.downcast_ref::<ArrayRef>() {
        of_array(array)
    } else if let Some(arrays) = value.downcast_ref::<Vec<ArrayRef>>() {
        arrays.iter().map(of_array).sum()
    } else {
        0
    }
}
