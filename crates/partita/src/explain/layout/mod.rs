//! Where the nodes of a picture stand: a layered layout, arrows downwards.
//!
//! In order: `rank.rs` puts nodes into rows so that every arrow goes to a later row; `rows.rs` cuts long
//! arrows into pieces of one row each; `order.rs` orders each row so that few arrows cross; `across.rs` finds
//! places in the rows so that arrows are straight; this file finds the rows' places and the arrows' ways, and
//! packs parts that are not connected side by side. Nothing here knows what a node is or how it looks.

mod across;
mod order;
mod pack;
mod rank;
mod rows;
#[cfg(test)]
mod tests;

use super::neighbours::Neighbours;
use super::picture::{Edge, NodeId};

use rows::Rows;

/// The space that a node takes round the point to which its arrows go. *Across* is along its row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Across, before the point and after it.
    pub(super) before: f64,
    pub(super) after: f64,
    /// Towards the rows before, and towards the rows after.
    pub(super) above: f64,
    pub(super) below: f64,
    /// From the point to where arrows end, and to where they begin.
    pub(super) enter: f64,
    pub(super) leave: f64,
}

/// A point: across and down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) across: f64,
    pub(super) down: f64,
}

/// A straight piece of an arrow, through a row; between two of them it bends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leg {
    pub(super) across: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Where all stands, from (0, 0) on.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) across: f64,
    pub(super) down: f64,
    pub(super) places: Vec<Point>,
    /// For each edge its legs, from the node that it leaves.
    pub(super) ways: Vec<Vec<Leg>>,
}

/// Between two nodes of a row.
const GAP_ACROSS: f64 = 18.0;
/// Between two rows, if arrows go about straight down.
const GAP_DOWN: f64 = 34.0;
/// Arrows far across get up to this much.
const WIDEST_GAP_DOWN: f64 = 150.0;

/// Finds places for nodes of these sizes.
pub(super) fn lay_out(extents: &[Extent], edges: &[Edge]) -> Layout {
    let parts = pack::parts(extents.len(), edges);
    let laid: Vec<Layout> = parts.iter().map(|part| connected(extents, edges, part)).collect();
    pack::side_by_side(extents.len(), edges.len(), &parts, &laid)
}

/// Lays out nodes that hang together.
fn connected(extents: &[Extent], edges: &[Edge], part: &pack::Part) -> Layout {
    let extents: Vec<Extent> = part.nodes.iter().map(|&node| extents[node as usize]).collect();
    let edges: Vec<(NodeId, NodeId)> = part.local_edges(edges);
    let neighbours = Neighbours::of_pairs(extents.len(), edges.iter().copied());
    let ranks = rank::ranks(&neighbours, extents.len());
    let mut rows = Rows::new(extents.len(), &edges, &ranks);
    order::reduce_crossings(&mut rows);
    let across = across::places(&rows, &extents);
    arranged(&rows, &extents, &edges, &ranks, &across)
}

/// The rows below each other, and the ways of the arrows.
fn arranged(
    rows: &Rows,
    extents: &[Extent],
    edges: &[(NodeId, NodeId)],
    ranks: &[u32],
    across: &[f64],
) -> Layout {
    let bands = bands(rows, extents, across);
    let centre = |node: usize| Point { across: across[node], down: bands[ranks[node] as usize].centre };
    let places: Vec<Point> = (0..extents.len()).map(centre).collect();
    let way = |&(from, to): &(NodeId, NodeId)| {
        let (from, to) = (from as usize, to as usize);
        if ranks[from] == ranks[to] {
            // Only a cycle, which no graph of ours has, or an arrow to itself.
            return Vec::new();
        }
        let turned = ranks[from] > ranks[to];
        let (upper, lower) = if turned { (to, from) } else { (from, to) };
        let mut legs = vec![Leg {
            across: across[upper],
            from: places[upper].down + extents[upper].leave,
            to: bands[ranks[upper] as usize].end,
        }];
        for (item, rank) in rows.between(upper, ranks[lower]) {
            let band = &bands[rank as usize];
            legs.push(Leg { across: across[item as usize], from: band.start, to: band.end });
        }
        legs.push(Leg {
            across: across[lower],
            from: bands[ranks[lower] as usize].start,
            to: places[lower].down - extents[lower].enter,
        });
        if turned {
            legs.reverse();
            legs.iter_mut().for_each(|leg| std::mem::swap(&mut leg.from, &mut leg.to));
        }
        legs
    };
    let ways = edges.iter().map(way).collect();
    let end = extents.iter().zip(across).map(|(extent, x)| x + extent.after).fold(0.0, f64::max);
    let down = bands.last().map_or(0.0, |band| band.end);
    Layout { across: end, down, places, ways }
}

/// Where a row lies.
struct Band {
    start: f64,
    centre: f64,
    end: f64,
}

fn bands(rows: &Rows, extents: &[Extent], across: &[f64]) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::with_capacity(rows.rows.len());
    for (rank, row) in rows.rows.iter().enumerate() {
        let sizes = row.iter().filter_map(|&item| extents.get(item as usize));
        let (above, below) =
            sizes.fold((0.0_f64, 0.0_f64), |(a, b), size| (a.max(size.above), b.max(size.below)));
        let start = bands.last().map_or(0.0, |last| last.end + gap_before(rows, rank, across));
        bands.push(Band { start, centre: start + above, end: start + above + below });
    }
    bands
}

/// Arrows that go far across need height, or they lie flat on the nodes.
fn gap_before(rows: &Rows, rank: usize, across: &[f64]) -> f64 {
    let far = rows.rows[rank].iter().flat_map(|&item| {
        rows.up.of(item).iter().map(move |&upper| (across[item as usize] - across[upper as usize]).abs())
    });
    (GAP_DOWN + 0.06 * far.fold(0.0, f64::max)).min(WIDEST_GAP_DOWN)
}
