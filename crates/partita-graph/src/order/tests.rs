//! The order is valid, and keeps fewer results alive than plain depth-first and breadth-first orders.

use std::collections::BTreeSet;

use super::{Shape, static_order};
use crate::edges::Edges;
use crate::tests::random::Random;

#[derive(Default)]
struct Plan {
    deps: Vec<Vec<u32>>,
    after: Vec<(u32, u32)>,
    priority: Vec<i32>,
    outputs: Vec<u32>,
}

impl Plan {
    fn add(&mut self, deps: &[u32]) -> u32 {
        self.deps.push(deps.to_vec());
        self.priority.push(0);
        self.deps.len() as u32 - 1
    }

    /// Pairs up until one is left.
    fn reduce(&mut self, mut level: Vec<u32>) -> u32 {
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| self.add(pair)).collect();
        }
        level[0]
    }

    fn order(&self) -> Vec<u32> {
        let mut deps = Edges::new();
        self.deps.iter().for_each(|list| deps.push(list.iter().copied()));
        let after = Edges::from_pairs(self.deps.len(), self.after.iter().copied());
        static_order(&Shape { deps: &deps, after: &after, priority: &self.priority, outputs: &self.outputs })
    }

    fn needed(&self) -> BTreeSet<u32> {
        let mut needed: BTreeSet<u32> = self.outputs.iter().copied().collect();
        let mut stack = self.outputs.clone();
        while let Some(task) = stack.pop() {
            let after = self.after.iter().filter(|(later, _)| *later == task).map(|(_, earlier)| *earlier);
            let before = self.deps[task as usize].iter().copied().chain(after);
            stack.extend(before.filter(|&dep| needed.insert(dep)));
        }
        needed
    }

    /// The most results alive at once when one worker runs in this order.
    fn most_alive(&self, order: &[u32]) -> usize {
        let needed = self.needed();
        let mut uses = vec![0; self.deps.len()];
        needed.iter().flat_map(|&task| &self.deps[task as usize]).for_each(|&dep| uses[dep as usize] += 1);
        self.outputs.iter().for_each(|&output| uses[output as usize] += 1);
        let (mut alive, mut most) = (0, 0);
        for &task in order {
            alive += 1;
            most = most.max(alive);
            for &dep in &self.deps[task as usize] {
                uses[dep as usize] -= 1;
                alive -= usize::from(uses[dep as usize] == 0);
            }
        }
        most
    }

    fn depth_first(&self) -> Vec<u32> {
        fn walk(plan: &Plan, task: u32, seen: &mut BTreeSet<u32>, order: &mut Vec<u32>) {
            if seen.insert(task) {
                plan.deps[task as usize].iter().for_each(|&dep| walk(plan, dep, seen, order));
                order.push(task);
            }
        }
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        self.outputs.iter().for_each(|&output| walk(self, output, &mut seen, &mut order));
        order
    }

    fn breadth_first(&self) -> Vec<u32> {
        let mut level = vec![0; self.deps.len()];
        for task in 0..self.deps.len() {
            level[task] = self.deps[task].iter().map(|&dep| level[dep as usize] + 1).max().unwrap_or(0);
        }
        let mut order: Vec<u32> = self.needed().into_iter().collect();
        order.sort_by_key(|&task| level[task as usize]);
        order
    }

    /// Most alive in our order, depth first, and breadth first.
    fn compare(&self) -> [usize; 3] {
        self.check();
        [self.order(), self.depth_first(), self.breadth_first()].map(|order| self.most_alive(&order))
    }

    fn check(&self) {
        let order = self.order();
        let mut done = BTreeSet::new();
        for &task in &order {
            assert!(self.deps[task as usize].iter().all(|dep| done.contains(dep)), "{task} comes too early");
            let mut after = self.after.iter().filter(|(later, _)| *later == task);
            assert!(after.all(|(_, earlier)| done.contains(earlier)), "{task} comes too early");
            assert!(done.insert(task), "{task} comes twice");
        }
        assert_eq!(done, self.needed());
    }
}

#[test]
fn partitions_go_in_their_order() {
    let mut plan = Plan::default();
    let ends: Vec<u32> = (0..4)
        .map(|_| {
            let read = plan.add(&[]);
            plan.add(&[read])
        })
        .collect();
    let combine = plan.add(&ends);
    plan.outputs = vec![combine];
    assert_eq!(plan.order(), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_tree_keeps_one_result_per_level() {
    let mut plan = Plan::default();
    let leaves = (0..1024).map(|_| plan.add(&[])).collect();
    let root = plan.reduce(leaves);
    plan.outputs = vec![root];
    assert_eq!(plan.compare(), [12, 12, 1025]);
}

#[test]
fn the_deeper_side_goes_first() {
    // Each step takes a fresh leaf and the chain so far, the leaf first: depth-first keeps all leaves.
    let mut plan = Plan::default();
    let leaves: Vec<u32> = (0..100).map(|_| plan.add(&[])).collect();
    let mut chain = plan.add(&[]);
    for leaf in leaves {
        chain = plan.add(&[leaf, chain]);
    }
    plan.outputs = vec![chain];
    let [ours, depth_first, breadth_first] = plan.compare();
    assert_eq!((ours, depth_first, breadth_first), (3, 102, 102));
}

#[test]
fn two_reductions_over_the_same_partitions_go_side_by_side() {
    let mut plan = Plan::default();
    let parts: Vec<u32> = (0..256).map(|_| plan.add(&[])).collect();
    for _ in 0..2 {
        let mapped = parts.iter().map(|&part| plan.add(&[part])).collect();
        let total = plan.reduce(mapped);
        plan.outputs.push(total);
    }
    let [ours, depth_first, breadth_first] = plan.compare();
    assert!(ours <= 22, "{ours}");
    assert!(depth_first > 256 && breadth_first > 256, "{depth_first} {breadth_first}");
}

#[test]
fn shared_means_do_not_keep_everything() {
    // (x - mean(x)) summed: x has to wait for the mean, but nothing else has to wait with it.
    let mut plan = Plan::default();
    let parts: Vec<u32> = (0..64).map(|_| plan.add(&[])).collect();
    let sums = parts.iter().map(|&part| plan.add(&[part])).collect();
    let mean = plan.reduce(sums);
    let centred = parts.iter().map(|&part| plan.add(&[part, mean])).collect();
    let total = plan.reduce(centred);
    plan.outputs = vec![total];
    let [ours, depth_first, breadth_first] = plan.compare();
    assert!(ours <= 64 + 8, "{ours}");
    assert!(ours <= depth_first && ours <= breadth_first, "{ours} {depth_first} {breadth_first}");
}

#[test]
fn priority_moves_a_task_with_what_it_needs() {
    let mut plan = Plan::default();
    let ends: Vec<u32> = (0..4)
        .map(|_| {
            let read = plan.add(&[]);
            plan.add(&[read])
        })
        .collect();
    let combine = plan.add(&ends);
    plan.outputs = vec![combine];
    plan.priority[ends[2] as usize] = 5;
    plan.priority[ends[0] as usize] = -5;
    assert_eq!(plan.order(), [4, 5, 2, 3, 6, 7, 0, 1, 8]);
}

#[test]
fn random_orders_are_valid() {
    for seed in 0..500 {
        let mut random = Random(seed);
        let mut plan = Plan::default();
        for task in 0..1 + random.below(120) as u32 {
            let deps: Vec<u32> = (0..if task == 0 { 0 } else { random.below(5) })
                .map(|_| random.below(task as usize) as u32)
                .collect();
            plan.add(&deps);
            if task > 0 && random.one_in(5) {
                plan.after.push((task, random.below(task as usize) as u32));
            }
            plan.priority[task as usize] = if random.one_in(5) { random.below(7) as i32 - 3 } else { 0 };
        }
        plan.outputs = (0..random.below(4)).map(|_| random.below(plan.deps.len()) as u32).collect();
        plan.check();
    }
}

#[test]
fn random_reductions_keep_few_results() {
    // Not on every graph, but summed over many ours must be the leanest.
    let mut total = [0; 3];
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut plan = Plan::default();
        let mut open: Vec<u32> = (0..20 + random.below(40)).map(|_| plan.add(&[])).collect();
        while open.len() > 1 {
            let deps: Vec<u32> = (0..1 + random.below(3)).map(|_| open[random.below(open.len())]).collect();
            let task = plan.add(&deps);
            open.retain(|other| !deps.contains(other) || random.one_in(4));
            open.push(task);
        }
        plan.outputs = open;
        for (sum, most) in total.iter_mut().zip(plan.compare()) {
            *sum += most;
        }
    }
    assert!(total[0] < total[1] && total[1] < total[2], "{total:?}");
}
