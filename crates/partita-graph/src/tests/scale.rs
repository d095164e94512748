//! Large graphs: right answers, on stacks too small for any recursion. `benches/overhead.rs` times them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;

use super::{add_sum, failing, sum, within_a_minute};
use crate::{BoxError, Graph, Inputs, RunOptions, Step, TaskId, run};

/// Threads with a stack on which a few hundred frames of anything would overflow.
fn small_stacks(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(96 << 10).build().unwrap()
}

#[test]
fn a_hundred_thousand_tasks() {
    within_a_minute(|| {
        let mut graph = Graph::new();
        let ones: Vec<_> = (0..100_000).map(|_| add_sum(&mut graph, "one", &[], 1)).collect();
        let total = add_sum(&mut graph, "total", &ones, 0);
        assert_eq!(*run(graph, &small_stacks(2), &[total], RunOptions::default()).unwrap()[0], 100_000);
    });
}

#[test]
fn sixteen_thousand_outputs() {
    within_a_minute(|| {
        let mut graph = Graph::new();
        let outputs: Vec<_> = (0..16_000).map(|i| add_sum(&mut graph, "output", &[], i)).collect();
        let results = run(graph, &small_stacks(2), &outputs, RunOptions::default()).unwrap();
        assert!(results.iter().map(|result| **result).eq(0..16_000));
    });
}

fn chain(length: usize, mut last: TaskId, graph: &mut Graph<u64>) -> TaskId {
    for _ in 0..length {
        last = add_sum(graph, "step", &[last], 1);
    }
    last
}

#[test]
fn a_chain_of_a_million_tasks() {
    within_a_minute(|| {
        let mut graph = Graph::new();
        let first = graph.value("zero", 0);
        let last = chain(1_000_000, first, &mut graph);
        assert_eq!(*run(graph, &small_stacks(2), &[last], RunOptions::default()).unwrap()[0], 1_000_000);
    });
}

#[test]
fn a_chain_that_fails_at_its_start() {
    within_a_minute(|| {
        let mut graph = Graph::new();
        let first = graph.add("first", &[], failing("no"));
        let last = chain(100_000, first, &mut graph);
        let error = run(graph, &small_stacks(2), &[last], RunOptions::default()).unwrap_err();
        assert_eq!(error.task().unwrap(), &"first");
        assert_eq!(error.path().len(), 16);
    });
}

/// A loop made of expansions: each turn takes the last one's number in and adds one.
fn turn(left: usize, number: u64, fail: bool, tail: bool) -> Result<Step<u64>, BoxError> {
    if left == 0 {
        return if fail { Err("the end".into()) } else { Ok(Step::Done(number)) };
    }
    let mut graph = Graph::new();
    let number = graph.value("number", number);
    let next = graph.add("turn", &[number], move |_, inputs| turn(left - 1, inputs[0] + 1, fail, tail));
    let result = if tail { next } else { add_sum(&mut graph, "after", &[next], 1) };
    Ok(Step::Expand(graph, result))
}

#[test]
fn expansions_nest_deeply() {
    within_a_minute(|| {
        for (tail, answer) in [(true, 20_000), (false, 40_000)] {
            let mut graph = Graph::new();
            let first = graph.add("first", &[], move |_, _| turn(20_000, 0, false, tail));
            assert_eq!(*run(graph, &small_stacks(2), &[first], RunOptions::default()).unwrap()[0], answer);

            let mut graph = Graph::new();
            let first = graph.add("first", &[], move |_, _| turn(20_000, 0, true, tail));
            let error = run(graph, &small_stacks(2), &[first], RunOptions::default()).unwrap_err();
            assert_eq!(error.path().first().unwrap(), &"first");
        }
    });
}

/// A result that counts how many are alive, and the most there ever were.
struct Counted<'a>(&'a Alive);

struct Alive {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl<'a> Counted<'a> {
    fn new(alive: &'a Alive) -> Self {
        let now = alive.now.fetch_add(1, Ordering::Relaxed) + 1;
        alive.most.fetch_max(now, Ordering::Relaxed);
        Counted(alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn results_go_with_their_last_user() {
    // Two reductions over 512 partitions; one thread holds a path of partial sums, not the partitions.
    static ALIVE: Alive = Alive { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };
    let alive = &ALIVE;
    let mut graph = Graph::new();
    let count = |graph: &mut Graph<Counted<'static>>, deps: &[TaskId]| {
        graph.add("t", deps, move |_, _: Inputs<_>| Ok(Step::Done(Counted::new(alive))))
    };
    let parts: Vec<_> = (0..512).map(|_| count(&mut graph, &[])).collect();
    let mut outputs = Vec::new();
    for _ in 0..2 {
        let mut level: Vec<_> = parts.iter().map(|&part| count(&mut graph, &[part])).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| count(&mut graph, pair)).collect();
        }
        outputs.extend(level);
    }
    let results = run(graph, &small_stacks(1), &outputs, RunOptions::default()).unwrap();
    assert_eq!(alive.now.load(Ordering::Relaxed), 2);
    let most = alive.most.load(Ordering::Relaxed);
    assert!(most <= 24, "{most} results were alive at once");
    drop(results);
    assert_eq!(alive.now.load(Ordering::Relaxed), 0);
}

#[test]
fn inputs_are_shared_not_copied() {
    let mut graph = Graph::new();
    let big = Arc::new(7_u64);
    let value = graph.value("big", Arc::clone(&big));
    let users: Vec<_> = (0..100)
        .map(|_| {
            let big = Arc::clone(&big);
            graph.add("user", &[value], move |_, inputs| {
                assert!(Arc::ptr_eq(&big, &inputs.share(0)));
                Ok(Step::Done(sum(&inputs)))
            })
        })
        .collect();
    let total = add_sum(&mut graph, "total", &users, 0);
    assert_eq!(*run(graph, &small_stacks(2), &[total], RunOptions::default()).unwrap()[0], 700);
    assert_eq!(Arc::strong_count(&big), 1);
}
