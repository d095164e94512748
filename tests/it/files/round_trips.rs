//! What is written comes back: every type through Parquet and Arrow IPC, plain types through CSV and NDJSON.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, TimeUnit};
use partita::prelude::*;
use partita::{read_ipc, read_ndjson};

use super::rows;
use crate::rows::Rows;

/// Numbers spread over a type's range, each also cast to the other types.
fn numbers() -> ArrayRef {
    Arc::new(Int64Array::from(vec![Some(0), Some(1), None, Some(100), Some(-7), Some(42), None]))
}

fn plain() -> Vec<(&'static str, ArrayRef)> {
    let text: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("plain"),
        Some(""),
        None,
        Some("a \"quote\", a comma\r\nand lines"),
        Some(" spaces "),
        Some("ÄÖ🦀"),
        Some("a text of more than twelve bytes"),
    ]));
    let floats =
        vec![Some(0.1), Some(-0.0), None, Some(1e-300), Some(1.7976931348623157e308), Some(3.0), Some(-2.5)];
    vec![
        ("int", numbers()),
        ("float", Arc::new(Float64Array::from(floats))),
        (
            "bool",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                Some(true),
                None,
                None,
                Some(false),
            ])),
        ),
        ("text", text),
        (
            "date",
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(-1),
                None,
                Some(18_000),
                Some(-100_000),
                Some(1),
                Some(2),
            ])),
        ),
    ]
}

fn all_types() -> RecordBatch {
    let numbers = numbers();
    let of = |data_type: DataType| cast(&numbers, &data_type).expect("a cast of small numbers");
    let mut columns = plain();
    columns.extend([
        ("i8", of(DataType::Int8)),
        ("i16", of(DataType::Int16)),
        ("i32", of(DataType::Int32)),
        ("u8", of(DataType::UInt8)),
        ("u64", of(DataType::UInt64)),
        ("f32", of(DataType::Float32)),
        ("decimal", of(DataType::Decimal128(20, 3))),
        ("timestamp", of(DataType::Timestamp(TimeUnit::Microsecond, None))),
        ("zoned", of(DataType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())))),
        ("seconds", of(DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))),
        ("time", of(DataType::Time64(TimeUnit::Microsecond))),
        ("duration", of(DataType::Duration(TimeUnit::Microsecond))),
    ]);
    let views = ArrayRef::clone(&columns[3].1);
    for (name, data_type) in
        [("utf8", DataType::Utf8), ("large", DataType::LargeUtf8), ("binary", DataType::BinaryView)]
    {
        columns.push((name, cast(&views, &data_type).expect("a cast of text")));
    }
    let words = ["a", "b", "a", "c", "a", "b", "a"];
    columns.push(("dictionary", Arc::new(words.into_iter().collect::<DictionaryArray<Int32Type>>())));
    let lists = vec![
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
        Some(vec![Some(3)]),
        None,
        Some(vec![Some(4), Some(5)]),
        Some(vec![]),
    ];
    columns.push(("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))));
    let inner = Arc::new(Field::new("x", DataType::Int64, true));
    columns.push(("struct", Arc::new(StructArray::from(vec![(inner, columns[0].1.clone())]))));
    partita::batch_of_columns(columns).expect("columns of one length")
}

fn frame(batch: &RecordBatch) -> (PartitionedFrame, Rows) {
    let frame = PartitionedFrame::from_batches([batch.slice(0, 3), batch.slice(3, 4)]);
    let expected = rows(&frame).expect("rows in memory");
    (frame, expected)
}

fn same(got: &PartitionedFrame, expected: &Rows) {
    let got = rows(got).expect("what was written can be read");
    assert_eq!(got.difference(expected, true, true), None);
}

#[test]
fn every_type_through_parquet() {
    let directory = tempfile::tempdir().expect("a directory");
    // Parquet has no durations; the writer stores what Arrow's schema in the footer restores.
    let (frame, expected) = frame(&all_types());
    let written = frame.to_parquet(directory.path().join("p")).expect("a dataset");
    assert_eq!((written.files, written.rows), (2, 7));
    same(&read_parquet(directory.path().join("p")), &expected);
}

#[test]
fn every_type_through_ipc() {
    let directory = tempfile::tempdir().expect("a directory");
    let (frame, expected) = frame(&all_types());
    frame.to_ipc(directory.path().join("i")).expect("a dataset");
    same(&read_ipc(directory.path().join("i")), &expected);
}

#[test]
fn plain_types_through_csv() {
    let directory = tempfile::tempdir().expect("a directory");
    let batch = partita::batch_of_columns(plain()).expect("columns of one length");
    let (frame, expected) = frame(&batch);
    frame.to_csv(directory.path().join("c")).expect("a dataset");
    let back = read_csv(directory.path().join("c"));
    same(&back, &expected);
    let kinds: Vec<DataType> =
        back.schema().expect("a schema").fields().iter().map(|field| field.data_type().clone()).collect();
    use DataType::{Boolean, Date32, Float64, Int64, Utf8View};
    assert_eq!(kinds, [Int64, Float64, Boolean, Utf8View, Date32]);
}

#[test]
fn plain_types_through_ndjson() {
    let directory = tempfile::tempdir().expect("a directory");
    let batch = partita::batch_of_columns(plain()).expect("columns of one length");
    let (frame, expected) = frame(&batch);
    frame.to_ndjson(directory.path().join("j")).expect("a dataset");
    let back = read_ndjson(directory.path().join("j")).astype([("date", DataType::Date32)]);
    same(&back.select(["int", "float", "bool", "text", "date"]), &expected);
}
