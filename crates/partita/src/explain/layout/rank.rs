//! Rows: every arrow goes to a later row, and arrows are short.

use crate::explain::neighbours::Neighbours;
use crate::explain::picture::NodeId;

/// The row of each node, from 0 on.
pub(super) fn ranks(neighbours: &Neighbours, nodes: usize) -> Vec<u32> {
    let order = depth_first(neighbours, nodes);
    let mut ranks = longest_ways(neighbours, &order);
    pull_together(neighbours, &order, &mut ranks);
    let first = ranks.iter().copied().min().unwrap_or(0);
    ranks.iter_mut().for_each(|rank| *rank -= first);
    ranks
}

/// All nodes, each after its inputs, and those that belong together close by: what one result needs is listed
/// before what only the next one needs.
pub(super) fn depth_first(neighbours: &Neighbours, nodes: usize) -> Vec<NodeId> {
    let mut order = Vec::with_capacity(nodes);
    let mut seen = vec![false; nodes];
    let ends = (0..nodes as NodeId).filter(|&node| neighbours.users.of(node).is_empty());
    // If there are cycles, which no graph of ours has, all their nodes are starting points.
    for start in ends.chain(0..nodes as NodeId) {
        let mut stack = vec![(start, 0)];
        if std::mem::replace(&mut seen[start as usize], true) {
            continue;
        }
        while let Some((node, next)) = stack.last_mut() {
            match neighbours.inputs.of(*node).get(*next) {
                Some(&input) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[input as usize], true) {
                        stack.push((input, 0));
                    }
                }
                None => {
                    order.push(*node);
                    stack.pop();
                }
            }
        }
    }
    order
}

fn longest_ways(neighbours: &Neighbours, order: &[NodeId]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    for &node in order {
        let after = neighbours.inputs.of(node).iter().map(|&input| ranks[input as usize] + 1);
        ranks[node as usize] = after.max().unwrap_or(0);
    }
    ranks
}

/// Moves nodes down to the first that reads them unless more arrows get longer than shorter. Where that is
/// even, it lets those above come down too.
fn pull_together(neighbours: &Neighbours, order: &[NodeId], ranks: &mut [u32]) {
    for &node in order.iter().rev() {
        let users = neighbours.users.of(node);
        if users.len() >= neighbours.inputs.of(node).len()
            && let Some(first) = users.iter().map(|&user| ranks[user as usize]).min()
        {
            let own = ranks[node as usize];
            ranks[node as usize] = own.max(first.saturating_sub(1));
        }
    }
}
