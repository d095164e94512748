//! Delayed graphs, timed: many outputs, many nodes, long chains, errors and retries, pictures, reports. A line of
//! JSON for each; `benches/peers/delayed.py` runs it beside the same work on Dask.
//!
//! `cargo run --release -p partita-bench --bin delayed [-- THREADS]`

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use partita::prelude::*;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome = Result<Value, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let session = Session::builder().threads(threads).build()?;
    report("the lesson, 1,000 times", 10_000, || lesson(&session))?;
    for count in [4_000, 16_000, 64_000] {
        report(&format!("{count} outputs of one compute"), count, || outputs(&session, count))?;
    }
    report("100,000 trivial nodes into one", 100_000, || trivial(&session, 100_000))?;
    report("100,000 trivial nodes with a report", 100_000, || reported(&session, 100_000))?;
    report("a tree of 131,071 sums", 131_071, || tree(&session, 1 << 16))?;
    report("a chain of 1,000,000 nodes", 1_000_000, || chain(&session, 1_000_000))?;
    report("task 7 of 40 fails", 40, || failure(&session))?;
    report("a flaky task, 2 retries", 1, || retries(&session))?;
    report("a picture of 5,000 nodes", 5_000, picture)?;
    report("rows and bytes per operator after a run", 1, || measured(&session))
}

/// Runs the work three times and prints the best.
fn report(work: &str, nodes: usize, mut action: impl FnMut() -> Outcome) -> Result<(), Box<dyn Error>> {
    let (mut best, mut told) = (f64::INFINITY, Value::Null);
    for _ in 0..3 {
        let start = Instant::now();
        told = action()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let line =
        json!({ "work": work, "seconds": best, "us_per_node": best * 1e6 / nodes as f64, "told": told });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Says what went wrong, if the answer is not what it must be.
fn right<T: PartialEq + std::fmt::Debug>(answer: &T, expected: &T) -> Outcome {
    if answer == expected { Ok(Value::Null) } else { Err(format!("{answer:?} is not {expected:?}").into()) }
}

fn lesson(session: &Session) -> Outcome {
    let (add, mul) = (delayed(|a: i64, b: i64| a + b), delayed(|a: i64, b: i64| a * b));
    for _ in 0..1_000 {
        let left = mul.call(add.call(3, 7), add.call(2, 8));
        let result = mul.call(left, mul.call(2, 3) - 1);
        right(&result.with_session(session).compute()?, &500)?;
    }
    Ok(Value::Null)
}

fn outputs(session: &Session, count: usize) -> Outcome {
    let increment = delayed(|x: usize| x + 1);
    let all = (0..count).map(|x| increment.call(x).with_session(session)).collect::<Vec<_>>();
    right(&compute_all(&all)?.into_iter().sum(), &(count * (count + 1) / 2))
}

fn trivial(session: &Session, count: usize) -> Outcome {
    let increment = delayed(|x: usize| x + 1);
    let all = (0..count).map(|x| increment.call(x)).collect::<Vec<_>>();
    let sum = delayed(|all: Vec<usize>| all.into_iter().sum::<usize>()).call(all);
    right(&sum.with_session(session).compute()?, &(count * (count + 1) / 2))
}

fn reported(session: &Session, count: usize) -> Outcome {
    let increment = delayed(|x: usize| x + 1);
    let all = (0..count).map(|x| increment.call(x)).collect::<Vec<_>>();
    let sum = delayed(|all: Vec<usize>| all.into_iter().sum::<usize>()).call(all);
    let (sum, report) = sum.with_session(session).compute_with_report()?;
    right(&(sum, report.tasks().len()), &(count * (count + 1) / 2, count + 1))
}

fn tree(session: &Session, leaves: usize) -> Outcome {
    let increment = delayed(|x: usize| x + 1);
    let mut level = (0..leaves).map(|x| increment.call(x)).collect::<Vec<_>>();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| &pair[0] + &pair[1]).collect();
    }
    right(&compute_all(level[0].clone().with_session(session))?, &(leaves * (leaves + 1) / 2))
}

fn chain(session: &Session, count: usize) -> Outcome {
    let increment = delayed(|x: usize| x + 1);
    let last = (1..count).fold(increment.call(0), |last, _| increment.call(last));
    right(&last.with_session(session).compute()?, &count)
}

fn failure(session: &Session) -> Outcome {
    let load = try_delayed(|part: i64| if part == 7 { Err("row 12: not a number") } else { Ok(part) });
    let parts = (0..40).map(|part| load.call(part).name(format!("load part {part}"))).collect::<Vec<_>>();
    let total = delayed(|parts: Vec<i64>| parts.into_iter().sum::<i64>()).name("total").call(parts);
    match total.with_session(session).compute() {
        Ok(_) => Err("it did not fail".into()),
        Err(error) => Ok(error.to_string().into()),
    }
}

fn retries(session: &Session) -> Outcome {
    let calls = AtomicUsize::new(0);
    let ask = try_delayed(move || match calls.fetch_add(1, Ordering::Relaxed) {
        2 => Ok(42),
        _ => Err("no answer"),
    });
    right(&ask.call().retries(2).with_session(session).compute()?, &42)?;
    Ok("42 after 3 calls".into())
}

fn picture() -> Outcome {
    let (load, clean, merge) = (
        delayed(|part: i64| part).name("load"),
        delayed(|part: i64| part).name("clean"),
        delayed(|a: i64, b: i64| a + b).name("merge"),
    );
    let mut level = (0..1_667).map(|part| clean.call(load.call(part))).collect::<Vec<_>>();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [a, b] => merge.call(a, b),
                alone => alone[0].clone(),
            })
            .collect();
    }
    let path = std::env::temp_dir().join(format!("partita-bench-{}.svg", std::process::id()));
    level[0].visualize(&path)?;
    let bytes = std::fs::metadata(&path)?.len();
    std::fs::remove_file(&path)?;
    Ok(format!("{bytes} bytes of SVG, nothing installed").into())
}

fn measured(session: &Session) -> Outcome {
    let batches = (0..8).map(|part| {
        let rows = (0..50_000_i64).collect::<Vec<_>>();
        batch! { "k" => rows.iter().map(|row| row % 100).collect::<Vec<_>>(), "v" => rows.iter().map(|row| row + part).collect::<Vec<_>>() }
    });
    let frame = PartitionedFrame::from_batches(batches.collect::<Result<Vec<_>, _>>()?).with_session(session);
    let table = frame.filter(col("v").gt(10)).groupby(["k"]).agg([col("v").sum()]).compute()?;
    right(&table.num_rows(), &100)?;
    Ok(table.report().explain().into())
}
