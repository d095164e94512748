//! Datasets partitioned by columns of many values: rows of one value are brought together, in order, whatever the
//! threads and the memory; few values are written where they are met.

use std::collections::BTreeMap;
use std::path::Path;

use partita::io::{ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;

use super::below;

/// Partitions of rows `(k, v)`, the values of which are those of `values`, one list per partition.
fn frame(values: &[Vec<i64>], session: &Session) -> PartitionedFrame {
    let mut next = 0;
    let batches = values.iter().map(|k| {
        let v: Vec<i64> = (next..next + k.len() as i64).collect();
        next += k.len() as i64;
        batch! { "k" => k.clone(), "v" => v, "text" => k.iter().map(|k| format!("text of the value {k}")).collect::<Vec<_>>() }
            .expect("columns of one length")
    });
    PartitionedFrame::from_batches(batches.collect::<Vec<_>>()).with_session(session)
}

fn write(frame: &PartitionedFrame, target: &Path) -> partita::Written {
    let format = WriteFormat::Parquet(ParquetWriteOptions::default());
    let options = WriteOptions { partition_by: vec!["k".into()], ..WriteOptions::new(format) };
    frame.write(target, options).expect("a dataset")
}

/// Of each file below a directory its name in it and its bytes.
fn files(target: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = below(target).into_iter().filter(|path| Path::new(path).is_file());
    let relative = |path: &str| path[target.to_string_lossy().len()..].to_owned();
    names.map(|path| (relative(&path), std::fs::read(&path).expect("a file"))).collect()
}

/// The numbers in each file, in order.
fn numbers(target: &Path) -> BTreeMap<String, Vec<i64>> {
    let of = |name: &String| {
        let table = read_parquet(target.join(&name[1..])).compute().expect("a file");
        let batch = table.to_batch().expect("its rows");
        let column = batch.column_by_name("v").expect("the column").clone();
        let column = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&column).clone();
        column.values().to_vec()
    };
    files(target).keys().map(|name| (name.clone(), of(name))).collect()
}

#[test]
fn many_values_become_a_file_each_however_the_run_goes() {
    let values: Vec<Vec<i64>> =
        (0..5).map(|part| (0..2_000).map(|row| (row * 11 + part * 13) % 700).collect()).collect();
    let mut first = None;
    for (threads, limit) in [(1, 1 << 30), (2, 1 << 30), (3, 4 << 20), (1, 4 << 20)] {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("set");
        let session = Session::builder().threads(threads).memory_limit(limit).task_bytes(64 << 10);
        let session = session.build().expect("settings that work");
        let written = write(&frame(&values, &session), &target);
        assert_eq!((written.files, written.rows), (700, 10_000));
        assert!(written.report.to_string().contains("value by value"), "{}", written.report);
        let made = files(&target);
        assert!(first.get_or_insert_with(|| made.clone()) == &made, "{threads} threads, {limit} bytes");
        if threads == 1 {
            let all = values.iter().flatten();
            for (name, numbers) in numbers(&target) {
                let value: i64 = name.split(['=', '/']).nth(2).and_then(|k| k.parse().ok()).expect("a value");
                let expected = (0..).zip(all.clone()).filter(|(_, k)| **k == value).map(|(v, _)| v);
                assert_eq!(numbers, expected.collect::<Vec<i64>>(), "{name}");
            }
        }
    }
}

#[test]
fn few_values_are_written_where_they_are_met() {
    let directory = tempfile::tempdir().expect("a directory");
    let values: Vec<Vec<i64>> = (0..4).map(|_| (0..3_000).map(|row| row % 3).collect()).collect();
    let session = Session::builder().threads(2).build().expect("settings that work");
    let written = write(&frame(&values, &session), &directory.path().join("set"));
    assert_eq!((written.files, written.rows), (12, 12_000));
    assert!(!written.report.to_string().contains("value by value"), "{}", written.report);
}

#[test]
fn each_partition_chooses_by_its_first_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("set");
    let many: Vec<i64> = (0..300).collect();
    // More values than are many, but not among the rows that are looked at.
    let late: Vec<i64> = (0..70_000).map(|row| (row - 65_536).max(0)).collect();
    let values = [vec![5; 10], many.clone(), late, many];
    let session = Session::builder().threads(2).build().expect("settings that work");
    let written = write(&frame(&values, &session), &target);
    assert_eq!((written.files, written.rows), (1 + 300 + 4_464, 70_610));
    let numbers = numbers(&target);
    let of_five: Vec<(&str, &[i64])> = numbers
        .iter()
        .filter_map(|(name, numbers)| Some((name.strip_prefix("/k=5/")?, numbers.as_slice())))
        .collect();
    let late = 10 + 300 + 65_536 + 5;
    assert_eq!(
        of_five,
        [
            ("part-00000-0.parquet", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..]),
            ("part-00002-0.parquet", &[late]),
            ("part-00004-0.parquet", &[15, 10 + 300 + 70_000 + 5]),
        ]
    );
}

#[test]
fn one_partition_brings_nothing_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let session = Session::builder().threads(2).build().expect("settings that work");
    let written = write(&frame(&[(0..900).collect()], &session), &directory.path().join("set"));
    assert_eq!((written.files, written.rows), (900, 900));
    assert!(!written.report.to_string().contains("value by value"), "{}", written.report);
}
