//! What a task receives: the results of its dependencies, in their order.

use std::ops::Index;
use std::sync::Arc;

/// The results of a task's dependencies, in the order in which [`crate::Graph::add`] was given them.
///
/// `inputs[i]` reads one; [`Inputs::take`] moves it out, so that its memory goes as early as the task
/// likes, or its buffers are used again. What is left is dropped when the task drops its inputs.
#[derive(Debug)]
pub struct Inputs<T> {
    results: Vec<Option<Arc<T>>>,
}

impl<T> Inputs<T> {
    pub(crate) fn new(results: Vec<Option<Arc<T>>>) -> Self {
        Inputs { results }
    }

    /// How many there are, taken ones included.
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether the task has no data dependencies.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// Moves input `i` out: owned when no one else uses it, else shared.
    ///
    /// The sole user of a result always gets it owned. Of several users the last may get it owned, which
    /// depends on timing: use this to save a copy, never to decide what is computed.
    ///
    /// # Panics
    /// If there is no input `i` or it was taken before.
    pub fn take(&mut self, i: usize) -> Result<T, Arc<T>> {
        Arc::try_unwrap(self.take_shared(i))
    }

    /// Moves input `i` out, still shared.
    ///
    /// # Panics
    /// If there is no input `i` or it was taken before.
    pub fn take_shared(&mut self, i: usize) -> Arc<T> {
        let held = self.results.len();
        match self.results.get_mut(i).map(Option::take) {
            Some(Some(result)) => result,
            Some(None) => panic!("input {i} was already taken"),
            None => panic!("there is no input {i}: the task has {held}"),
        }
    }

    /// A further handle on input `i`, to keep it beyond the task or to pass it to an expansion.
    ///
    /// # Panics
    /// If there is no input `i` or it was taken before.
    pub fn share(&self, i: usize) -> Arc<T> {
        Arc::clone(self.present(i))
    }

    /// All inputs that were not taken, in order.
    pub fn into_shared(self) -> impl Iterator<Item = Arc<T>> {
        self.results.into_iter().flatten()
    }

    fn present(&self, i: usize) -> &Arc<T> {
        match self.results.get(i) {
            Some(Some(result)) => result,
            Some(None) => panic!("input {i} was already taken"),
            None => panic!("there is no input {i}: the task has {}", self.results.len()),
        }
    }
}

impl<T> Index<usize> for Inputs<T> {
    type Output = T;

    fn index(&self, i: usize) -> &T {
        self.present(i)
    }
}
