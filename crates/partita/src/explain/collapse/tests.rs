//! What folds into what, with numbers counted by hand.

use proptest::prelude::*;

use super::collapse;
use crate::explain::gallery::{after_a_run, map_reduce, tangle};
use crate::explain::neighbours::Neighbours;
use crate::explain::picture::{Node, NodeId, Picture, State};

/// Name and copies of each node.
fn nodes(picture: &Picture) -> Vec<(String, u64)> {
    picture.nodes.iter().map(|node| (node.name.clone(), node.copies)).collect()
}

fn pairs(picture: &Picture) -> Vec<(NodeId, NodeId)> {
    picture.edges.iter().map(|edge| (edge.from, edge.to)).collect()
}

#[test]
fn a_thousand_partitions_are_one_column() {
    let folded = collapse(&map_reduce(1_024)).into_owned();
    let expected = [("files", 1_024), ("load", 1_024), ("clean", 1_024)]
        .into_iter()
        .chain((0..=9).rev().map(|level| ("sum", 1 << level)));
    let expected: Vec<(String, u64)> = expected.map(|(name, copies)| (name.to_owned(), copies)).collect();
    // The last two levels, of two sums and of one, are few enough to stand alone.
    let mut found = nodes(&folded);
    assert_eq!(found.iter().filter(|node| **node == ("sum".to_owned(), 1)).count(), 3);
    found.retain(|(_, copies)| *copies > 1);
    assert_eq!(found, expected.into_iter().filter(|(_, copies)| *copies > 2).collect::<Vec<_>>());
}

#[test]
fn the_ways_of_a_fork_stay_apart() {
    // Sixty loads; the first half goes into one sum, the other half into another.
    let mut picture = Picture::new("fork");
    let group = picture.group("load");
    let sums: Vec<_> = ["left", "right"].map(|name| picture.add(Node::function(name))).to_vec();
    for load in 0..60 {
        let node = picture.add(Node::function("load").in_group(group));
        picture.connect(node, sums[load / 30]);
    }
    let folded = collapse(&picture).into_owned();
    assert_eq!(
        nodes(&folded),
        [("left", 1), ("right", 1), ("load", 30), ("load", 30)]
            .map(|(name, copies)| (name.to_owned(), copies))
    );
    assert_eq!(pairs(&folded), [(2, 0), (3, 1)]);
}

#[test]
fn a_sum_carried_along_is_one_node() {
    let mut picture = Picture::new("carried");
    let mut sum = picture.add(Node::function("add"));
    for _ in 0..999 {
        let load = picture.add(Node::function("load"));
        let next = picture.add(Node::function("add"));
        picture.connect(sum, next);
        picture.connect(load, next);
        sum = next;
    }
    let folded = collapse(&picture).into_owned();
    assert_eq!(nodes(&folded), [("add".to_owned(), 1), ("load".to_owned(), 999)]);
    assert_eq!(folded.nodes[0].detail, ["1,000 in a row"]);
    assert_eq!(pairs(&folded), [(1, 0)]);
}

#[test]
fn partitions_that_overlap_fold_but_for_the_ends() {
    let mut picture = Picture::new("windows");
    let loads: Vec<NodeId> = (0..500).map(|_| picture.add(Node::function("load"))).collect();
    for pair in loads.windows(2) {
        let window = picture.add(Node::function("window"));
        pair.iter().for_each(|&load| picture.connect(load, window));
    }
    assert!(collapse(&picture).nodes.len() <= 12, "{:?}", nodes(&collapse(&picture)));
}

#[test]
fn what_was_measured_adds_up() {
    let run = after_a_run(map_reduce(100), Some(1));
    let folded = collapse(&run).into_owned();
    let rows = |picture: &Picture| -> u64 {
        picture.nodes.iter().filter_map(|node| node.measured.as_ref()?.rows).sum()
    };
    assert_eq!(rows(&folded), rows(&run));
    let load = folded.nodes.iter().find(|node| node.name == "load").unwrap();
    assert_eq!((load.state(), load.detail[0].as_str()), (State::Failed, "1 of 100 failed"));
    let clean = folded.nodes.iter().find(|node| node.name == "clean").unwrap();
    assert_eq!((clean.state(), clean.detail[0].as_str()), (State::Done, "1 of 100 did not run"));
}

#[test]
fn a_hundred_thousand_steps_are_drawn_as_a_few() {
    let mut picture = Picture::new("long");
    let mut last = picture.add(Node::function("step 0"));
    for step in 1..100_000 {
        let next = picture.add(Node::function(format!("step {step}")));
        picture.connect(last, next);
        last = next;
    }
    let folded = collapse(&picture).into_owned();
    assert!(folded.nodes.len() <= 60);
    assert_eq!(folded.nodes.iter().map(|node| node.copies).sum::<u64>(), 100_000);
    assert_eq!(folded.edges.len(), folded.nodes.len() - 1);
}

#[test]
fn small_pictures_stay_as_they_are() {
    assert_eq!(*collapse(&map_reduce(8)), map_reduce(8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn folding_loses_no_node_and_makes_no_cycle(size in 49_usize..400, names in 1_u64..6) {
        let mut picture = tangle(size);
        for (index, node) in picture.nodes.iter_mut().enumerate() {
            node.name = format!("f{}", ((index as u64 * 2_654_435_761) >> 7) % names);
        }
        let folded = collapse(&picture).into_owned();
        // A chain stands for its steps in a line of its own.
        let chained: u64 = folded.nodes.iter().map(|node| {
            let steps = node.detail.first().and_then(|line| line.strip_suffix(" in a row"));
            steps.map_or(0, |steps| node.copies * (steps.replace(',', "").parse::<u64>().unwrap() - 1))
        }).sum();
        let shown: u64 = folded.nodes.iter().map(|node| node.copies).sum();
        prop_assert!(shown + chained <= size as u64);
        prop_assert!(chained > 0 || shown == size as u64);
        let order = Neighbours::new(folded.nodes.len(), &folded.edges).inputs_first();
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &node)| place[node as usize] = at);
        for edge in &folded.edges {
            prop_assert!(place[edge.from as usize] < place[edge.to as usize], "a cycle");
        }
    }
}
