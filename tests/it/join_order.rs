//! A join's rows come in the order of the left rows, each with its partners in theirs, whether there is memory for a
//! table over the right side or not.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use partita::prelude::*;

const LEFT: i64 = 20_000;
const KEYS: i64 = 5_000;

/// Every seventh key is missing.
fn left_key(at: i64) -> Option<i64> {
    let key = at * 7_919 % (KEYS + 1_000);
    (at % 7 > 0).then_some(key)
}

/// The right rows, two for every third key, in an order of their own.
fn right_rows() -> Vec<(Option<i64>, f64)> {
    let keys = (0..KEYS).map(|number| number * 3_571 % KEYS);
    let rows = keys.flat_map(|key| std::iter::repeat_n(key, if key % 3 == 0 { 2 } else { 1 }));
    let mut rows: Vec<(Option<i64>, f64)> =
        rows.enumerate().map(|(row, key)| (Some(key), 1.0 / (1.0 + row as f64))).collect();
    rows.push((None, 0.5));
    rows
}

fn frames(session: &Session) -> (PartitionedFrame, PartitionedFrame) {
    let part = |from: i64| {
        let rows = from..from + LEFT / 5;
        let keys: Vec<Option<i64>> = rows.clone().map(left_key).collect();
        batch! { "key" => keys, "at" => rows.collect::<Vec<i64>>() }.expect("two columns")
    };
    let left = PartitionedFrame::from_batches((0..5).map(|number| part(number * LEFT / 5)));
    let (keys, weights): (Vec<Option<i64>>, Vec<f64>) = right_rows().into_iter().unzip();
    let texts: Vec<String> =
        (0..keys.len()).map(|row| format!("a text of the right row {row:060}")).collect();
    let right = batch! { "key" => keys, "weight" => weights, "text" => texts }.expect("three columns");
    (left.with_session(session), PartitionedFrame::from_batches([right]).with_session(session))
}

/// The joins' rows, found with loops.
fn expected(how: How) -> Vec<(i64, Option<f64>)> {
    let mut partners: HashMap<i64, Vec<f64>> = HashMap::new();
    for (key, weight) in right_rows() {
        if let Some(key) = key {
            partners.entry(key).or_default().push(weight);
        }
    }
    let mut rows = Vec::new();
    for at in 0..LEFT {
        let found = left_key(at).and_then(|key| partners.get(&key)).map_or(&[][..], Vec::as_slice);
        match how {
            How::Semi if !found.is_empty() => rows.push((at, None)),
            How::Anti | How::Left if found.is_empty() => rows.push((at, None)),
            How::Inner | How::Left => rows.extend(found.iter().map(|weight| (at, Some(*weight)))),
            _ => {}
        }
    }
    rows
}

fn rows(batch: &RecordBatch) -> Vec<(i64, Option<f64>)> {
    let at = batch.column_by_name("at").expect("a column").as_primitive::<Int64Type>();
    let weight = batch.column_by_name("weight").map(|column| column.as_primitive::<Float64Type>());
    let weight = |row: usize| weight.filter(|column| column.is_valid(row)).map(|column| column.value(row));
    (0..batch.num_rows()).map(|row| (at.value(row), weight(row))).collect()
}

fn sessions() -> impl Iterator<Item = Session> {
    // Shared tables may have an eighth of the limit: only in the first session do the right rows fit.
    [1 << 30, 5 << 20].into_iter().flat_map(|limit| {
        [1, 4].map(|threads| {
            let builder = Session::builder().threads(threads).memory_limit(limit);
            builder.task_bytes(128 << 10).build().expect("settings that work")
        })
    })
}

#[test]
fn rows_come_in_the_left_order() {
    for how in [How::Inner, How::Left, How::Semi, How::Anti] {
        let expected = expected(how);
        assert!(expected.len() > 1_000);
        let mut ways = BTreeSet::new();
        for session in sessions() {
            let (left, right) = frames(&session);
            let joined = left.merge(&right, on(["key"]).how(how));
            let (table, report) = joined.compute_with_report().expect("a join");
            let batch = table.to_batch().expect("rows");
            assert!(rows(&batch) == expected, "{how:?} with {session:?}");
            ways.insert(report.to_string().contains("back into order"));
        }
        // Of a semi or anti join's right side only the keys are read, for which there is always room.
        let keeps_right = matches!(how, How::Inner | How::Left);
        assert_eq!(ways.len(), if keeps_right { 2 } else { 1 }, "{how:?} did not run in both ways");
    }
}

#[test]
fn partitions_stay_as_they_were() {
    for session in sessions() {
        let (left, right) = frames(&session);
        // What is counted per partition shows where partitions begin.
        let joined = left.merge(&right, on(["key"])).filter(col("at").ge(0));
        let sizes = joined.compute().expect("a join");
        let firsts: Vec<i64> = sizes
            .batches()
            .map(|batch| batch.column_by_name("at").expect("a column").as_primitive::<Int64Type>().value(0))
            .collect();
        let of_partition = |at: i64| at / (LEFT / 5);
        let mut seen: Vec<i64> = firsts.iter().map(|&at| of_partition(at)).collect();
        seen.dedup();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }
}

#[test]
fn sums_of_floats_are_the_same_to_the_bit() {
    let sums = sessions().map(|session| {
        let (left, right) = frames(&session);
        let joined = left.merge(&right, on(["key"]).how(How::Left));
        let sums =
            joined.assign([(col("at") % 11).alias("group")]).groupby(["group"]).agg([col("weight").sum()]);
        let batch = sums.compute().and_then(|table| table.to_batch()).expect("a group-by");
        let sums = batch.column(1).as_primitive::<Float64Type>().values().iter().map(|sum| sum.to_bits());
        (batch.column(0).clone(), sums.collect::<Vec<u64>>())
    });
    let sums: Vec<_> = sums.collect();
    assert!(sums.iter().all(|other| *other == sums[0]));
}
