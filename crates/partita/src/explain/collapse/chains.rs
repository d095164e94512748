//! Folds a function that is called again and again on its own result: a sum carried from partition to
//! partition, a loop of a million steps.

use crate::explain::neighbours::Neighbours;
use crate::explain::picture::{Kind, NodeId, Picture};

use super::merge::{Classes, Placed, merged};

/// Shorter chains are drawn as they are.
const LEAST: usize = 4;

pub(super) fn fold(picture: &Picture) -> Picture {
    let neighbours = Neighbours::new(picture.nodes.len(), &picture.edges);
    let group = picture.groups_of_all();
    // The one node of the same group whose result goes nowhere else.
    let before = |node: NodeId| -> Option<NodeId> {
        if picture.nodes[node as usize].kind == Kind::Data {
            return None;
        }
        let same = |input: &&NodeId| group[**input as usize] == group[node as usize];
        let mut found = neighbours.inputs.of(node).iter().filter(same);
        let first = *found.next()?;
        (found.next().is_none() && neighbours.users.of(first).len() == 1).then_some(first)
    };
    // `first[n]` is where the chain of `n` begins.
    let mut first: Vec<NodeId> = (0..picture.nodes.len() as NodeId).collect();
    let mut length = vec![1_usize; picture.nodes.len()];
    for node in neighbours.inputs_first() {
        if let Some(before) = before(node) {
            first[node as usize] = first[before as usize];
            length[first[node as usize] as usize] += 1;
        }
    }
    let mut classes = Classes::new(picture.nodes.len());
    for (node, &start) in (0..).zip(&first) {
        classes.put(node, if length[start as usize] >= LEAST { start } else { node });
    }
    merged(picture, &classes, Placed::InARow)
}
