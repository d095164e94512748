//! Who reads whom in a picture, as two compact lists of lists, and an order in which inputs come first.

use std::collections::HashSet;

use super::picture::{Edge, NodeId};

/// For each node the nodes that it reads and the nodes that read it, without repetitions.
pub(super) struct Neighbours {
    pub(super) inputs: Lists,
    pub(super) users: Lists,
}

/// One list per node, all in one allocation.
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<NodeId>,
}

impl Lists {
    /// The lists of `pairs` of a node and an item, each list in the order of its pairs.
    pub(super) fn new(nodes: usize, pairs: impl Iterator<Item = (NodeId, NodeId)> + Clone) -> Lists {
        let mut starts = vec![0; nodes + 1];
        for (node, _) in pairs.clone() {
            starts[node as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[nodes] as usize];
        for (node, item) in pairs {
            let place = &mut next[node as usize];
            items[*place as usize] = item;
            *place += 1;
        }
        Lists { starts, items }
    }

    pub(super) fn of(&self, node: NodeId) -> &[NodeId] {
        let node = node as usize;
        &self.items[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

impl Neighbours {
    pub(super) fn new(nodes: usize, edges: &[Edge]) -> Neighbours {
        Neighbours::of_pairs(nodes, edges.iter().map(|edge| (edge.from, edge.to)))
    }

    /// Of pairs of a node and one that reads it.
    pub(super) fn of_pairs(nodes: usize, pairs: impl Iterator<Item = (NodeId, NodeId)>) -> Neighbours {
        // A function may take one result twice; for who stands where that is one arrow.
        let mut seen = HashSet::new();
        let pairs: Vec<_> = pairs.filter(|&(from, to)| from != to && seen.insert((from, to))).collect();
        Neighbours {
            inputs: Lists::new(nodes, pairs.iter().map(|&(from, to)| (to, from))),
            users: Lists::new(nodes, pairs.iter().copied()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.inputs.starts.len() - 1
    }

    /// All nodes, each after what it reads. Nodes on a cycle, which no graph of ours has, come last.
    pub(super) fn inputs_first(&self) -> Vec<NodeId> {
        let mut missing: Vec<u32> =
            (0..self.len()).map(|node| self.inputs.of(node as NodeId).len() as u32).collect();
        let mut order: Vec<NodeId> =
            (0..self.len() as NodeId).filter(|&node| missing[node as usize] == 0).collect();
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            for &user in self.users.of(node) {
                missing[user as usize] -= 1;
                if missing[user as usize] == 0 {
                    order.push(user);
                }
            }
        }
        order.extend((0..self.len() as NodeId).filter(|&node| missing[node as usize] > 0));
        order
    }

    /// How many arrows the longest way to each node has.
    pub(super) fn depths(&self) -> Vec<u32> {
        let mut depths = vec![0; self.len()];
        for node in self.inputs_first() {
            let below = self.inputs.of(node).iter().map(|&input| depths[input as usize] + 1);
            depths[node as usize] = below.max().unwrap_or(0);
        }
        depths
    }
}
