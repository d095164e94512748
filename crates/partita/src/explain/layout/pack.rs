//! Parts of a picture that no arrow connects: found, and packed side by side.

use std::collections::BTreeMap;

use crate::explain::picture::{Edge, NodeId};

use super::{GAP_ACROSS, Layout, Leg, Point};

/// Nodes that hang together, and the arrows among them.
pub(super) struct Part {
    pub(super) nodes: Vec<NodeId>,
    edges: Vec<usize>,
}

impl Part {
    /// The part's edges between places in `nodes`.
    pub(super) fn local_edges(&self, edges: &[Edge]) -> Vec<(NodeId, NodeId)> {
        let local = |node: NodeId| self.nodes.partition_point(|&other| other < node) as NodeId;
        self.edges.iter().map(|&edge| (local(edges[edge].from), local(edges[edge].to))).collect()
    }
}

/// The parts, in the order of their first nodes.
pub(super) fn parts(nodes: usize, edges: &[Edge]) -> Vec<Part> {
    let mut parent: Vec<u32> = (0..nodes as u32).collect();
    for edge in edges {
        let (a, b) = (root(&mut parent, edge.from), root(&mut parent, edge.to));
        // The lowest node is the root, so that parts are found in the order of their first nodes.
        parent[a.max(b) as usize] = a.min(b);
    }
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    let mut part_of = |parent: &mut Vec<u32>, node, add: &dyn Fn(&mut Part)| {
        let part = parts.entry(root(parent, node));
        add(part.or_insert_with(|| Part { nodes: Vec::new(), edges: Vec::new() }));
    };
    for node in 0..nodes as NodeId {
        part_of(&mut parent, node, &|part| part.nodes.push(node));
    }
    for (index, edge) in edges.iter().enumerate() {
        part_of(&mut parent, edge.from, &|part| part.edges.push(index));
    }
    parts.into_values().collect()
}

fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

/// Width to height of a picture of many parts.
const SHAPE: f64 = 1.6;
const GAP: f64 = 3.0 * GAP_ACROSS;

/// All parts on shelves, in their order.
pub(super) fn side_by_side(nodes: usize, edges: usize, parts: &[Part], laid: &[Layout]) -> Layout {
    let area: f64 = laid.iter().map(|part| (part.across + GAP) * (part.down + GAP)).sum();
    let widest = laid.iter().map(|part| part.across).fold(0.0, f64::max);
    let shelf = widest.max((area * SHAPE).sqrt());
    let mut all =
        Layout { places: vec![Point::default(); nodes], ways: vec![Vec::new(); edges], ..Layout::default() };
    let (mut across, mut down, mut height) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (part, laid) in parts.iter().zip(laid) {
        if across > 0.0 && across + laid.across > shelf {
            down += height + GAP;
            (across, height) = (0.0, 0.0);
        }
        for (&node, place) in part.nodes.iter().zip(&laid.places) {
            all.places[node as usize] = Point { across: place.across + across, down: place.down + down };
        }
        for (&edge, way) in part.edges.iter().zip(&laid.ways) {
            let moved =
                |leg: &Leg| Leg { across: leg.across + across, from: leg.from + down, to: leg.to + down };
            all.ways[edge] = way.iter().map(moved).collect();
        }
        all.across = all.across.max(across + laid.across);
        all.down = all.down.max(down + laid.down);
        height = height.max(laid.down);
        across += laid.across + GAP;
    }
    all
}
