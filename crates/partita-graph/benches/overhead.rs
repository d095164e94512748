//! What a task costs besides its work, and how many results are alive: `cargo bench -p partita-graph` prints
//! microseconds per task, and the most results alive at once in the static order, depth-first and breadth-first.
//!
//! Each shape is built and run on one and on two threads; every answer is checked.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use partita_graph::{Graph, Inputs, RunOptions, Step, TaskId, run};

type Shape = (&'static str, usize, fn(usize) -> (Graph<u64>, Vec<TaskId>), u64);

fn main() -> Result<(), Box<dyn Error>> {
    let shapes: [Shape; 6] = [
        ("independent, one sum", 100_000, independent, 100_000),
        ("16,000 outputs", 16_000, outputs, 16_000),
        ("chain", 1_000_000, chain, 1_000_000),
        ("binary tree of sums", 200_000, tree, 100_000),
        ("map, shuffle 300 x 300, reduce", 600, shuffle, 90_000),
        ("expansion in expansion", 100_000, expansions, 100_000),
    ];
    println!(
        "{:32} {:>9} {:>7} {:>9} {:>9} {:>8}",
        "shape", "tasks", "threads", "build ms", "run ms", "us/task"
    );
    for (name, tasks, build, answer) in shapes {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let (built, ran) = best_of_three(&pool, tasks, build, answer)?;
            let each = ran.as_secs_f64() * 1e6 / tasks as f64;
            let (built, ran) = (built.as_secs_f64() * 1e3, ran.as_secs_f64() * 1e3);
            println!("{name:32} {tasks:>9} {threads:>7} {built:>9.1} {ran:>9.1} {each:>8.2}");
        }
    }
    print_orders()
}

fn best_of_three(
    pool: &rayon::ThreadPool,
    tasks: usize,
    build: fn(usize) -> (Graph<u64>, Vec<TaskId>),
    answer: u64,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        let start = Instant::now();
        let (graph, outputs) = build(tasks);
        let built = start.elapsed();
        let start = Instant::now();
        let results = run(graph, pool, &outputs, RunOptions::default())?;
        let ran = start.elapsed();
        let sum: u64 = results.iter().map(|result| **result).sum();
        if sum != answer {
            return Err(format!("the answer is {sum}, not {answer}").into());
        }
        best = (best.0.min(built), best.1.min(ran));
    }
    Ok(best)
}

fn sum(inputs: Inputs<u64>) -> u64 {
    inputs.into_shared().map(|input| *input).sum()
}

fn ones(graph: &mut Graph<u64>, count: usize) -> Vec<TaskId> {
    (0..count).map(|_| graph.add("one", &[], |_, _| Ok(Step::Done(1)))).collect()
}

fn independent(tasks: usize) -> (Graph<u64>, Vec<TaskId>) {
    let mut graph = Graph::new();
    let all = ones(&mut graph, tasks);
    let total = graph.add("sum", &all, |_, inputs| Ok(Step::Done(sum(inputs))));
    (graph, vec![total])
}

fn outputs(tasks: usize) -> (Graph<u64>, Vec<TaskId>) {
    let mut graph = Graph::new();
    let all = ones(&mut graph, tasks);
    (graph, all)
}

fn chain(tasks: usize) -> (Graph<u64>, Vec<TaskId>) {
    let mut graph = Graph::new();
    let mut last = graph.value("zero", 0);
    for _ in 0..tasks {
        last = graph.add("plus one", &[last], |_, inputs| Ok(Step::Done(inputs[0] + 1)));
    }
    (graph, vec![last])
}

fn tree(tasks: usize) -> (Graph<u64>, Vec<TaskId>) {
    let mut graph = Graph::new();
    let mut level = ones(&mut graph, tasks / 2);
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| graph.add("sum", pair, |_, inputs| Ok(Step::Done(sum(inputs)))))
            .collect();
    }
    (graph, level)
}

fn shuffle(tasks: usize) -> (Graph<u64>, Vec<TaskId>) {
    let mut graph = Graph::new();
    let maps = ones(&mut graph, tasks / 2);
    let reduces =
        (0..tasks / 2).map(|_| graph.add("reduce", &maps, |_, inputs| Ok(Step::Done(sum(inputs))))).collect();
    (graph, reduces)
}

fn expansions(tasks: usize) -> (Graph<u64>, Vec<TaskId>) {
    let mut graph = Graph::new();
    let first = graph.add("loop", &[], move |_, _| Ok(turn(0, tasks as u64)));
    (graph, vec![first])
}

fn turn(done: u64, wanted: u64) -> Step<u64> {
    if done == wanted {
        return Step::Done(done);
    }
    let mut graph = Graph::new();
    let next = graph.add("turn", &[], move |_, _| Ok(turn(done + 1, wanted)));
    Step::Expand(graph, next)
}

/// A graph as each task's dependencies, and the wanted tasks.
type Plan = (Vec<Vec<usize>>, Vec<usize>);

/// The most results alive at once, in the order of the scheduler and in two plain ones, on one worker.
fn print_orders() -> Result<(), Box<dyn Error>> {
    let plans: [(&str, Plan); 4] = [
        ("a tree over 1,024 parts", tree_plan()),
        ("two reductions over 256 parts", two_reductions()),
        ("a chain that takes a leaf each step", fed_chain()),
        ("(x - mean(x)) over 64 parts", centred()),
    ];
    println!("\n{:38} {:>8} {:>12} {:>14}", "most results alive", "static", "depth-first", "breadth-first");
    for (name, plan) in plans {
        let free = most_alive(&plan, None)?;
        let depth = most_alive(&plan, Some(depth_first(&plan)))?;
        let breadth = most_alive(&plan, Some(breadth_first(&plan)))?;
        println!("{name:38} {free:>8} {depth:>12} {breadth:>14}");
    }
    Ok(())
}

/// Counts itself while it lives.
struct Alive(Arc<(AtomicUsize, AtomicUsize)>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a plan on one thread, in the scheduler's order or, each task after the last, in a given one.
fn most_alive((deps, wanted): &Plan, order: Option<Vec<usize>>) -> Result<usize, Box<dyn Error>> {
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let forced = order.is_some();
    let order = order.unwrap_or_else(|| (0..deps.len()).collect());
    let mut graph = Graph::new();
    let mut tasks: Vec<Option<TaskId>> = vec![None; deps.len()];
    let mut last = None;
    for number in order {
        let own = Arc::clone(&counts);
        let taken: Vec<TaskId> = deps[number].iter().filter_map(|&dep| tasks[dep]).collect();
        let task = graph.add("t", &taken, move |_, _| {
            let now = own.0.fetch_add(1, Ordering::Relaxed) + 1;
            own.1.fetch_max(now, Ordering::Relaxed);
            Ok(Step::Done(Alive(own)))
        });
        if let (true, Some(last)) = (forced, last) {
            graph.after(task, last);
        }
        last = Some(task);
        tasks[number] = Some(task);
    }
    let outputs: Vec<TaskId> = wanted.iter().filter_map(|&number| tasks[number]).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let results = run(graph, &pool, &outputs, RunOptions::default())?;
    drop(results);
    Ok(counts.1.load(Ordering::Relaxed))
}

fn depth_first((deps, wanted): &Plan) -> Vec<usize> {
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    let mut stack: Vec<(usize, usize)> = wanted.iter().rev().map(|&task| (task, 0)).collect();
    while let Some((task, next)) = stack.pop() {
        if next == 0 && !seen.insert(task) {
            continue;
        }
        match deps[task].get(next) {
            Some(&dep) => {
                stack.push((task, next + 1));
                stack.push((dep, 0));
            }
            None => order.push(task),
        }
    }
    order
}

fn breadth_first((deps, _): &Plan) -> Vec<usize> {
    let mut level = vec![0; deps.len()];
    for task in 0..deps.len() {
        level[task] = deps[task].iter().map(|&dep| level[dep] + 1).max().unwrap_or(0);
    }
    let mut order: Vec<usize> = (0..deps.len()).collect();
    order.sort_by_key(|&task| level[task]);
    order
}

fn leaves(count: usize) -> Vec<Vec<usize>> {
    vec![Vec::new(); count]
}

fn push(deps: &mut Vec<Vec<usize>>, taken: Vec<usize>) -> usize {
    deps.push(taken);
    deps.len() - 1
}

/// Pairs up until one is left.
fn reduce(deps: &mut Vec<Vec<usize>>, mut level: Vec<usize>) -> usize {
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| push(deps, pair.to_vec())).collect();
    }
    level[0]
}

fn tree_plan() -> Plan {
    let mut deps = leaves(1024);
    let top = reduce(&mut deps, (0..1024).collect());
    (deps, vec![top])
}

fn two_reductions() -> Plan {
    let mut deps = leaves(256);
    let mut tops = Vec::new();
    for _ in 0..2 {
        let mapped = (0..256).map(|part| push(&mut deps, vec![part])).collect();
        tops.push(reduce(&mut deps, mapped));
    }
    (deps, tops)
}

fn fed_chain() -> Plan {
    let mut deps = leaves(101);
    let end = (0..100).fold(100, |chain, leaf| push(&mut deps, vec![leaf, chain]));
    (deps, vec![end])
}

fn centred() -> Plan {
    let mut deps = leaves(64);
    let sums = (0..64).map(|part| push(&mut deps, vec![part])).collect();
    let mean = reduce(&mut deps, sums);
    let centred = (0..64).map(|part| push(&mut deps, vec![part, mean])).collect();
    let total = reduce(&mut deps, centred);
    (deps, vec![total])
}
