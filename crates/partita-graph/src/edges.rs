//! Edges of a graph in two flat arrays, so that a hundred thousand nodes cost two allocations.

use std::ops::Range;

/// For each node a list of nodes: `items[starts[i]..starts[i + 1]]`.
#[derive(Debug)]
pub(crate) struct Edges {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Edges {
    pub(crate) fn new() -> Self {
        Edges { starts: vec![0], items: Vec::new() }
    }

    /// The edges of `pairs`, each `(node, other)`, for nodes `0..nodes`; the lists keep the order of the pairs.
    pub(crate) fn from_pairs(nodes: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; nodes + 1];
        for (node, _) in pairs.clone() {
            starts[node as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut items = vec![0; starts[nodes] as usize];
        let mut next = starts.clone();
        for (node, other) in pairs {
            items[next[node as usize] as usize] = other;
            next[node as usize] += 1;
        }
        Edges { starts, items }
    }

    /// Appends the list of the next node.
    pub(crate) fn push(&mut self, items: impl Iterator<Item = u32>) {
        self.items.extend(items);
        self.starts.push(u32::try_from(self.items.len()).unwrap_or_else(|_| too_many()));
    }

    pub(crate) fn of(&self, node: usize) -> &[u32] {
        &self.items[self.range(node)]
    }

    pub(crate) fn of_mut(&mut self, node: usize) -> &mut [u32] {
        let range = self.range(node);
        &mut self.items[range]
    }

    fn range(&self, node: usize) -> Range<usize> {
        self.starts[node] as usize..self.starts[node + 1] as usize
    }
}

fn too_many() -> ! {
    panic!("a task graph holds at most {} dependencies; build it in parts with Step::Expand", u32::MAX)
}
