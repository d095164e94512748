//! The last resort for a graph in which too little repeats: cuts it by depth into bands and folds each band.

use crate::explain::neighbours::Neighbours;
use crate::explain::picture::{NodeId, Picture};

use super::merge::{Classes, Placed, merged};

const BANDS: u64 = 60;

pub(super) fn fold(picture: &Picture) -> Picture {
    let neighbours = Neighbours::new(picture.nodes.len(), &picture.edges);
    let depths = neighbours.depths();
    let all = u64::from(depths.iter().copied().max().unwrap_or(0)) + 1;
    let mut first = vec![NodeId::MAX; BANDS as usize];
    let mut classes = Classes::new(picture.nodes.len());
    for (node, &depth) in depths.iter().enumerate() {
        // Arrows go from a band to itself or to a later one, so no cycle can come of this.
        let band = (u64::from(depth) * BANDS / all) as usize;
        first[band] = first[band].min(node as NodeId);
        classes.put(node as NodeId, first[band]);
    }
    merged(picture, &classes, Placed::Mixed)
}
