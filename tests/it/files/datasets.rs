//! Datasets: modes, hive directories, and what stays when a write is refused.

use std::path::Path;

use partita::io::{Mode, ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;

use super::{below, rows};
use crate::rows::{Rows, row};

fn small(values: &[(&'static str, i64)]) -> PartitionedFrame {
    let (k, v): (Vec<&str>, Vec<i64>) = values.iter().copied().unzip();
    PartitionedFrame::from_batches([batch! { "k" => k, "v" => v }.expect("columns of one length")])
}

fn parquet(mode: Mode) -> WriteOptions {
    WriteOptions { mode, ..WriteOptions::new(WriteFormat::Parquet(ParquetWriteOptions::default())) }
}

fn read(path: &Path) -> Vec<(String, i64)> {
    let rows = rows(&read_parquet(path).sort_values(["v"])).expect("a dataset that can be read");
    rows.rows
        .into_iter()
        .map(|row| match row.as_slice() {
            [crate::rows::Value::Text(k), crate::rows::Value::Int(v)] => (k.clone(), *v),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn modes_error_overwrite_and_append() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("set");
    small(&[("a", 1)]).to_parquet(&target).expect("nothing is there yet");
    let before = below(directory.path());
    let error = small(&[("b", 2)]).to_parquet(&target).expect_err("a dataset is there").to_string();
    assert!(error.contains("to_parquet at ") && error.contains("datasets.rs:"), "{error}");
    assert!(error.contains(&*target.to_string_lossy()), "{error}");
    assert_eq!(below(directory.path()), before);
    assert_eq!(read(&target), [("a".to_owned(), 1)]);

    small(&[("b", 2)]).write(&target, parquet(Mode::Append)).expect("rows are added");
    assert_eq!(read(&target), [("a".to_owned(), 1), ("b".to_owned(), 2)]);

    small(&[("c", 3)]).write(&target, parquet(Mode::Overwrite)).expect("all is replaced");
    assert_eq!(read(&target), [("c".to_owned(), 3)]);
    assert_eq!(below(directory.path()).len(), 2, "{:?}", below(directory.path()));
}

#[test]
fn a_dataset_may_be_overwritten_with_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("set");
    small(&[("a", 1), ("b", 2)]).to_parquet(&target).expect("nothing is there yet");
    let doubled = read_parquet(&target).assign([(col("v") * 2).alias("v")]);
    doubled.write(&target, parquet(Mode::Overwrite)).expect("what is read is kept until the end");
    assert_eq!(read(&target), [("a".to_owned(), 2), ("b".to_owned(), 4)]);
}

#[test]
fn a_failed_overwrite_keeps_the_old_dataset() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("set");
    small(&[("a", 1)]).to_parquet(&target).expect("nothing is there yet");
    let before = below(directory.path());
    let overflow = small(&[("b", i64::MAX)]).assign([(col("v") + 1).alias("v")]);
    for mode in [Mode::Overwrite, Mode::Append] {
        let error = overflow.write(&target, parquet(mode)).expect_err("an overflow").to_string();
        assert!(error.contains("(v + 1)"), "{error}");
        assert_eq!(below(directory.path()), before, "{mode:?}");
        assert_eq!(read(&target), [("a".to_owned(), 1)]);
    }
}

#[test]
fn hive_partitions_come_back_with_their_types() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("set");
    let batch = batch! {
        "year" => vec![2020_i64, 2021, 2020, 2021],
        "place" => [Some("a/b"), None, Some("..="), Some("Köln %")],
        "v" => vec![1_i64, 2, 3, 4]
    };
    let frame = PartitionedFrame::from_batches([batch.expect("columns of one length")]).repartition(2);
    let options = WriteOptions { partition_by: vec!["year".into(), "place".into()], ..parquet(Mode::Error) };
    let written = frame.write(&target, options).expect("a dataset");
    assert_eq!((written.files, written.rows), (4, 4));
    assert!(below(directory.path()).iter().all(|path| !path.contains("..")), "{:?}", below(directory.path()));
    let back = read_parquet(&target).select(["v", "year", "place"]).sort_values(["v"]);
    let expected = Rows::new(
        &["v", "year", "place"],
        vec![
            row![1, 2020, "a/b"],
            row![2, 2021, None::<&str>],
            row![3, 2020, "..="],
            row![4, 2021, "Köln %"],
        ],
    );
    assert_eq!(rows(&back).expect("a dataset").difference(&expected, true, true), None);
    // A filter on a partition column reads the files of that value alone.
    let of_one = read_parquet(&target).filter(col("year").eq(2020)).compute().expect("a dataset");
    assert_eq!(of_one.num_rows(), 2);
    assert_eq!(of_one.report().stages()[0].rows_in, 2, "{}", of_one.report());
}

#[test]
fn empty_directories_files_and_missing_ones() {
    let directory = tempfile::tempdir().expect("a directory");
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).expect("a directory");
    let missing = directory.path().join("missing.csv");
    let readers: [fn(&Path) -> PartitionedFrame; 4] =
        [|p| read_csv(p), |p| read_parquet(p), |p| read_ipc(p), |p| partita::read_ndjson(p)];
    for read in readers {
        for path in [&empty, &missing] {
            let error = read(path).compute().expect_err("nothing is there").to_string();
            assert!(error.contains(&*path.to_string_lossy()) && error.contains("datasets.rs:"), "{error}");
        }
    }
    let nothing = directory.path().join("nothing.csv");
    std::fs::write(&nothing, b"").expect("a file");
    let error = read_csv(&nothing).compute().expect_err("there is no header").to_string();
    assert!(error.contains("nothing.csv"), "{error}");
    let header = directory.path().join("header.csv");
    std::fs::write(&header, b"a,b\n").expect("a file");
    assert_eq!(read_csv(&header).len().expect("a header alone is a table of no rows"), 0);
}

#[test]
fn a_frame_of_no_rows_is_written_and_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("set");
    small(&[("a", 1)]).filter(col("v").gt(5)).to_parquet(&target).expect("a dataset of no rows");
    let back = rows(&read_parquet(&target)).expect("a dataset of no rows");
    assert_eq!((back.names, back.rows.len()), (vec!["k".to_owned(), "v".to_owned()], 0));
}
