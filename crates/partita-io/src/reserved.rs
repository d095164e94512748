//! Memory asked of the engine's ledger and given back when dropped.

use std::sync::Arc;

use crate::{Reserve, Result};

/// A grant of the ledger.
#[derive(Debug)]
pub(crate) struct Reserved {
    memory: Arc<dyn Reserve>,
    bytes: usize,
}

impl Reserved {
    /// Asks for `bytes`.
    pub(crate) fn new(memory: &Arc<dyn Reserve>, bytes: usize) -> Result<Self> {
        memory.reserve(bytes)?;
        Ok(Reserved { memory: Arc::clone(memory), bytes })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}
