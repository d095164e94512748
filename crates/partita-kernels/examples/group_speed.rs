//! Nanoseconds per row of grouping and aggregating, by phase, for the ten questions of the h2o group-by benchmark.
//!
//! `cargo run --release -p partita-kernels --example group_speed -- [ROWS] [QUESTION..]`. One thread, columns in memory, the
//! best of three runs per phase: a guide for work on these kernels, not a comparison with anything.
#![allow(clippy::print_stdout, reason = "it is here to print")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use partita_kernels::Result;
use partita_kernels::aggregate::AggregateKind::{self, *};
use partita_kernels::group::GroupTable;
use partita_kernels::hash::hash_columns;
use partita_kernels::partition::{BUCKETS, Scatter};

const BATCH: usize = 16 * 1024;
const GROUPS: u64 = 100;
const NAMES: [&str; 9] = ["id1", "id2", "id3", "id4", "id5", "id6", "v1", "v2", "v3"];

type Question = (&'static str, &'static [&'static str], &'static [(AggregateKind, &'static [&'static str])]);

const QUESTIONS: [Question; 10] = [
    ("q1", &["id1"], &[(Sum, &["v1"])]),
    ("q2", &["id1", "id2"], &[(Sum, &["v1"])]),
    ("q3", &["id3"], &[(Sum, &["v1"]), (Mean, &["v3"])]),
    ("q4", &["id4"], &[(Mean, &["v1"]), (Mean, &["v2"]), (Mean, &["v3"])]),
    ("q5", &["id6"], &[(Sum, &["v1"]), (Sum, &["v2"]), (Sum, &["v3"])]),
    ("q6", &["id4", "id5"], &[(Median, &["v3"]), (Std { ddof: 1 }, &["v3"])]),
    ("q7", &["id3"], &[(Max, &["v1"]), (Min, &["v2"])]),
    ("q8", &["id6"], &[(TopK { k: 2 }, &["v3"])]),
    ("q9", &["id2", "id4"], &[(Corr, &["v1", "v2"])]),
    ("q10", &["id1", "id2", "id3", "id4", "id5", "id6"], &[(Sum, &["v3"]), (Size, &[])]),
];

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0 ^ self.0 >> 33) * u128::from(end)) >> 64) as i64
    }
}

fn batches(rows: usize) -> Result<Vec<RecordBatch>> {
    let mut random = Random(108);
    let many = rows as u64 / GROUPS;
    let fields = NAMES.iter().enumerate().map(|(at, name)| {
        let data_type = match at {
            0..3 => DataType::Utf8View,
            8 => DataType::Float64,
            _ => DataType::Int64,
        };
        Field::new(*name, data_type, false)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut out = Vec::new();
    for start in (0..rows).step_by(BATCH) {
        let rows = BATCH.min(rows - start);
        let mut text = |end: u64, width: usize| -> ArrayRef {
            let texts = (0..rows).map(|_| format!("id{:0width$}", 1 + random.below(end)));
            Arc::new(StringViewArray::from_iter_values(texts))
        };
        let mut columns = vec![text(GROUPS, 3), text(GROUPS, 3), text(many, 10)];
        for end in [GROUPS, GROUPS, many, 5, 15] {
            columns.push(Arc::new(Int64Array::from_iter_values((0..rows).map(|_| 1 + random.below(end)))));
        }
        let floats = (0..rows).map(|_| random.below(100_000_000) as f64 / 1e6);
        columns.push(Arc::new(Float64Array::from_iter_values(floats)));
        out.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
    }
    Ok(out)
}

fn columns(batch: &RecordBatch, names: &[&str]) -> Vec<ArrayRef> {
    names.iter().filter_map(|name| batch.column_by_name(name)).map(Arc::clone).collect()
}

fn types(batch: &RecordBatch, names: &[&str]) -> Vec<DataType> {
    columns(batch, names).iter().map(|column| column.data_type().clone()).collect()
}

/// Phases by name, in the order of their first run, with the best time of each.
#[derive(Default)]
struct Phases(Vec<(String, Duration)>);

impl Phases {
    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = work()?;
        let taken = start.elapsed();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, best)) => *best = taken.min(*best),
            None => self.0.push((name.to_owned(), taken)),
        }
        Ok(result)
    }
}

fn run(question: &Question, batches: &[RecordBatch], phases: &mut Phases) -> Result<usize> {
    let (_, keys, aggregates) = question;
    let mut table = GroupTable::new(&types(&batches[0], keys))?;
    let ids = phases.time("keys", || {
        let mut all = Vec::with_capacity(batches.len());
        for batch in batches {
            let mut ids = Vec::new();
            table.upsert(&columns(batch, keys), &mut ids)?;
            all.push((ids, table.len()));
        }
        Ok(all)
    })?;
    for (kind, args) in *aggregates {
        let name = format!("{}({})", kind.name(), args.join(","));
        let mut aggregator = kind.plan(&types(&batches[0], args))?.aggregator()?;
        phases.time(&name, || {
            for (batch, (ids, groups)) in batches.iter().zip(&ids) {
                aggregator.update(ids, *groups, &columns(batch, args))?;
            }
            Ok(())
        })?;
        phases.time(&format!("{name} out"), || aggregator.finish())?;
    }
    let groups = table.len();
    phases.time("keys out", || table.take_keys())?;
    Ok(groups)
}

fn exchange(batches: &[RecordBatch], phases: &mut Phases) -> Result<()> {
    let mut hashes = Vec::new();
    for keys in [&["id6"][..], &["id3"], &["id1", "id2", "id3", "id4", "id5", "id6"]] {
        phases.time(&format!("hash {} keys", keys.join("+")), || {
            for batch in batches {
                hash_columns(&columns(batch, keys), &mut hashes)?;
            }
            Ok(())
        })?;
    }
    phases.time("scatter 9 columns", || {
        for batch in batches {
            hash_columns(&columns(batch, &["id6"]), &mut hashes)?;
            let mut scatter = Scatter::default();
            scatter.push(batch.clone(), &hashes)?;
            scatter.into_pieces(&[0..BUCKETS / 2, BUCKETS / 2..BUCKETS])?;
        }
        Ok(())
    })
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let rows = args.next().and_then(|rows| rows.parse().ok()).unwrap_or(10_000_000);
    let chosen: Vec<String> = args.collect();
    let batches = batches(rows)?;
    let print = |name: &str, phases: &Phases, groups: usize| {
        let per_row = |time: Duration| time.as_nanos() as f64 / rows as f64;
        let total: f64 = phases.0.iter().map(|(_, time)| per_row(*time)).sum();
        let parts: Vec<String> =
            phases.0.iter().map(|(name, time)| format!("{name} {:.1}", per_row(*time))).collect();
        println!("{name:4} {groups:9} groups {total:7.1} ns/row = {}", parts.join(", "));
    };
    for question in
        QUESTIONS.iter().filter(|question| chosen.is_empty() || chosen.iter().any(|name| name == question.0))
    {
        let mut phases = Phases::default();
        let mut groups = 0;
        for _ in 0..3 {
            groups = run(question, &batches, &mut phases)?;
        }
        print(question.0, &phases, groups);
    }
    if chosen.is_empty() || chosen.iter().any(|name| name == "exchange") {
        let mut phases = Phases::default();
        for _ in 0..3 {
            exchange(&batches, &mut phases)?;
        }
        print("-", &phases, 0);
    }
    Ok(())
}
