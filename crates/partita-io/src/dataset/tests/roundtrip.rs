//! Rows come back through other readers, whatever their type.

use arrow::array::*;
use arrow::datatypes::*;
use arrow::ipc::reader::FileReader;

use super::*;

/// One column of every type that all of Parquet, IPC and NDJSON hold, with nulls.
fn many_types() -> RecordBatch {
    let text = [Some("a"), None, Some("a longer text than twelve bytes")];
    let dictionary: DictionaryArray<Int32Type> = text.into_iter().collect();
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let inner: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let structs = StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int32, true)), inner)]);
    let decimal =
        Decimal128Array::from(vec![Some(12345), None, Some(-1)]).with_precision_and_scale(10, 2).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("i8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(f32::MAX)]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(-1e-300)]))),
        ("text", Arc::new(StringArray::from_iter(text))),
        ("view", Arc::new(StringViewArray::from_iter(text))),
        ("dictionary", Arc::new(dictionary)),
        ("date", Arc::new(Date32Array::from(vec![Some(0), None, Some(-1)]))),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![Some(1), None, Some(86_399_999_999)]))),
        ("second", Arc::new(TimestampSecondArray::from(vec![Some(1), None, Some(-1)]))),
        (
            "zone",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("+02:00")),
        ),
        ("decimal", Arc::new(decimal)),
        ("list", Arc::new(list)),
        ("struct", Arc::new(structs)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

#[test]
fn parquet_gives_back_types_and_values() {
    let scratch = scratch();
    for (at, compression) in [
        ParquetCompression::None,
        ParquetCompression::Snappy,
        ParquetCompression::Lz4,
        ParquetCompression::Zstd(3),
        ParquetCompression::Gzip(6),
        ParquetCompression::Brotli(2),
    ]
    .into_iter()
    .enumerate()
    {
        let root = scratch.path().join(at.to_string());
        let options = ParquetWriteOptions {
            compression,
            version: if at % 2 == 0 { ParquetVersion::V1 } else { ParquetVersion::V2 },
            dictionary: at % 3 != 0,
            metadata: vec![("made".into(), "here".into())],
            ..Default::default()
        };
        write(local(), &root, &[many_types()], WriteOptions::new(WriteFormat::Parquet(options))).unwrap();
        let file = root.join("part-00000-0.parquet");
        assert_eq!(read_parquet(&file).columns(), many_types().columns());
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap()).unwrap();
        let metadata = builder.metadata().file_metadata().key_value_metadata().unwrap();
        assert!(metadata.iter().any(|kv| kv.key == "made" && kv.value.as_deref() == Some("here")));
        assert!(metadata.iter().any(|kv| kv.key == "ARROW:schema"));
    }
}

#[test]
fn parquet_row_groups_are_bounded_by_rows_and_bytes_and_statistics_are_short() {
    let scratch = scratch();
    let long: String = "é".repeat(500);
    let text: ArrayRef =
        Arc::new(StringViewArray::from_iter_values((0..40_000).map(|i| format!("{long}{i}"))));
    let batch = RecordBatch::try_from_iter([("text", text)]).unwrap();
    for (rows, bytes, groups) in [(10_000, 1 << 30, 4..=4), (1 << 20, 4 << 20, 2..=20)] {
        let root = scratch.path().join(rows.to_string());
        let options = ParquetWriteOptions {
            row_group_rows: rows,
            row_group_bytes: bytes,
            compression: ParquetCompression::None,
            ..Default::default()
        };
        write(local(), &root, std::slice::from_ref(&batch), WriteOptions::new(WriteFormat::Parquet(options)))
            .unwrap();
        let file = root.join("part-00000-0.parquet");
        assert_eq!(read_parquet(&file), batch);
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap()).unwrap();
        let found = builder.metadata().row_groups();
        assert!(groups.contains(&found.len()), "{} row groups", found.len());
        for group in found {
            let statistics = group.column(0).statistics().unwrap();
            let (min, max) = (statistics.min_bytes_opt().unwrap(), statistics.max_bytes_opt().unwrap());
            assert!(min.len() <= 64 && max.len() <= 64);
            assert!(std::str::from_utf8(min).unwrap() <= long.as_str());
            assert!(std::str::from_utf8(max).unwrap() > long.as_str());
        }
    }
}

#[test]
fn ipc_gives_back_values_and_joins_small_batches() {
    let scratch = scratch();
    for compression in [IpcCompression::None, IpcCompression::Lz4, IpcCompression::Zstd] {
        let root = scratch.path().join(format!("{compression:?}"));
        let options = WriteOptions::new(WriteFormat::Ipc(IpcWriteOptions { compression }));
        let writer = DatasetWriter::begin(local(), &root, many_types().schema(), options).unwrap();
        let mut part = writer.part(0);
        for _ in 0..50 {
            part.write(&many_types()).unwrap();
        }
        let parts = vec![part.finish().unwrap()];
        writer.commit(parts).unwrap();
        let reader = FileReader::try_new(File::open(root.join("part-00000-0.arrow")).unwrap(), None).unwrap();
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>().unwrap();
        assert_eq!(batches.len(), 1);
        for (got, expected) in batches[0].slice(147, 3).columns().iter().zip(many_types().columns()) {
            // Dictionaries become their values.
            let expected = match expected.data_type() {
                DataType::Dictionary(_, values) => arrow::compute::cast(expected, values).unwrap(),
                _ => Arc::clone(expected),
            };
            assert_eq!(got, &expected);
        }
    }
}

#[test]
fn ipc_does_not_carry_the_text_of_other_rows() {
    let scratch = scratch();
    let all = rows(0, 50_000, 1);
    let root = scratch.path().join("data");
    let options = WriteOptions::new(WriteFormat::Ipc(IpcWriteOptions { compression: IpcCompression::None }));
    let report = write(local(), &root, &[all.slice(100, 10)], options).unwrap();
    assert!(report.bytes < 10_000, "{} bytes for ten rows", report.bytes);
}

#[test]
fn ndjson_lines_are_what_serde_reads() {
    let scratch = scratch();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("a \"b\"", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("text", Arc::new(StringViewArray::from(vec![Some("line\nend \u{1} é"), Some("")]))),
        ("x", Arc::new(Float64Array::from(vec![Some(0.1), Some(1e300)]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    for explicit_nulls in [false, true] {
        let root = scratch.path().join(explicit_nulls.to_string());
        let format = WriteFormat::Ndjson(NdjsonWriteOptions { explicit_nulls, ..Default::default() });
        write(local(), &root, std::slice::from_ref(&batch), WriteOptions::new(format)).unwrap();
        let text = std::fs::read_to_string(root.join("part-00000-0.ndjson")).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let second = if explicit_nulls {
            serde_json::json!({"a \"b\"": null, "text": "", "x": 1e300})
        } else {
            serde_json::json!({"text": "", "x": 1e300})
        };
        assert_eq!(lines, [serde_json::json!({"a \"b\"": 1, "text": "line\nend \u{1} é", "x": 0.1}), second]);
    }
}

#[test]
fn ndjson_never_loses_a_non_finite_float_silently() {
    let scratch = scratch();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let plain: ArrayRef = Arc::new(Float64Array::from(vec![1.0, bad]));
        let list: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(bad)]), None]));
        for array in [plain, list] {
            let batch = RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap();
            let options = |non_finite| {
                WriteOptions::new(WriteFormat::Ndjson(NdjsonWriteOptions {
                    non_finite,
                    ..Default::default()
                }))
            };
            let root = scratch.path().join("data");
            let error =
                write(local(), &root, std::slice::from_ref(&batch), options(NonFinite::Error)).unwrap_err();
            assert!(
                error.to_string().contains("NaN or infinity") && error.to_string().contains("`x`"),
                "{error}"
            );
            assert_eq!(tree(scratch.path()).len(), 0);
            write(local(), &root, &[batch], options(NonFinite::Null)).unwrap();
            for line in std::fs::read_to_string(root.join("part-00000-0.ndjson")).unwrap().lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
            std::fs::remove_dir_all(&root).unwrap();
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    #[test]
    fn any_cut_into_batches_gives_the_same_rows(
        cuts in proptest::collection::vec(0usize..400, 1..8),
        group in 1usize..300,
        page in 1usize..2000,
    ) {
        let all = rows(0, cuts.iter().sum::<usize>() as i64, 7);
        let scratch = scratch();
        let root = scratch.path().join("data");
        let options = ParquetWriteOptions { row_group_rows: group, page_bytes: page, ..Default::default() };
        let writer =
            DatasetWriter::begin(local(), &root, all.schema(), WriteOptions::new(WriteFormat::Parquet(options))).unwrap();
        let mut part = writer.part(3);
        let mut from = 0;
        for rows in cuts {
            part.write(&all.slice(from, rows)).unwrap();
            from += rows;
        }
        let parts = vec![part.finish().unwrap()];
        writer.commit(parts).unwrap();
        assert_eq!(read_all(&root), all);
    }
}
