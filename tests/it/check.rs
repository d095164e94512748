//! `check`: one chain, run in every way in which an engine may run it, must give one answer.
//!
//! A chain runs over 1, 2 and 7 partitions, or 35 small ones, on 1, 2 and 4 threads, optimized and not, with ample memory and
//! with so little that every exchange spills, with rows cut into few runs and into many, and once more with tasks
//! so small that even few rows are shuffled, merged and split. Threads, memory and runs must not change a bit, nor
//! the order of rows. Partitions, the optimizer and the tasks behind exchanges may change the order where the plan
//! leaves it open, and the last bits of floats.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use arrow::array::RecordBatch;
use partita::{PartitionedFrame, Session};

use crate::rows::Rows;

/// Whether a chain fixes the order of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Fixed,
    Free,
}

/// What may not change the answer, but for order and rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    partitions: usize,
    optimize: bool,
    /// Tasks behind exchanges get a few rows each and no join is broadcast.
    small_cuts: bool,
}

/// What may not change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Means {
    threads: usize,
    spill: bool,
}

impl Means {
    /// Whether exchanges are cut into runs of a few rows: sometimes those that spill, sometimes the others.
    fn small_runs(self) -> bool {
        self.spill != (self.threads == 2)
    }
}

/// More partitions than two waves of an exchange have.
const MANY: usize = 35;

fn shapes() -> impl Iterator<Item = Shape> {
    [1, 2, 7].into_iter().flat_map(|partitions| {
        [true, false].into_iter().flat_map(move |optimize| {
            [false, true].map(|small_cuts| {
                // So many that what waits in an exchange is merged in waves.
                let partitions = if small_cuts && partitions == 7 { MANY } else { partitions };
                Shape { partitions, optimize, small_cuts }
            })
        })
    })
}

fn means() -> impl Iterator<Item = Means> {
    [1, 2, 4].into_iter().flat_map(|threads| [false, true].map(|spill| Means { threads, spill }))
}

/// Where the checks spill to.
pub(crate) static SPILL: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("partita-check-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory to spill to");
    directory
});

/// Sessions are kept: each has threads of its own.
fn session(shape: Shape, means: Means, run_bytes: usize) -> Session {
    type Key = (bool, bool, Means, usize);
    static SESSIONS: LazyLock<Mutex<HashMap<Key, Session>>> = LazyLock::new(Mutex::default);
    let mut sessions = SESSIONS.lock().expect("no check panics while it holds this");
    let key = (shape.optimize, shape.small_cuts, means, run_bytes);
    let make = || {
        let mut builder = Session::builder().threads(means.threads).optimize(shape.optimize);
        builder = if means.spill {
            builder.memory_limit(16 << 20).exchange_limit(0).spill_dir(&*SPILL)
        } else {
            builder.memory_limit(1 << 30)
        };
        if means.small_runs() {
            builder = builder.run_bytes(run_bytes);
        }
        if shape.small_cuts {
            // So few that buckets are split by further bits of the hash, and the rows of some keys worked on apart.
            builder = builder.task_bytes(run_bytes as u64 / 8).broadcast_bytes(0);
        }
        builder.build().expect("settings that work")
    };
    sessions.entry(key).or_insert_with(make).clone()
}

/// Batches in about equal parts, one per partition; some are empty if there are few rows.
pub(crate) fn partitioned(batch: &RecordBatch, partitions: usize) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let start = |index: usize| rows * index / partitions;
    (0..partitions).map(|index| batch.slice(start(index), start(index + 1) - start(index))).collect()
}

fn run(
    inputs: &[RecordBatch],
    chain: &dyn Fn(&[PartitionedFrame]) -> PartitionedFrame,
    shape: Shape,
    means: Means,
) -> Result<RecordBatch, String> {
    // Small cuts make some tens of runs, of few rows as of many.
    let rows: usize = inputs.iter().map(RecordBatch::num_rows).sum();
    let session = session(shape, means, if rows < 2_000 { 512 } else { 64 << 10 });
    let frames: Vec<PartitionedFrame> = inputs
        .iter()
        .map(|batch| {
            PartitionedFrame::from_batches(partitioned(batch, shape.partitions)).with_session(&session)
        })
        .collect();
    let frame = chain(&frames);
    let table = frame.compute().map_err(|error| error.to_string())?;
    table.to_batch().map_err(|error| error.to_string())
}

fn rows_of(batch: &RecordBatch) -> Rows {
    let names = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    Rows::of_batches(names, std::slice::from_ref(batch))
}

/// Runs the chain in every way and says where two answers differ. `Ok` holds the one answer, or the one error.
pub(crate) fn try_check(
    inputs: &[RecordBatch],
    order: Order,
    chain: &dyn Fn(&[PartitionedFrame]) -> PartitionedFrame,
) -> Result<Result<Rows, String>, String> {
    let mut answer: Option<(Shape, Result<Rows, String>)> = None;
    for shape in shapes() {
        let mut of_shape: Option<(Means, Result<RecordBatch, String>)> = None;
        for means in means() {
            let got = run(inputs, chain, shape, means);
            match &of_shape {
                None => of_shape = Some((means, got)),
                // Mostly they are the same arrays; only where they are not must rows be made to compare.
                Some((_, expected)) if *expected == got => {}
                Some((first, expected)) => {
                    let (expected, got) = (expected.as_ref().map(rows_of), got.as_ref().map(rows_of));
                    compare(&expected, &got, true, true)
                        .map_err(|difference| format!("{shape:?}: {first:?} and {means:?}: {difference}"))?;
                }
            }
        }
        let Some((_, got)) = of_shape else { continue };
        let got = got.as_ref().map(rows_of).map_err(String::clone);
        match &answer {
            None => answer = Some((shape, got)),
            Some((first, expected)) => {
                compare(&expected.as_ref(), &got.as_ref(), order == Order::Fixed, false)
                    .map_err(|difference| format!("{first:?} and {shape:?}: {difference}"))?
            }
        }
    }
    answer.map(|(_, answer)| answer).ok_or_else(|| "no way to run was tried".to_owned())
}

fn compare(
    one: &Result<impl Borrow<Rows>, &String>,
    other: &Result<impl Borrow<Rows>, &String>,
    ordered: bool,
    bits: bool,
) -> Result<(), String> {
    match (one, other) {
        (Ok(one), Ok(other)) => one.borrow().difference(other.borrow(), ordered, bits).map_or(Ok(()), Err),
        // Which of several bad rows is met first, and the words about the plan, depend on the shape.
        (Err(one), Err(other)) if !bits || one == other => Ok(()),
        (Err(one), Err(other)) => Err(format!("the errors `{one}` and `{other}`")),
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => {
            let rows = one
                .as_ref()
                .map(|rows| rows.borrow().rows.len())
                .or(other.as_ref().map(|rows| rows.borrow().rows.len()))
                .unwrap_or(0);
            Err(format!("{rows} rows and the error `{error}`"))
        }
    }
}

/// Runs the chain in every way and returns the one answer.
#[track_caller]
pub(crate) fn check(
    inputs: &[RecordBatch],
    order: Order,
    chain: impl Fn(&[PartitionedFrame]) -> PartitionedFrame,
) -> Rows {
    let answer = try_check(inputs, order, &chain).unwrap_or_else(|difference| panic!("{difference}"));
    answer.unwrap_or_else(|error| panic!("the chain failed: {error}"))
}

/// Runs the chain in every way and demands these rows.
#[track_caller]
pub(crate) fn check_rows(
    inputs: &[RecordBatch],
    order: Order,
    expected: &Rows,
    chain: impl Fn(&[PartitionedFrame]) -> PartitionedFrame,
) {
    let got = check(inputs, order, chain);
    if let Some(difference) = got.difference(expected, order == Order::Fixed, false) {
        panic!("got and expected: {difference}");
    }
}
