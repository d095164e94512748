//! Nanoseconds per row of joins and sorts: `cargo run --release -p partita-kernels --example join_sort_speed [ROWS] [NAME]`.
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringViewArray, UInt32Array, UInt64Array};
use partita_kernels::join::{JoinMode, JoinTable, ProbeState};
use partita_kernels::sort::{SortOptions, sort_indices};
use partita_kernels::take::take_column;

const BATCH_ROWS: usize = 16 * 1024;

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
    fn below(&mut self, sides: u64) -> u64 {
        self.roll() % sides
    }
}

fn ints(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(u64::cast_signed)))
}

fn texts(values: impl Iterator<Item = u64>, width: usize) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values.map(|value| format!("id{value:0width$}"))))
}

/// 0..rows in random order.
fn shuffled(rows: u64, dice: &mut Dice) -> Vec<u64> {
    let mut keys: Vec<u64> = (0..rows).collect();
    for row in (1..keys.len()).rev() {
        let other = usize::try_from(dice.below(row as u64 + 1)).unwrap_or(0);
        keys.swap(row, other);
    }
    keys
}

fn report(name: &str, rows: usize, start: Instant, note: &str) {
    let nanoseconds = start.elapsed().as_secs_f64() * 1e9 / rows as f64;
    println!("{name:<44} {nanoseconds:8.2} ns/row  {note}");
}

fn sort(name: &str, columns: &[ArrayRef]) {
    let rows = columns[0].len();
    let start = Instant::now();
    let order = sort_indices(columns, &vec![SortOptions::ASCENDING; columns.len()]);
    report(name, rows, start, "");
    black_box(order.is_ok());
}

fn join(name: &str, build: &ArrayRef, probe: &ArrayRef) {
    let start = Instant::now();
    let table = match JoinTable::build(&[build.data_type().clone()], &[vec![Arc::clone(build)]], false) {
        Ok(table) => table,
        Err(error) => return println!("{name}: {error}"),
    };
    let unique = if table.is_unique() { "unique" } else { "not unique" };
    report(
        &format!("{name}: build"),
        build.len(),
        start,
        &format!("{} MiB, {unique}", table.size_bytes() >> 20),
    );
    let start = Instant::now();
    let (mut state, mut pairs) = (ProbeState::default(), 0);
    let mut offset = 0;
    while offset < probe.len() {
        let batch = probe.slice(offset, BATCH_ROWS.min(probe.len() - offset));
        offset += batch.len();
        if table.probe(&[batch], JoinMode::Inner, &mut state).is_err() {
            return;
        }
        while let Some(chunk) = state.next(&table, BATCH_ROWS, None) {
            pairs += chunk.probe.len();
            black_box(&chunk);
        }
    }
    report(&format!("{name}: probe"), probe.len(), start, &format!("{pairs} pairs"));
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows: u64 = arguments.next().and_then(|rows| rows.parse().ok()).unwrap_or(10_000_000);
    let only = arguments.next().unwrap_or_default();
    let wanted = |name: &str| name.contains(&only);
    let mut dice = Dice(1);
    let count = usize::try_from(rows).unwrap_or(0);
    if wanted("sort u64") {
        sort(
            "sort u64, all bits random",
            &[Arc::new(UInt64Array::from_iter_values((0..rows).map(|_| dice.roll())))],
        );
    }
    if wanted("sort f64") {
        let floats = (0..rows).map(|_| (dice.below(1 << 52)) as f64 / (1_u64 << 52) as f64 * 100.0);
        sort("sort f64, 0 to 100", &[Arc::new(Float64Array::from_iter_values(floats))]);
    }
    if wanted("sort int") {
        sort("sort int64, 0 to 1 M", &[ints((0..rows).map(|_| dice.below(1_000_000)))]);
        sort("sort int64, 0 to 100", &[ints((0..rows).map(|_| dice.below(100)))]);
        let pair = [ints((0..rows).map(|_| dice.below(100))), ints((0..rows).map(|_| dice.below(1_000_000)))];
        sort("sort two int64 keys", &pair);
    }
    if wanted("sort text") {
        sort("sort text, id3 (12 bytes)", &[texts((0..rows).map(|_| dice.below(rows / 100)), 10)]);
        sort("sort text, id1 (5 bytes, 100 values)", &[texts((0..rows).map(|_| dice.below(100)), 3)]);
        let float = Arc::new(Float64Array::from_iter_values((0..rows).map(|_| dice.below(1 << 40) as f64)));
        sort("sort text, float", &[texts((0..rows).map(|_| dice.below(rows / 100)), 10), float]);
        sort("sort text of 26 bytes", &[texts((0..rows).map(|_| dice.below(rows)), 24)]);
    }
    if wanted("join dense") {
        let probe = ints((0..rows).map(|_| dice.below(rows)));
        join("join dense unique, same size", &ints(shuffled(rows, &mut dice).into_iter()), &probe);
        let probe = ints((0..rows).map(|_| dice.below(11_000)));
        join("join dense unique, 10 K", &ints(shuffled(10_000, &mut dice).into_iter()), &probe);
        let build = ints((0..rows / 10).map(|_| dice.below(rows / 20)));
        join("join dense duplicates, a tenth", &build, &ints((0..rows).map(|_| dice.below(rows / 20))));
    }
    if wanted("join hash") {
        let spread = |key: u64| key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2;
        let build = ints(shuffled(rows, &mut dice).into_iter().map(spread));
        join("join hash unique, same size", &build, &ints((0..rows).map(|_| spread(dice.below(rows)))));
        let build = ints(shuffled(10_000, &mut dice).into_iter().map(spread));
        join("join hash unique, 10 K", &build, &ints((0..rows).map(|_| spread(dice.below(11_000)))));
        let build = ints((0..rows / 10).map(|_| spread(dice.below(rows / 20))));
        join(
            "join hash duplicates, a tenth",
            &build,
            &ints((0..rows).map(|_| spread(dice.below(rows / 20)))),
        );
    }
    if wanted("join text") {
        let build = texts(shuffled(10_000, &mut dice).into_iter(), 0);
        join("join text, 10 K", &build, &texts((0..rows).map(|_| dice.below(11_000)), 0));
        let build = texts(shuffled(rows / 10, &mut dice).into_iter(), 0);
        join("join text, a tenth", &build, &texts((0..rows).map(|_| dice.below(rows / 10)), 0));
        let build = texts(shuffled(rows / 10, &mut dice).into_iter(), 24);
        join("join text of 26 bytes, a tenth", &build, &texts((0..rows).map(|_| dice.below(rows / 10)), 24));
    }
    if wanted("take") {
        let order =
            UInt32Array::from_iter_values((0..rows).map(|_| u32::try_from(dice.below(rows)).unwrap_or(0)));
        for (name, column) in
            [("int64", ints(0..rows)), ("text", texts(0..rows, 10)), ("long text", texts(0..rows, 24))]
        {
            let start = Instant::now();
            black_box(take_column(&column, &order).is_ok());
            report(&format!("take {name}, random rows"), count, start, "");
        }
    }
}
