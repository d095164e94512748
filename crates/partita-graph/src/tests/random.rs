//! Seeded random graphs, and what they must compute, found by a plain sequential evaluator.

use std::collections::BTreeSet;

/// A small generator (splitmix64): the same graphs on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A graph to be built, over some given inputs: node `i` is input `i` for `i < inputs`.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) inputs: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Unique over all levels.
    pub(super) uid: usize,
    pub(super) deps: Vec<usize>,
    pub(super) after: Vec<usize>,
    pub(super) act: Act,
    pub(super) priority: i32,
    pub(super) cost: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Mix,
    Fail,
    Panic,
    Cancel,
    Expand(Spec),
}

/// How often things happen: one node in so many.
#[derive(Clone, Copy)]
pub(super) struct Odds {
    pub(super) failure: usize,
    pub(super) cancel: usize,
    pub(super) expand: usize,
}

impl Spec {
    pub(super) fn draw(
        random: &mut Random,
        odds: Odds,
        inputs: usize,
        depth: usize,
        next_uid: &mut usize,
    ) -> Spec {
        let len = 1 + random.below(if depth == 0 { 60 } else { 12 });
        let reach = 1 + random.below(20);
        let mut nodes = Vec::new();
        for i in 0..len {
            let before = inputs + i;
            let near = |most: usize, random: &mut Random| -> Vec<usize> {
                let count = random.below(most + 1);
                let draw = |_| before.saturating_sub(1 + random.below(reach));
                if before == 0 { Vec::new() } else { (0..count).map(draw).collect() }
            };
            let deps = near(4, random);
            let after = if random.one_in(6) { near(2, random) } else { Vec::new() };
            let uid = *next_uid;
            *next_uid += 1;
            let act = if random.one_in(odds.failure) {
                if random.one_in(2) { Act::Fail } else { Act::Panic }
            } else if random.one_in(odds.cancel) {
                Act::Cancel
            } else if depth < 4 && random.one_in(odds.expand) {
                Act::Expand(Spec::draw(random, odds, deps.len(), depth + 1, next_uid))
            } else {
                Act::Mix
            };
            let priority = if random.one_in(8) { random.below(5) as i32 - 2 } else { 0 };
            nodes.push(Node { uid, deps, after, act, priority, cost: random.below(100) as u64 });
        }
        let all = inputs + len;
        let wanted = if depth == 0 { 1 + random.below(4) } else { 1 };
        let outputs = (0..wanted).map(|_| all - 1 - random.below(all.min(5))).collect();
        Spec { inputs, nodes, outputs }
    }
}

/// What a node makes of its inputs.
pub(super) fn mix(uid: usize, inputs: impl Iterator<Item = u64>) -> u64 {
    inputs.fold(uid as u64 + 1, |sum, input| sum.wrapping_mul(31).wrapping_add(input))
}

/// What must come out of a spec.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Nodes whose predecessors are all done: those that run when all is well.
    pub(super) can_run: BTreeSet<usize>,
    /// Those of them that fail.
    pub(super) failing: BTreeSet<usize>,
    pub(super) cancels: bool,
    /// The values of the outputs; none for one that cannot be had.
    pub(super) outputs: Vec<Option<u64>>,
}

pub(super) fn evaluate(spec: &Spec) -> Expected {
    let mut expected = Expected::default();
    expected.outputs = evaluate_into(spec, &[], &mut expected);
    expected
}

fn evaluate_into(spec: &Spec, inputs: &[u64], expected: &mut Expected) -> Vec<Option<u64>> {
    let mut needed = vec![false; spec.inputs + spec.nodes.len()];
    spec.outputs.iter().for_each(|&output| needed[output] = true);
    for (i, node) in spec.nodes.iter().enumerate().rev() {
        if needed[spec.inputs + i] {
            node.deps.iter().chain(&node.after).for_each(|&before| needed[before] = true);
        }
    }
    let mut values: Vec<Option<u64>> = inputs.iter().map(|&input| Some(input)).collect();
    for (i, node) in spec.nodes.iter().enumerate() {
        let deps: Option<Vec<u64>> = node.deps.iter().map(|&dep| values[dep]).collect();
        let ordered = node.after.iter().all(|&before| values[before].is_some());
        let value = match deps {
            Some(deps) if needed[spec.inputs + i] && ordered => evaluate_node(node, &deps, expected),
            _ => None,
        };
        values.push(value);
    }
    spec.outputs.iter().map(|&output| values[output]).collect()
}

fn evaluate_node(node: &Node, deps: &[u64], expected: &mut Expected) -> Option<u64> {
    expected.can_run.insert(node.uid);
    match &node.act {
        Act::Mix => Some(mix(node.uid, deps.iter().copied())),
        Act::Fail | Act::Panic => {
            expected.failing.insert(node.uid);
            None
        }
        Act::Cancel => {
            expected.cancels = true;
            Some(mix(node.uid, deps.iter().copied()))
        }
        Act::Expand(spec) => evaluate_into(spec, deps, expected)[0],
    }
}
