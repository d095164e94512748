//! Groups by texts that lie in Parquet files as codes of dictionaries, against loops.

use std::collections::BTreeMap;
use std::path::Path;

use partita::io::{ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;
use partita::{Result, Session};

use super::rows;
use crate::check::SPILL;
use crate::rows::{Rows, Value};

const ROWS: i64 = 24_000;

fn scattered(row: i64, salt: i64) -> i64 {
    row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).rotate_left(salt as u32).unsigned_abs() as i64 >> 3
}

/// Few short texts, some missing.
fn short(row: i64) -> Option<String> {
    (row % 13 != 5).then(|| format!("s{}", scattered(row, 7) % 20))
}

/// Texts too long to lie in a view; the rows of each file begin with others.
fn long(row: i64) -> String {
    format!("a long text of file {} with number {}", row * 3 / ROWS, scattered(row, 19) % 50)
}

/// Nearly each row's own.
fn own(row: i64) -> String {
    format!("{:x}", scattered(row, 29) % (ROWS * 50))
}

/// Three files of several row groups.
fn write(directory: &Path) -> Result<()> {
    let part = |file: i64| {
        let of = || file * ROWS / 3..(file + 1) * ROWS / 3;
        batch! {
            "short" => of().map(short).collect::<Vec<_>>(),
            "long" => of().map(long).collect::<Vec<_>>(),
            "own" => of().map(own).collect::<Vec<_>>(),
            "n" => of().map(|row| row % 3).collect::<Vec<_>>(),
            "v" => of().collect::<Vec<_>>()
        }
    };
    let parts = (0..3).map(part).collect::<Result<Vec<_>>>()?;
    let format = ParquetWriteOptions { row_group_rows: 3_000, ..Default::default() };
    let options = WriteOptions::new(WriteFormat::Parquet(format));
    PartitionedFrame::from_batches(parts).write(directory, options).map(drop)
}

type Key = Vec<Option<String>>;

fn value(name: &str, row: i64) -> Option<String> {
    match name {
        "short" => short(row),
        "long" => Some(long(row)),
        "own" => Some(own(row)),
        _ => Some((row % 3).to_string()),
    }
}

/// By key: the rows, the sum and the first of `v`.
fn expected(keys: &[&str], filter: impl Fn(i64) -> bool) -> BTreeMap<Key, (i64, i64, i64)> {
    let mut groups: BTreeMap<Key, (i64, i64, i64)> = BTreeMap::new();
    for row in (0..ROWS).filter(|row| filter(*row)) {
        let key = keys.iter().map(|name| value(name, row)).collect();
        let group = groups.entry(key).or_insert((0, 0, row));
        (group.0, group.1) = (group.0 + 1, group.1 + row);
    }
    groups
}

fn cells((keys, key): (&[&str], Key), numbers: (i64, i64, i64)) -> Vec<Value> {
    let texts = keys.iter().zip(key).map(|(name, text)| match text {
        Some(text) if *name == "n" => Value::Int(text.parse().expect("a number")),
        Some(text) => Value::Text(text),
        None => Value::Null,
    });
    texts.chain([numbers.0, numbers.1, numbers.2].map(Value::Int)).collect()
}

#[test]
fn texts_that_are_read_as_codes_group_as_texts_do() {
    let place = tempfile::tempdir().expect("a temporary directory");
    write(place.path()).expect("files");
    let grouped = |keys: &[&str], is_filtered: bool| {
        let mut frame = read_parquet(place.path());
        if is_filtered {
            frame = frame.filter(col("short").gt("s3").and(col("n").ne(1)));
        }
        let rows = size().alias("rows");
        frame.groupby(keys.iter().copied()).agg([
            rows,
            col("v").sum().alias("sum"),
            col("v").first().alias("first"),
        ])
    };
    let passes = |row: i64| short(row).is_some_and(|text| *text > *"s3") && row % 3 != 1;
    let keys: [&[&str]; 6] = [
        &["short"],
        &["long"],
        &["own"],
        &["long", "short"],
        &["short", "n", "own"],
        &["n", "long", "short"],
    ];
    for keys in keys {
        for is_filtered in [false, true] {
            let groups = expected(keys, |row| !is_filtered || passes(row));
            let groups = groups.into_iter().map(|(key, numbers)| cells((keys, key), numbers)).collect();
            let expected = Rows::new(&[keys, &["rows", "sum", "first"]].concat(), groups);
            let mut first: Option<Rows> = None;
            for (threads, exchange_limit) in [(1, 1 << 30), (2, 0), (4, 1 << 30)] {
                let session =
                    Session::builder().threads(threads).exchange_limit(exchange_limit).spill_dir(&*SPILL);
                let session = session.task_bytes(1 << 15).run_bytes(1 << 14).build().expect("a session");
                let found = rows(&grouped(keys, is_filtered).with_session(&session)).expect("rows");
                let difference = expected.difference(&found, false, true);
                assert!(difference.is_none(), "{keys:?} {is_filtered}: {difference:?}");
                let same = first.get_or_insert_with(|| found.clone()).difference(&found, true, true);
                assert!(same.is_none(), "{keys:?} {is_filtered}: {same:?}");
            }
        }
    }
}

/// A key that an aggregate looks at as well, or that is computed, is read as text.
#[test]
fn the_plan_tells_which_keys_are_read_as_codes() {
    let place = tempfile::tempdir().expect("a temporary directory");
    write(place.path()).expect("files");
    let explain = |keys: &[Expr], aggregate: Expr| {
        let grouped = read_parquet(place.path()).groupby(keys.to_vec()).agg([aggregate.alias("a")]);
        grouped.explain().expect("a plan")
    };
    let plan = explain(&[col("short"), col("n"), col("long")], col("v").sum());
    assert!(plan.contains("short and long as codes"), "{plan}");
    for plan in [
        explain(&[col("short")], col("short").max()),
        explain(&[col("short").str().upper()], col("v").sum()),
        explain(&[col("n")], col("v").sum()),
    ] {
        assert!(!plan.contains("as codes"), "{plan}");
    }
}
