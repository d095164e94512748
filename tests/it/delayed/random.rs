//! Ten thousand random graphs with failures, panics, cancels and retries: never a hang, never a lost node or one
//! that runs twice, never a value left over, and the values that a plain evaluator finds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use partita::{CancelHandle, prelude::*};

use super::{quiet_panic, session, without_hanging};

/// A small generator (splitmix64): the same graphs on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Mix,
    Fail,
    Panic,
    Cancel,
    /// Fails so often, with as many retries.
    Flaky(usize),
    /// Runs a graph of its own.
    Nest,
}

#[derive(Clone, Debug)]
struct Spec {
    act: Act,
    /// Earlier nodes whose values it takes.
    takes: Vec<usize>,
    /// Earlier nodes that it waits for.
    after: Vec<usize>,
    priority: i32,
    by_reference: bool,
}

fn draw(random: &mut Random) -> (Vec<Spec>, Vec<usize>) {
    let len = 1 + random.below(40);
    let (failing, cancelling) = ([0, 0, 25, 60][random.below(4)], [0, 0, 0, 40][random.below(4)]);
    let nodes = (0..len)
        .map(|node| {
            let earlier = |most: usize, random: &mut Random| {
                let count = if node == 0 { 0 } else { random.below(most + 1) };
                (0..count).map(|_| node - 1 - random.below(node.min(12))).collect::<Vec<_>>()
            };
            let act = match () {
                () if failing > 0 && random.one_in(failing) => [Act::Fail, Act::Panic][random.below(2)],
                () if cancelling > 0 && random.one_in(cancelling) => Act::Cancel,
                () if random.one_in(15) => Act::Flaky(1 + random.below(2)),
                () if random.one_in(30) => Act::Nest,
                () => Act::Mix,
            };
            let takes = earlier(4, random);
            let after = if random.one_in(6) { earlier(2, random) } else { Vec::new() };
            let priority = if random.one_in(8) { random.below(5) as i32 - 2 } else { 0 };
            Spec { act, takes, after, priority, by_reference: random.one_in(2) }
        })
        .collect();
    let wanted = (0..1 + random.below(4)).map(|_| len - 1 - random.below(len.min(6))).collect();
    (nodes, wanted)
}

fn mix(node: usize, values: impl Iterator<Item = u64>) -> u64 {
    values.fold(node as u64 + 1, |sum, value| sum.wrapping_mul(31).wrapping_add(value))
}

/// What must come of a graph: the values of its nodes, none for one that cannot be had; which may start.
fn evaluate(nodes: &[Spec], wanted: &[usize]) -> (Vec<Option<u64>>, BTreeSet<usize>) {
    let mut needed = vec![false; nodes.len()];
    wanted.iter().for_each(|&node| needed[node] = true);
    for (number, node) in nodes.iter().enumerate().rev() {
        if needed[number] {
            node.takes.iter().chain(&node.after).for_each(|&earlier| needed[earlier] = true);
        }
    }
    let (mut values, mut may_start) = (Vec::<Option<u64>>::new(), BTreeSet::new());
    for (number, node) in nodes.iter().enumerate() {
        let taken: Option<Vec<u64>> = node.takes.iter().map(|&earlier| values[earlier]).collect();
        let ordered = node.after.iter().all(|&earlier| values[earlier].is_some());
        let value = match taken {
            Some(taken) if ordered && needed[number] => {
                may_start.insert(number);
                (!matches!(node.act, Act::Fail | Act::Panic)).then(|| mix(number, taken.into_iter()))
            }
            _ => None,
        };
        values.push(value);
    }
    (values, may_start)
}

/// A value that counts how many of its kind are alive.
#[derive(Debug)]
struct Tracked {
    value: u64,
    alive: Arc<AtomicUsize>,
}

impl Tracked {
    fn new(value: u64, alive: &Arc<AtomicUsize>) -> Tracked {
        alive.fetch_add(1, Ordering::Relaxed);
        Tracked { value, alive: Arc::clone(alive) }
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Self {
        Tracked::new(self.value, &self.alive)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the nodes of one run share.
struct World {
    ran: Vec<AtomicUsize>,
    alive: Arc<AtomicUsize>,
    cancel: CancelHandle,
    session: Session,
}

impl World {
    fn act(&self, number: usize, act: Act, values: impl Iterator<Item = u64>) -> Result<Tracked, String> {
        let tries = self.ran[number].fetch_add(1, Ordering::Relaxed);
        let value = mix(number, values);
        match act {
            Act::Fail => return Err("told to".to_owned()),
            Act::Panic => quiet_panic("told to"),
            Act::Flaky(failures) if tries < failures => return Err("not yet".to_owned()),
            Act::Cancel => self.cancel.cancel(),
            Act::Nest => {
                let parts = (0..3).map(|i| delayed(|i: i64| i).call(i)).collect::<Vec<_>>();
                let sum = gather(parts).map(|all| all.iter().sum::<i64>());
                let sum = sum.with_session(&self.session).compute().map_err(|error| error.to_string())?;
                assert_eq!(sum, 3);
            }
            Act::Mix | Act::Flaky(_) => {}
        }
        Ok(Tracked::new(value, &self.alive))
    }
}

fn build(nodes: &[Spec], world: &Arc<World>) -> Vec<Delayed<Tracked>> {
    let mut made: Vec<Delayed<Tracked>> = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let (own, act) = (Arc::clone(world), node.act);
        let takes = node.takes.iter().map(|&earlier| made[earlier].clone()).collect::<Vec<_>>();
        let call = if node.by_reference {
            let run = move |all: Vec<&Tracked>| own.act(number, act, all.iter().map(|one| one.value));
            try_delayed(run).name(number.to_string()).call(takes)
        } else {
            let run = move |all: Vec<Tracked>| own.act(number, act, all.iter().map(|one| one.value));
            try_delayed(run).name(number.to_string()).call(takes)
        };
        let call = node.after.iter().fold(call, |call, &earlier| call.after(&made[earlier]));
        let call = call.priority(node.priority);
        made.push(if let Act::Flaky(failures) = act { call.retries(failures as u32) } else { call });
    }
    made
}

fn check(seed: u64, threads: usize) {
    let mut random = Random(seed);
    let (nodes, wanted) = draw(&mut random);
    let (values, may_start) = evaluate(&nodes, &wanted);
    let own = POOLS.with(|pools| pools[threads - 1].clone());
    let cancels = nodes.iter().any(|node| node.act == Act::Cancel);
    // A cancelled session stays cancelled, so it is used once.
    let own = if cancels { session(threads) } else { own };
    let world = Arc::new(World {
        ran: nodes.iter().map(|_| AtomicUsize::new(0)).collect(),
        alive: Arc::default(),
        cancel: own.cancel_handle(),
        session: own.clone(),
    });
    let made = build(&nodes, &world);
    let outputs = wanted.iter().map(|&node| made[node].clone().with_session(&own)).collect::<Vec<_>>();
    drop(made);
    let result = if random.one_in(3) { gather(outputs).submit().wait() } else { compute_all(&outputs) };
    for (number, node) in nodes.iter().enumerate() {
        let ran = world.ran[number].load(Ordering::Relaxed);
        let most = if let Act::Flaky(failures) = node.act { 1 + failures } else { 1 };
        assert!(
            ran <= if may_start.contains(&number) { most } else { 0 },
            "seed {seed}: {number} ran {ran} times"
        );
        if result.is_ok() && may_start.contains(&number) {
            assert_eq!(ran, most, "seed {seed}: {number} was lost");
        }
    }
    match &result {
        Ok(found) => {
            let expected: Vec<Option<u64>> = wanted.iter().map(|&node| values[node]).collect();
            let found: Vec<Option<u64>> = found.iter().map(|one| Some(one.value)).collect();
            assert_eq!(found, expected, "seed {seed}");
        }
        Err(error) if error.is_cancelled() => assert!(cancels, "seed {seed}: nobody cancelled"),
        Err(error) => check_error(seed, &nodes, &may_start, &error.to_string(), cancels),
    }
    drop(result);
    assert_eq!(world.alive.load(Ordering::Relaxed), 0, "seed {seed}: a value was left over");
}

fn check_error(seed: u64, nodes: &[Spec], may_start: &BTreeSet<usize>, message: &str, cancels: bool) {
    let number: usize = message.split('`').nth(1).and_then(|name| name.parse().ok()).expect("a node's name");
    // A node that runs a graph of its own fails with it when its session is cancelled.
    let may_fail =
        matches!(nodes[number].act, Act::Fail | Act::Panic) || (cancels && nodes[number].act == Act::Nest);
    assert!(may_start.contains(&number) && may_fail, "seed {seed}: {number} should not fail: {message}");
    assert!(message.contains("told to") || cancels, "seed {seed}: {message}");
}

thread_local! {
    static POOLS: [Session; 3] = [1, 2, 3].map(session);
}

fn check_all(seeds: std::ops::Range<u64>) {
    without_hanging(|| seeds.for_each(|seed| check(seed, 1 + (seed % 3) as usize)));
}

#[test]
fn random_graphs_first_half() {
    check_all(0..5_000);
}

#[test]
fn random_graphs_second_half() {
    check_all(5_000..10_000);
}
