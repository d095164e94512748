//! Thousands of random graphs with failures, panics, cancels and expansions: never a hang, never a lost or
//! double-run task, never a result left over, and the values that a sequential evaluator finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rayon::ThreadPool;

use super::random::{Act, Node, Odds, Random, Spec, evaluate, mix};
use super::{pool, quiet_panic, within_a_minute};
use crate::{
    Admission, BoxError, CancelToken, Cause, Graph, Inputs, OnError, RunError, RunOptions, Step, TaskContext,
    TaskId, run,
};

/// A result that counts how many of its kind are alive.
#[derive(Debug)]
struct Tracked {
    value: u64,
    alive: Arc<AtomicUsize>,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the tasks of one run share.
#[derive(Clone)]
struct World {
    ran: Arc<Vec<AtomicUsize>>,
    alive: Arc<AtomicUsize>,
    cancel: CancelToken,
}

impl World {
    fn new(tasks: usize) -> Self {
        World {
            ran: Arc::new((0..tasks).map(|_| AtomicUsize::new(0)).collect()),
            alive: Arc::default(),
            cancel: CancelToken::new(),
        }
    }

    fn track(&self, value: u64) -> Tracked {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Tracked { value, alive: Arc::clone(&self.alive) }
    }

    fn build(&self, spec: &Spec, inputs: Vec<Arc<Tracked>>) -> (Graph<Tracked>, Vec<TaskId>) {
        let mut graph = Graph::new();
        let mut tasks: Vec<TaskId> = inputs.into_iter().map(|input| graph.value("input", input)).collect();
        for node in &spec.nodes {
            let deps: Vec<TaskId> = node.deps.iter().map(|&dep| tasks[dep]).collect();
            let (world, copy) = (self.clone(), node.clone());
            let task = graph.add(format!("{}", node.uid), &deps, move |context, inputs| {
                world.act(&copy, context, inputs)
            });
            node.after.iter().for_each(|&before| graph.after(task, tasks[before]));
            graph.set_priority(task, node.priority);
            graph.set_cost(task, node.cost);
            tasks.push(task);
        }
        let outputs = spec.outputs.iter().map(|&output| tasks[output]).collect();
        (graph, outputs)
    }

    fn act(
        &self,
        node: &Node,
        context: &TaskContext,
        mut inputs: Inputs<Tracked>,
    ) -> Result<Step<Tracked>, BoxError> {
        assert_eq!(context.name().as_str(), node.uid.to_string());
        self.ran[node.uid].fetch_add(1, Ordering::Relaxed);
        let mut noise = Random(node.uid as u64);
        (0..noise.below(4)).for_each(|_| std::thread::yield_now());
        if noise.one_in(9) {
            // The pool may run another worker on top of this task meanwhile.
            rayon::join(std::thread::yield_now, std::thread::yield_now);
        }
        match &node.act {
            Act::Fail if noise.one_in(2) => {
                context.check()?;
                Err("told to".into())
            }
            Act::Fail => Err("told to".into()),
            Act::Panic => quiet_panic("told to"),
            Act::Expand(spec) => {
                let (graph, outputs) = self.build(spec, inputs.into_shared().collect());
                Ok(Step::Expand(graph, outputs[0]))
            }
            Act::Mix | Act::Cancel => {
                if matches!(node.act, Act::Cancel) {
                    self.cancel.cancel_because("told to");
                }
                let values = (0..inputs.len()).map(|i| match inputs.take(i) {
                    Ok(owned) => owned.value,
                    Err(shared) => shared.value,
                });
                let value = mix(node.uid, values);
                Ok(if noise.one_in(2) {
                    Step::Done(self.track(value))
                } else {
                    Step::Shared(self.track(value).into())
                })
            }
        }
    }
}

/// Refuses by a fixed sequence that has nothing to do with what runs.
struct Moody(AtomicU64);

impl Admission for Moody {
    fn admit(&self, _cost: u64, _running: usize) -> bool {
        Random(self.0.fetch_add(1, Ordering::Relaxed)).one_in(3)
    }
}

struct Setting<'a> {
    pool: &'a ThreadPool,
    on_error: OnError,
    moody: bool,
    inside: bool,
}

/// Runs a spec and checks all that holds however it is run. Returns the failed task, if one failed.
fn check(spec: &Spec, tasks: usize, setting: &Setting<'_>) -> Option<String> {
    let expected = evaluate(spec);
    let world = World::new(tasks);
    let (graph, outputs) = world.build(spec, Vec::new());
    let mut options =
        RunOptions { cancel: world.cancel.clone(), on_error: setting.on_error, ..RunOptions::default() };
    if setting.moody {
        options.admission = Some(Arc::new(Moody(AtomicU64::new(tasks as u64))));
    }
    let start = || run(graph, setting.pool, &outputs, options);
    let result = if setting.inside { setting.pool.install(start) } else { start() };

    let ran: Vec<usize> = world.ran.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    for (uid, &count) in ran.iter().enumerate() {
        assert!(count <= usize::from(expected.can_run.contains(&uid)), "task {uid} ran {count} times");
    }
    let failed = match &result {
        Ok(values) => {
            let values: Vec<_> = values.iter().map(|value| Some(value.value)).collect();
            assert_eq!(values, expected.outputs);
            assert_eq!(ran.iter().sum::<usize>(), expected.can_run.len(), "a task was lost");
            None
        }
        Err(error) => check_error(error, spec, &expected.failing, expected.cancels),
    };
    if let Ok(values) = &result {
        let distinct: std::collections::BTreeSet<_> = values.iter().map(Arc::as_ptr).collect();
        assert_eq!(world.alive.load(Ordering::Relaxed), distinct.len(), "a result was left over");
    }
    drop(result);
    assert_eq!(world.alive.load(Ordering::Relaxed), 0, "a result was left over");
    failed
}

fn check_error(
    error: &RunError,
    spec: &Spec,
    failing: &std::collections::BTreeSet<usize>,
    cancels: bool,
) -> Option<String> {
    if error.is_cancelled() {
        assert!(cancels, "nobody cancelled");
        return None;
    }
    let name = error.task().unwrap().to_string();
    assert!(failing.contains(&name.parse().unwrap()), "task {name} should not fail: {error}");
    match error.cause() {
        Cause::Error(source) => assert_eq!(source.to_string(), "told to"),
        Cause::Panicked(message) => assert_eq!(message, "told to"),
        Cause::Cancelled(_) => unreachable!("asked above"),
    }
    let first = error.path().first().unwrap().to_string();
    let outputs: Vec<_> = spec.outputs.iter().map(|&i| spec.nodes[i].uid.to_string()).collect();
    assert!(outputs.contains(&first), "the path {:?} begins at no output", error.path());
    Some(name)
}

fn stress(seeds: std::ops::Range<u64>, odds: Odds) {
    let (one, few, many) = (pool(1), pool(2), pool(5));
    for seed in seeds {
        let mut random = Random(seed);
        let mut tasks = 0;
        let spec = Spec::draw(&mut random, odds, 0, 0, &mut tasks);
        let same = OnError::SameEveryTime;
        let (moody, inside) = (random.one_in(3), random.one_in(3));
        let alone = check(&spec, tasks, &Setting { pool: &one, on_error: same, moody, inside });
        let stopped = Setting { pool: &few, on_error: OnError::StopAll, moody, inside };
        check(&spec, tasks, &stopped);
        let spread = check(&spec, tasks, &Setting { pool: &many, on_error: same, moody, inside: !inside });
        if odds.cancel == usize::MAX {
            assert_eq!(alone, spread, "seed {seed}: another error on more threads");
        }
    }
}

#[test]
fn random_graphs_that_succeed() {
    within_a_minute(|| stress(0..1000, Odds { failure: usize::MAX, cancel: usize::MAX, expand: 6 }));
}

#[test]
fn random_graphs_that_fail() {
    within_a_minute(|| stress(10_000..12_000, Odds { failure: 25, cancel: usize::MAX, expand: 8 }));
}

#[test]
fn random_graphs_that_are_cancelled() {
    within_a_minute(|| stress(20_000..21_000, Odds { failure: 60, cancel: 30, expand: 8 }));
}

#[test]
fn many_runs_share_a_pool() {
    within_a_minute(|| {
        let shared = pool(3);
        std::thread::scope(|scope| {
            for caller in 0..4_u64 {
                let shared = &shared;
                scope.spawn(move || {
                    for seed in 0..100 {
                        let mut tasks = 0;
                        let odds = Odds { failure: 40, cancel: 80, expand: 8 };
                        let spec = Spec::draw(&mut Random(caller << 32 | seed), odds, 0, 0, &mut tasks);
                        let inside = seed % 2 == 0;
                        let setting =
                            Setting { pool: shared, on_error: OnError::StopAll, moody: false, inside };
                        check(&spec, tasks, &setting);
                    }
                });
            }
        });
    });
}
