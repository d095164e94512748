//! Enough rows: tells the tasks of a pipeline to stop when those before them have found all that are wanted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::stage::PipelineStep;

/// Tells the tasks of a pipeline when the first rows that are wanted have all been found, so that later
/// partitions need not be read. It saves work and changes no result: what it lets through beyond the wanted
/// rows is cut off by the next stage.
#[derive(Debug)]
pub(super) struct EnoughGate {
    rows: usize,
    /// The first partition that is not needed.
    end: AtomicUsize,
    state: Mutex<GateState>,
}

#[derive(Debug)]
struct GateState {
    counts: Vec<usize>,
    finished: Vec<bool>,
    /// Partitions before this one are finished, and hold `sum` rows.
    next: usize,
    sum: usize,
}

impl EnoughGate {
    /// The gate of a pipeline, if it has an `Enough` step.
    pub(super) fn for_steps(steps: &[PipelineStep], partitions: usize) -> Option<Arc<EnoughGate>> {
        let rows = steps.iter().rev().find_map(|step| match step {
            PipelineStep::Enough { rows } => Some(*rows),
            _ => None,
        })?;
        let state =
            GateState { counts: vec![0; partitions], finished: vec![false; partitions], next: 0, sum: 0 };
        Some(Arc::new(EnoughGate { rows, end: AtomicUsize::new(usize::MAX), state: Mutex::new(state) }))
    }

    pub(super) fn wants(&self, partition: usize) -> bool {
        partition < self.end.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, partition: usize, rows: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.counts[partition] += rows;
        if partition == state.next && state.sum + state.counts[partition] >= self.rows {
            self.end.store(partition + 1, Ordering::Relaxed);
        }
    }

    /// A partition's task begins again.
    pub(super) fn again(&self, partition: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).counts[partition] = 0;
    }

    pub(super) fn finished(&self, partition: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.finished[partition] = true;
        while state.next < state.finished.len() && state.finished[state.next] {
            state.sum += state.counts[state.next];
            state.next += 1;
            if state.sum >= self.rows {
                self.end.store(state.next, Ordering::Relaxed);
                break;
            }
        }
    }
}
