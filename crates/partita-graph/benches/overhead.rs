//! What a task costs besides its work: `cargo bench -p partita-graph` prints microseconds per task.
//!
//! Each shape is built and run on one and on two threads; every answer is checked.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::error::Error;
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
    Ok(())
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
