//! What waits in an exchange is merged in waves of partitions where that leaves few rows: with the same answers, and told
//! in the report.

use partita::prelude::*;
use partita::{OperatorReport, Report};

const PARTS: i64 = 300;
const ROWS: i64 = 400;

/// The key of a row, of which there are so many.
fn key(row: i64, keys: i64) -> i64 {
    row * 7_919 % keys
}

/// 300 partitions of 400 rows, each with a key, its number and a float.
fn frame(keys: i64, session: &Session) -> PartitionedFrame {
    let part = |part: i64| {
        let rows = part * ROWS..(part + 1) * ROWS;
        let texts: Vec<String> = rows.clone().map(|row| format!("key{:05}", key(row, keys))).collect();
        let floats: Vec<f64> = rows.clone().map(|row| row as f64 / 4.0).collect();
        batch! { "key" => texts, "row" => rows.collect::<Vec<i64>>(), "x" => floats }.expect("three columns")
    };
    PartitionedFrame::from_batches((0..PARTS).map(part)).with_session(session)
}

/// Sessions whose tasks are so small that a wave is worth merging, with one thread and two and with hardly any memory.
fn sessions() -> Vec<Session> {
    let small = |threads| Session::builder().threads(threads).task_bytes(64 << 10).run_bytes(16 << 10);
    let spilling = small(2).memory_limit(24 << 20).exchange_limit(0).spill_dir(&*crate::check::SPILL);
    [small(1), small(2), spilling].map(|builder| builder.build().expect("a session")).into()
}

fn waves(report: &Report) -> Vec<&OperatorReport> {
    let all = report.stages().iter().flat_map(|stage| &stage.operators);
    all.filter(|operator| operator.label == "runs of a wave").collect()
}

/// All that is asked of the groups.
fn grouped(keys: i64, session: &Session) -> PartitionedFrame {
    let (row, x) = (|| col("row"), || col("x"));
    let (first, last) = (row().first().alias("first"), row().last().alias("last"));
    let calls = [row().sum(), x().mean(), first, last, size().alias("rows")];
    frame(keys, session).groupby(["key"]).agg(calls)
}

#[test]
fn groups_that_come_again_in_every_partition_are_merged_in_waves() {
    let keys = 500;
    let mut tables = Vec::new();
    for session in sessions() {
        let (table, report) = grouped(keys, &session).compute_with_report().expect("rows");
        let waves = waves(&report);
        let [waves] = waves.as_slice() else { panic!("no waves:\n{report}") };
        assert!(
            waves.rows_out > 100_000 && report.explain().contains("merge partial group by key"),
            "{report}"
        );
        // 300 partitions are 19 waves, of which 16 are a wave of waves.
        let last = &report.stages()[report.stages().len() - 1];
        assert_eq!(last.rows_in, 4 * keys as u64, "{report}");
        tables.push(table.to_batch().expect("a batch"));
    }
    assert!(tables.windows(2).all(|pair| pair[0] == pair[1]));

    let sorted = grouped(keys, &sessions()[1]).sort_values(["key"]).compute().expect("rows");
    let sorted = sorted.to_batch().expect("a batch");
    let mut of_keys = vec![Vec::new(); keys as usize];
    (0..PARTS * ROWS).for_each(|row| of_keys[key(row, keys) as usize].push(row));
    let of_keys = || of_keys.iter().map(Vec::as_slice);
    let mean = |rows: &[i64]| rows.iter().sum::<i64>() as f64 / 4.0 / rows.len() as f64;
    let expected = batch! {
        "key" => (0..keys).map(|key| format!("key{key:05}")).collect::<Vec<String>>(),
        "row" => of_keys().map(|rows| rows.iter().sum()).collect::<Vec<i64>>(),
        "x" => of_keys().map(mean).collect::<Vec<f64>>(),
        "first" => of_keys().map(|rows| rows[0]).collect::<Vec<i64>>(),
        "last" => of_keys().map(|rows| rows[rows.len() - 1]).collect::<Vec<i64>>(),
        "rows" => of_keys().map(|rows| rows.len() as i64).collect::<Vec<i64>>(),
    };
    assert_eq!(sorted.columns(), expected.expect("six columns").columns());
}

#[test]
fn the_first_of_equal_rows_is_kept_across_waves() {
    let keys = 500;
    for session in sessions() {
        let distinct = frame(keys, &session).drop_duplicates_by(["key"], Keep::First).sort_values(["row"]);
        let (table, report) = distinct.compute_with_report().expect("rows");
        assert_eq!(waves(&report).len(), 1, "{report}");
        let table = table.to_batch().expect("a batch");
        let rows: Vec<i64> = (0..keys).collect();
        assert_eq!(table.column(1).as_ref(), &arrow::array::Int64Array::from(rows));
    }
}

#[test]
fn what_would_leave_most_rows_is_not_merged_early() {
    let groups = |calls: [Expr; 1], keys| frame(keys, &sessions()[1]).groupby(["key"]).agg(calls);
    // Every row has a key of its own, or states that hold all values.
    for frame in [groups([col("x").sum()], 1_000_003), groups([col("x").median()], 500)] {
        let (_, report) = frame.compute_with_report().expect("rows");
        assert!(waves(&report).is_empty(), "{report}");
    }
}
