//! Folds nodes of a group that stand at the same place of the graph: the thousand partitions of a step.
//!
//! Two nodes stand at the same place if they are equally deep and, two arrows far, read and are read by nodes
//! that stand at the same places. Depth keeps the folded graph free of cycles. Looking farther than two
//! arrows would tell apart the ends of a row of partitions that overlap, and then their neighbours, and at
//! last all of them.

use std::collections::HashMap;

use crate::explain::neighbours::Neighbours;
use crate::explain::picture::{NodeId, Picture};

use super::merge::{Classes, Placed, merged};

const ROUNDS: usize = 2;

/// Folds places with at least `least` nodes.
pub(super) fn fold(picture: &Picture, least: usize) -> Picture {
    let nodes = picture.nodes.len();
    let neighbours = Neighbours::new(nodes, &picture.edges);
    let depths = neighbours.depths();
    let groups = picture.groups_of_all();
    let kinds = |node: usize| (picture.nodes[node].kind, groups[node], depths[node]);
    let mut places = numbered(nodes, kinds);
    for _ in 0..ROUNDS {
        let set = |items: &[NodeId]| {
            let mut set: Vec<u32> = items.iter().map(|&item| places[item as usize]).collect();
            set.sort_unstable();
            set.dedup();
            set
        };
        places = numbered(nodes, |node| {
            let (inputs, users) = (neighbours.inputs.of(node as NodeId), neighbours.users.of(node as NodeId));
            (places[node], set(inputs), set(users))
        });
    }
    let mut sizes = vec![0; nodes];
    let mut firsts = vec![NodeId::MAX; nodes];
    for (node, &place) in places.iter().enumerate() {
        sizes[place as usize] += 1;
        firsts[place as usize] = firsts[place as usize].min(node as NodeId);
    }
    let mut classes = Classes::new(nodes);
    for (node, &place) in places.iter().enumerate() {
        let folded = sizes[place as usize] >= least;
        classes.put(node as NodeId, if folded { firsts[place as usize] } else { node as NodeId });
    }
    merged(picture, &classes, Placed::SideBySide)
}

/// Equal keys as equal numbers, counted in the order in which they are met.
fn numbered<K: Eq + std::hash::Hash>(nodes: usize, key: impl Fn(usize) -> K) -> Vec<u32> {
    let mut known = HashMap::new();
    (0..nodes)
        .map(|node| {
            let next = known.len() as u32;
            *known.entry(key(node)).or_insert(next)
        })
        .collect()
}
