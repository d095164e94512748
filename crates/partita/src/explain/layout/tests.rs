//! Layouts of random graphs: no two nodes touch, arrows go down and end at their nodes; known graphs are drawn
//! without crossings.

use proptest::prelude::*;

use super::order::{crossings, reduce_crossings};
use super::rows::Rows;
use super::{Extent, Layout, lay_out};
use crate::explain::neighbours::Neighbours;
use crate::explain::picture::{Edge, Link, NodeId};

fn edges(pairs: &[(NodeId, NodeId)]) -> Vec<Edge> {
    pairs.iter().map(|&(from, to)| Edge { from, to, link: Link::Data }).collect()
}

fn check(extents: &[Extent], edges: &[Edge], layout: &Layout) -> Result<(), TestCaseError> {
    let corners: Vec<[f64; 4]> = extents
        .iter()
        .zip(&layout.places)
        .map(|(size, at)| {
            [at.across - size.before, at.across + size.after, at.down - size.above, at.down + size.below]
        })
        .collect();
    for (index, [left, right, top, bottom]) in corners.iter().enumerate() {
        prop_assert!(*left >= -1e-6 && *top >= -1e-6, "node {index} is outside: {:?}", corners[index]);
        prop_assert!(
            *right <= layout.across + 1e-6 && *bottom <= layout.down + 1e-6,
            "node {index} is outside"
        );
        for (other, [left2, right2, top2, bottom2]) in corners.iter().enumerate().skip(index + 1) {
            let apart = right <= left2 || right2 <= left || bottom <= top2 || bottom2 <= top;
            prop_assert!(apart, "nodes {index} and {other} overlap");
        }
    }
    for (edge, way) in edges.iter().zip(&layout.ways) {
        let (from, to) = (edge.from as usize, edge.to as usize);
        let (first, last) = (way.first().unwrap(), way.last().unwrap());
        let (start, end) = (layout.places[from], layout.places[to]);
        prop_assert_eq!(first.across, start.across);
        prop_assert_eq!(last.across, end.across);
        prop_assert!((first.from - start.down - extents[from].leave).abs() < 1e-6);
        prop_assert!((last.to - end.down + extents[to].enter).abs() < 1e-6);
        for pair in way.windows(2) {
            prop_assert!(pair[0].to < pair[1].from, "an arrow goes up");
        }
        prop_assert!(way.iter().all(|leg| leg.from <= leg.to + 1e-6));
    }
    Ok(())
}

fn extent() -> impl Strategy<Value = Extent> {
    (8.0..90.0, 8.0..200.0, 8.0..40.0, 8.0..60.0).prop_map(|(before, after, above, below)| Extent {
        before,
        after,
        above,
        below,
        enter: above * 0.9,
        leave: below * 0.8,
    })
}

/// Sizes, and pairs of numbers that become arrows from the lower node to the higher.
fn graph(most: usize) -> impl Strategy<Value = (Vec<Extent>, Vec<(NodeId, NodeId)>)> {
    prop::collection::vec(extent(), 1..most).prop_flat_map(|extents| {
        let nodes = extents.len() as NodeId;
        let pair = (0..nodes, 0..nodes).prop_map(|(a, b)| (a.min(b), a.max(b)));
        let pairs = prop::collection::vec(pair, 0..extents.len() * 2);
        (Just(extents), pairs.prop_map(|pairs| pairs.into_iter().filter(|(a, b)| a != b).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn nodes_never_overlap_and_arrows_go_down((extents, pairs) in graph(60)) {
        let edges = edges(&pairs);
        check(&extents, &edges, &lay_out(&extents, &edges))?;
    }
}

fn same(nodes: usize) -> Vec<Extent> {
    let one = Extent { before: 20.0, after: 20.0, above: 20.0, below: 20.0, enter: 20.0, leave: 20.0 };
    vec![one; nodes]
}

/// Crossings after the rows were ordered.
fn crossings_of(nodes: usize, pairs: &[(NodeId, NodeId)]) -> u64 {
    let neighbours = Neighbours::of_pairs(nodes, pairs.iter().copied());
    let ranks = super::rank::ranks(&neighbours, nodes);
    let mut rows = Rows::new(nodes, pairs, &ranks);
    reduce_crossings(&mut rows);
    crossings(&rows)
}

#[test]
fn trees_and_ladders_have_no_crossings() {
    let tree: Vec<_> = (1..127).map(|node| (node, (node - 1) / 2)).collect();
    assert_eq!(crossings_of(127, &tree), 0);
    let ladder: Vec<_> =
        (0..40).flat_map(|step| [(step * 2, step * 2 + 2), (step * 2 + 1, step * 2 + 3)]).collect();
    assert_eq!(crossings_of(82, &ladder), 0);
    // Two that read the same two cannot do without one.
    assert_eq!(crossings_of(4, &[(0, 2), (0, 3), (1, 2), (1, 3)]), 1);
}

#[test]
fn crossings_are_counted_as_pairs_of_arrows_are() {
    let pairs = [(0, 5), (1, 3), (2, 4), (2, 3), (0, 4)];
    let rows = Rows::new(6, &pairs, &[0, 0, 0, 1, 1, 1]);
    let crossing = |a: (u32, u32), b: (u32, u32)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
    let slow = (0..pairs.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let slow = slow.filter(|&(a, b)| crossing(pairs[a], pairs[b])).count() as u64;
    assert_eq!(crossings(&rows), slow);
}

#[test]
fn a_chain_is_a_straight_line_and_a_leaf_stands_by_its_reader() {
    let chain: Vec<_> = (0..9).map(|node| (node, node + 1)).chain([(10, 9)]).collect();
    let layout = lay_out(&same(11), &edges(&chain));
    assert!((0..9).all(|node| layout.places[node].across == layout.places[0].across));
    assert_eq!(layout.places[10].down, layout.places[8].down);
}

#[test]
fn what_is_read_first_stands_first() {
    let layout = lay_out(&same(3), &edges(&[(1, 2), (0, 2)]));
    assert!(layout.places[1].across < layout.places[0].across);
}

#[test]
fn parts_that_are_not_connected_stand_side_by_side() {
    let layout = lay_out(&same(400), &[]);
    assert!(layout.across < layout.down * 4.0 && layout.down < layout.across * 2.0, "{layout:?}");
    check(&same(400), &[], &layout).unwrap();
}

#[test]
fn a_cycle_and_an_arrow_to_itself_do_no_harm() {
    let layout = lay_out(&same(3), &edges(&[(0, 1), (1, 2), (2, 0), (1, 1)]));
    assert_eq!(layout.ways.len(), 4);
    assert!(layout.ways[3].is_empty());
}

#[test]
fn nothing_is_laid_out_as_nothing() {
    let layout = lay_out(&[], &[]);
    assert_eq!((layout.across, layout.down), (0.0, 0.0));
}
