//! Rows of items. An item is a node, or a bend: a piece of an arrow that passes a row. The long arrows of one
//! node share their bends, so that a result that many read leaves as one trunk with branches.

use std::collections::HashSet;

use crate::explain::neighbours::Lists;
use crate::explain::picture::NodeId;

/// Nodes and bends in rows.
pub(super) struct Rows {
    /// The items of each row, in order.
    pub(super) rows: Vec<Vec<u32>>,
    /// The place of each item in its row.
    pub(super) place: Vec<u32>,
    /// The row of each item.
    pub(super) rank: Vec<u32>,
    /// For each item those of the row before and of the row after with which it is connected.
    pub(super) up: Lists,
    pub(super) down: Lists,
    /// How many items are nodes; they come first.
    pub(super) nodes: usize,
    /// The first bend of each node's trunk; the others follow it.
    trunks: Vec<u32>,
}

impl Rows {
    pub(super) fn new(nodes: usize, edges: &[(NodeId, NodeId)], ranks: &[u32]) -> Rows {
        let mut reach = ranks.to_vec();
        let directed = edges.iter().filter_map(|&(from, to)| {
            let (a, b) = (ranks[from as usize], ranks[to as usize]);
            (a != b).then_some(if a < b { (from, to) } else { (to, from) })
        });
        for (from, to) in directed.clone() {
            reach[from as usize] = reach[from as usize].max(ranks[to as usize]);
        }
        let mut rank = ranks.to_vec();
        let mut trunks = Vec::with_capacity(nodes);
        let mut links = Vec::with_capacity(edges.len());
        for node in 0..nodes {
            trunks.push(rank.len() as u32);
            let mut above = node as u32;
            for row in ranks[node] + 1..reach[node] {
                links.push((above, rank.len() as u32));
                above = rank.len() as u32;
                rank.push(row);
            }
        }
        for (from, to) in directed {
            let steps = ranks[to as usize] - ranks[from as usize];
            let above = if steps == 1 { from } else { trunks[from as usize] + steps - 2 };
            links.push((above, to));
        }
        // In the order of the arrows, so that what is read first stands first.
        let mut seen = HashSet::with_capacity(links.len());
        links.retain(|link| seen.insert(*link));
        let mut rows = vec![Vec::new(); rank.iter().max().map_or(0, |&last| last as usize + 1)];
        let mut place = Vec::with_capacity(rank.len());
        for (item, &row) in rank.iter().enumerate() {
            place.push(rows[row as usize].len() as u32);
            rows[row as usize].push(item as u32);
        }
        let up = Lists::new(rank.len(), links.iter().map(|&(above, below)| (below, above)));
        let down = Lists::new(rank.len(), links.iter().copied());
        Rows { rows, place, rank, up, down, nodes, trunks }
    }

    /// The bends of the arrow from a node down to `row`, with their rows.
    pub(super) fn between(&self, from: usize, row: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (own, trunk) = (self.rank[from], self.trunks[from]);
        (own + 1..row).map(move |rank| (trunk + rank - own - 1, rank))
    }

    pub(super) fn is_bend(&self, item: u32) -> bool {
        item as usize >= self.nodes
    }

    /// Writes the places down after a row was put in another order.
    pub(super) fn number(&mut self, row: usize) {
        for (place, &item) in self.rows[row].iter().enumerate() {
            self.place[item as usize] = place as u32;
        }
    }
}
