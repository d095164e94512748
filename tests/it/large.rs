//! Frames of more rows than a batch, a block or a small run holds, with answers from maps of the standard
//! library.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use partita::prelude::*;

use crate::check::{Order, check, check_rows};
use crate::rows::{Rows, row};

const ROWS: i64 = 20_000;
const KEYS: i64 = 2_003;

/// A key of 2,003 that looks random, as a number and as a text too long to stand in a view.
fn key(row: i64) -> i64 {
    row * 7_919 % KEYS
}

fn text(key: i64) -> String {
    format!("the key with the number {key}")
}

fn numbers() -> RecordBatch {
    let texts: Vec<String> = (0..ROWS).map(|row| text(key(row))).collect();
    batch! {
        "row" => (0..ROWS).collect::<Vec<i64>>(),
        "key" => (0..ROWS).map(key).collect::<Vec<i64>>(),
        "text" => texts.iter().map(String::as_str).collect::<Vec<&str>>(),
        "half" => (0..ROWS).map(|row| (row % 100) as f64 / 2.0).collect::<Vec<f64>>()
    }
    .expect("columns of one length")
}

/// The rows of each key, in order.
fn grouped() -> BTreeMap<i64, Vec<i64>> {
    let mut groups: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    (0..ROWS).for_each(|row| groups.entry(key(row)).or_default().push(row));
    groups
}

#[test]
fn many_groups() {
    let rows = grouped().into_iter().map(|(key, rows)| {
        let half: f64 = rows.iter().map(|row| (row % 100) as f64 / 2.0).sum();
        row![text(key), rows.len() as i64, half, rows[0], rows[rows.len() - 1]]
    });
    let expected = Rows::new(&["text", "size", "half", "first", "last"], rows.collect());
    check_rows(&[numbers()], Order::Free, &expected, |frames| {
        frames[0].groupby(["text"]).agg([
            size(),
            col("half").sum().alias("half"),
            col("row").first().alias("first"),
            col("row").last().alias("last"),
        ])
    });
}

#[test]
fn a_long_sort() {
    let mut rows: Vec<i64> = (0..ROWS).collect();
    rows.sort_by_key(|&row| (std::cmp::Reverse(text(key(row))), row % 100));
    let expected = Rows::new(&["row"], rows.into_iter().map(|row| row![row]).collect());
    check_rows(&[numbers()], Order::Fixed, &expected, |frames| {
        frames[0].sort_values([col("text").desc(), col("half").asc()]).select(["row"])
    });
}

#[test]
fn a_merge_of_many_rows() {
    let groups = grouped();
    let names: Vec<i64> = (0..2 * KEYS).filter(|key| key % 2 == 0).collect();
    let right = batch! {
        "text" => names.iter().map(|&key| text(key)).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<&str>>(),
        "name" => names.clone()
    };
    let matched = names.iter().filter_map(|name| Some((name, groups.get(name)?)));
    let mut rows: Vec<_> =
        matched.flat_map(|(name, rows)| rows.iter().map(move |row| row![*row, *name])).collect();
    let lonely = names.iter().filter(|name| !groups.contains_key(name));
    rows.extend(lonely.map(|name| row![None::<i64>, *name]));
    let expected = Rows::new(&["row", "name"], rows);
    check_rows(&[numbers(), right.expect("columns of one length")], Order::Free, &expected, |frames| {
        frames[0].merge(&frames[1], on(["text"]).how(How::Right)).select(["row", "name"])
    });
}

#[test]
fn distinct_rows_and_positions() {
    let got = check(&[numbers()], Order::Fixed, |frames| {
        let last = frames[0].drop_duplicates_by(["key"], Keep::Last).sort_values(["row"]);
        last.slice(500, 1_000).tail(700).select(["row"])
    });
    let mut last: Vec<i64> = grouped().into_values().filter_map(|rows| rows.last().copied()).collect();
    last.sort_unstable();
    let expected = Rows::new(&["row"], last[800..1_500].iter().map(|&row| row![row]).collect());
    assert_eq!(got.difference(&expected, true, true), None);
}

#[test]
fn rows_of_buckets_that_are_split_are_joined_once() {
    // Buckets of about 50 rows where six are a task. No key but -1 has more than two rows.
    let (rows, many) = (12_000i64, 40i64);
    let key = |row: i64| if row < many { -1 } else { row * 7_919 % (rows * 3 / 4) };
    let side = || {
        let keys: Vec<i64> = (0..rows).map(key).collect();
        batch! { "k" => keys, "row" => (0..rows).collect::<Vec<i64>>() }.expect("two columns")
    };
    let mut counts = std::collections::HashMap::<i64, i64>::new();
    (0..rows).for_each(|row| *counts.entry(key(row)).or_default() += 1);
    let pairs: i64 = counts.values().map(|count| count * count).sum();
    let sums: i64 = (0..rows).map(|row| row * counts[&key(row)]).sum();
    for how in [How::Inner, How::Left, How::Outer, How::Semi] {
        let session = Session::builder().threads(2).task_bytes(100).run_bytes(64 << 10).broadcast_bytes(1);
        let session = session.build().expect("a session");
        let [left, right] =
            [side(), side()].map(|side| PartitionedFrame::from_batches([side]).with_session(&session));
        let joined = left.merge(&right, on(["k"]).how(how).suffixes("", "_y"));
        let asked = joined.agg([size().alias("rows"), col("row").sum()]).compute().expect("a row");
        let expected = if how == How::Semi { (rows, rows * (rows - 1) / 2) } else { (pairs, sums) };
        let asked = asked.to_batch().expect("a batch");
        let of = |column: usize| asked.column(column).as_primitive::<Int64Type>().value(0);
        assert_eq!((of(0), of(1)), expected, "{how:?}");
    }
}
