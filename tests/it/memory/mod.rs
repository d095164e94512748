//! A memory limit that holds: every operator over ten times as much data as it gives the rows that it gives with
//! ample memory, to the bit and in the same order, takes little more than the limit from the allocator, and says
//! what it spilled. Answers are held against plain loops as well.
//!
//! All of it runs in a process of its own, this test binary started anew, since the allocator counts for a whole
//! process. Data are made while a chain runs, and results are written, so that neither lie in memory beside it.

mod allocator;
mod least;
mod questions;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use partita::io::{Mode, ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;

use questions::{QUESTIONS, Question};

/// The memory limit.
const LIMIT: usize = 2 << 20;
/// What may be taken beside it: what Arrow, the writer and a batch under way take is not all counted.
const BESIDE: usize = 16 << 20;
/// Rows of a partition.
const GROWN: i64 = 4_096;
const PARTITIONS: i64 = 80;
const ROWS: i64 = PARTITIONS * GROWN;

/// A number that looks random.
fn mixed(row: i64) -> i64 {
    let hash = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((hash ^ (hash >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20) as i64
}

fn text(row: i64) -> String {
    format!("text {:020}", mixed(row / 2))
}

fn hot(row: i64) -> i64 {
    if row % 2 == 0 { 7 } else { mixed(row) }
}

fn value(row: i64) -> f64 {
    mixed(row + ROWS) as f64 / 1e3
}

/// Rows `from..to`: about 70 bytes each.
fn grown(from: i64, to: i64) -> RecordBatch {
    let ints = |make: fn(i64) -> i64| -> ArrayRef { Arc::new((from..to).map(make).collect::<Int64Array>()) };
    let texts: StringArray = (from..to).map(|row| Some(text(row))).collect();
    let values: Float64Array = (from..to).map(|row| Some(value(row))).collect();
    RecordBatch::try_from_iter([
        ("row", ints(|row| row)),
        ("text", Arc::new(texts) as ArrayRef),
        ("few", ints(|row| mixed(row) % 3)),
        ("hot", ints(hot)),
        ("value", Arc::new(values) as ArrayRef),
    ])
    .expect("columns of one length")
}

/// A frame of [`ROWS`] rows that are made as they are read.
fn made(session: &Session) -> PartitionedFrame {
    let seeds = (0..PARTITIONS).map(|seed| batch! { "seed" => [seed] }.expect("one column"));
    let seeds = PartitionedFrame::from_batches(seeds).with_session(session);
    seeds.map_batches(grown(0, 0).schema(), |batch| {
        let seed = batch.column(0).as_primitive::<Int64Type>().value(0);
        Ok::<_, std::io::Error>(grown(seed * GROWN, (seed + 1) * GROWN))
    })
}

fn session(limit: usize, spill: &Path) -> Session {
    let builder = Session::builder().threads(2).memory_limit(limit).spill_dir(spill);
    // Tasks of a size that the small limit can work on, which is part of the plan: the same for both limits.
    builder.task_bytes(128 << 10).broadcast_bytes(16 << 10).build().expect("settings that work")
}

/// Writes the answer and says what was spilled, and how much the allocator gave at most.
fn write(question: &Question, limit: usize, place: &Path) -> (u64, usize) {
    let spill = place.parent().expect("a directory");
    let format = WriteFormat::Parquet(ParquetWriteOptions { row_group_rows: 4_096, ..Default::default() });
    let partition_by = question.partition_by.iter().map(|&name| name.to_owned()).collect();
    let options = WriteOptions { mode: Mode::Error, partition_by, ..WriteOptions::new(format) };
    allocator::start_peak();
    let frame = (question.chain)(&made(&session(limit, spill)));
    let written = frame.write(place, options).unwrap_or_else(|error| panic!("{}: {error}", question.name));
    let peak = allocator::peak();
    assert!(written.report.peak_memory() <= limit, "{}: the ledger gave more than there is", question.name);
    (written.report.spilled(), peak)
}

fn read(place: &Path) -> RecordBatch {
    let session = Session::builder().threads(1).memory_limit(1 << 30).build().expect("settings that work");
    let frame = session.read_parquet(place, Default::default());
    frame.compute().and_then(|table| table.to_batch()).expect("what was written can be read")
}

fn ask(question: &Question) {
    let directory = tempfile::tempdir().expect("a directory");
    let (tight, ample) = (directory.path().join("tight"), directory.path().join("ample"));
    let (spilled, peak) = write(question, LIMIT, &tight);
    let (unspilled, _) = write(question, 1 << 30, &ample);
    let mut said = std::io::stderr();
    writeln!(said, "{}: peak {} KiB, {} KiB spilled", question.name, peak >> 10, spilled >> 10)
        .expect("standard error is there");
    assert!(spilled > 0 || !question.spills, "{}: nothing was spilled", question.name);
    assert!(unspilled == 0, "{}: spilled with ample memory", question.name);
    assert!(peak <= LIMIT + BESIDE, "{}: the allocator gave {} KiB", question.name, peak >> 10);
    let got = read(&tight);
    assert!(got == read(&ample), "{}: the rows depend on the memory limit", question.name);
    (question.answer)(&got);
    let left = std::fs::read_dir(directory.path()).expect("the directory").count();
    assert_eq!(left, 2, "{}: something is left where it spilled", question.name);
}

const CHILD: &str = "PARTITA_TEST_MEMORY";

#[test]
fn every_operator_stays_within_a_tenth_of_its_data() {
    let child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["memory::child", "--exact", "--test-threads=1", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    for question in QUESTIONS {
        assert!(
            said.contains(&format!("{}: peak", question.name)),
            "{} was not asked:\n{said}",
            question.name
        );
    }
}

/// Asks all questions, or those whose names hold the variable's text. Does nothing unless started by the test above.
#[test]
fn child() {
    let Ok(wanted) = std::env::var(CHILD) else { return };
    QUESTIONS.iter().filter(|question| wanted == "1" || question.name.contains(&wanted)).for_each(ask);
}

#[test]
fn kept_frames_count_until_they_are_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let session = session(17 << 20, directory.path());
    let kept = made(&session).select(["row"]).persist().expect("it fits");
    let wide = made(&session).select(["row", "text"]);
    let error = wide.persist().expect_err("both do not fit");
    assert!(error.is_memory(), "{error}");
    assert!(error.to_string().contains("held by frames kept in memory"), "{error}");
    // What was made of a kept frame keeps it.
    let made_of_it = kept.filter(col("row").lt(10));
    drop(kept);
    assert_eq!(made_of_it.len().expect("a count"), 10);
    wide.persist().expect_err("the rows are still there");
    drop(made_of_it);
    assert_eq!(wide.persist().expect("now it fits").len().expect("a count"), ROWS as usize);
}
