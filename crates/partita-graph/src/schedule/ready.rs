//! The tasks that could start now: a binary heap by static rank.
//!
//! The standard heap compares by the items alone; ranks are compared with the help of [`Places`].

use std::cmp::Ordering;

use super::place::{Places, Rank};

#[cfg(test)]
mod tests;

/// A heap with the earliest rank on top.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    heap: Vec<Rank>,
}

impl Ready {
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The earliest rank.
    pub(crate) fn peek(&self) -> Option<Rank> {
        self.heap.first().copied()
    }

    pub(crate) fn push(&mut self, rank: Rank, places: &Places) {
        let mut at = self.heap.len();
        self.heap.push(rank);
        while at > 0 {
            let above = (at - 1) / 2;
            if places.compare(self.heap[above], self.heap[at]) == Ordering::Less {
                break;
            }
            self.heap.swap(above, at);
            at = above;
        }
    }

    /// Takes the earliest rank off.
    pub(crate) fn pop(&mut self, places: &Places) -> Option<Rank> {
        if self.heap.is_empty() {
            return None;
        }
        let top = self.heap.swap_remove(0);
        let mut at = 0;
        loop {
            let mut least = at;
            for below in [2 * at + 1, 2 * at + 2] {
                if below < self.heap.len()
                    && places.compare(self.heap[below], self.heap[least]) == Ordering::Less
                {
                    least = below;
                }
            }
            if least == at {
                return Some(top);
            }
            self.heap.swap(at, least);
            at = least;
        }
    }
}
