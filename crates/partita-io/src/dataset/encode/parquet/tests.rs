//! What we encode ourselves, as the parquet crate reads it.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::basic::Encoding;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use proptest::prelude::*;

use super::*;
use crate::FileSystem;
use crate::filesystem::Local;

/// The file of these batches, in memory.
fn encode(batches: &[RecordBatch], options: &ParquetWriteOptions) -> Bytes {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.parquet");
    let sink = FileSink::create(&Local as &dyn FileSystem, &path, false).unwrap();
    let mut encoder = Box::new(ParquetEncoder::open(options, &batches[0].schema(), sink).unwrap());
    for batch in batches {
        encoder.write(batch).unwrap();
    }
    encoder.finish().unwrap().close_unsynced().unwrap();
    Bytes::from(std::fs::read(path).unwrap())
}

fn builder(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap()
}

fn decode(file: &Bytes) -> RecordBatch {
    let builder = builder(file);
    let schema = Arc::clone(builder.schema());
    let batches = builder.build().unwrap().collect::<std::result::Result<Vec<_>, _>>().unwrap();
    concat_batches(&schema, &batches).unwrap()
}

fn encodings(metadata: &ParquetMetaData, column: usize) -> Vec<Encoding> {
    metadata.row_groups()[0].column(column).encodings().collect()
}

/// A batch with one column of each type that is encoded here.
fn batch(numbers: &[Option<i64>], nullable: bool) -> RecordBatch {
    let texts =
        || numbers.iter().map(|n| n.map(|n| format!("{}é{n}", "x".repeat(n.unsigned_abs() as usize % 90))));
    let floats = || {
        numbers.iter().map(|n| {
            n.map(|n| match n % 7 {
                0 => f64::NAN,
                1 => -0.0,
                2 => 0.0,
                3 => f64::NEG_INFINITY,
                _ => n as f64 / 3.0,
            })
        })
    };
    let ints: Int64Array = numbers.iter().copied().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i32", Arc::new(numbers.iter().map(|n| n.map(|n| n as i32)).collect::<Int32Array>())),
        ("date", Arc::new(numbers.iter().map(|n| n.map(|n| n as i32 % 10_000)).collect::<Date32Array>())),
        ("i64", Arc::new(ints.clone())),
        ("instant", Arc::new(ints.reinterpret_cast::<arrow::datatypes::TimestampMicrosecondType>())),
        ("f32", Arc::new(floats().map(|n| n.map(|n| n as f32)).collect::<Float32Array>())),
        ("f64", Arc::new(floats().collect::<Float64Array>())),
        ("view", Arc::new(texts().collect::<StringViewArray>())),
        ("text", Arc::new(texts().collect::<StringArray>())),
        ("large", Arc::new(texts().collect::<LargeStringArray>())),
        // Not encoded here, and in between.
        ("small", Arc::new(numbers.iter().map(|n| n.map(|n| n as u8)).collect::<UInt8Array>())),
        ("same", Arc::new(Int64Array::from(vec![7; numbers.len()]))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), nullable)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Equal to the bit: NaN is NaN, and -0.0 is not 0.0.
fn assert_same(got: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(got.num_rows(), expected.num_rows());
    for (got, expected) in got.columns().iter().zip(expected.columns()) {
        assert_eq!(got.data_type(), expected.data_type());
        assert_eq!(got.to_data(), expected.to_data());
        if let Some(floats) = got.as_primitive_opt::<arrow::datatypes::Float64Type>() {
            let bits = |array: &Float64Array| array.iter().map(|v| v.map(f64::to_bits)).collect::<Vec<_>>();
            assert_eq!(bits(floats), bits(expected.as_primitive()));
        }
    }
}

/// The statistics of chunks and pages are bounds of the rows that they speak of.
fn assert_bounds(file: &Bytes, column: usize, values: &Int64Array) {
    let builder = builder(file);
    let metadata = builder.metadata();
    let (mut row, mut expected_nulls) = (0, 0);
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let ColumnIndexMetaData::INT64(index) = &metadata.column_index().unwrap()[at][column] else {
            panic!("no index of 64-bit integers")
        };
        let locations = metadata.offset_index().unwrap()[at][column].page_locations();
        for (page, location) in locations.iter().enumerate() {
            let first = location.first_row_index as usize;
            let end =
                locations.get(page + 1).map_or(group.num_rows() as usize, |l| l.first_row_index as usize);
            let rows = values.slice(row + first, end - first);
            assert_eq!(index.min_value(page).copied(), arrow::compute::min(&rows));
            assert_eq!(index.max_value(page).copied(), arrow::compute::max(&rows));
            assert_eq!(index.null_count(page), Some(rows.null_count() as i64));
        }
        let rows = values.slice(row, group.num_rows() as usize);
        let statistics = group.column(column).statistics().unwrap();
        assert_eq!(statistics.null_count_opt(), Some(rows.null_count() as u64));
        let bytes = |value: Option<i64>| value.map(|v| v.to_le_bytes().to_vec());
        assert_eq!(statistics.min_bytes_opt().map(<[u8]>::to_vec), bytes(arrow::compute::min(&rows)));
        assert_eq!(statistics.max_bytes_opt().map(<[u8]>::to_vec), bytes(arrow::compute::max(&rows)));
        row += group.num_rows() as usize;
        expected_nulls += rows.null_count();
    }
    assert_eq!((row, expected_nulls), (values.len(), values.null_count()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn rows_come_back_with_their_bounds(
        runs in proptest::collection::vec((proptest::option::weighted(0.8, -1000i64..1000), 1usize..60), 1..40),
        cut in 1usize..500,
        row_group_rows in 1usize..700,
        page_bytes in 1usize..5000,
        dictionary in any::<bool>(),
        compression in proptest::sample::select(vec![
            ParquetCompression::None, ParquetCompression::Snappy, ParquetCompression::Zstd(1),
        ]),
    ) {
        let numbers: Vec<Option<i64>> = runs.iter().flat_map(|&(n, times)| std::iter::repeat_n(n, times)).collect();
        let all = batch(&numbers, true);
        let pieces: Vec<RecordBatch> =
            (0..all.num_rows()).step_by(cut).map(|at| all.slice(at, cut.min(all.num_rows() - at))).collect();
        let options = ParquetWriteOptions { row_group_rows, page_bytes, dictionary, compression, ..Default::default() };
        let file = encode(&pieces, &options);
        assert_same(&decode(&file), &all);
        assert_bounds(&file, 2, all.column(2).as_primitive());
    }
}

#[test]
fn few_values_make_a_dictionary_and_many_do_not() {
    let rows = 100_000;
    let few: Vec<Option<i64>> = (0..rows).map(|i| Some(i * 7919 % 100)).collect();
    let many: Vec<Option<i64>> = (0..rows).map(|i| (i % 10 != 0).then_some(i * 7919)).collect();
    // Repeated at first, distinct later: the chunk changes its mind after pages' worth of codes.
    let turning: Vec<Option<i64>> = (0..rows).map(|i| Some(if i < 20_000 { i % 10 } else { i })).collect();
    for (numbers, coded) in [(few, true), (many, false), (turning, false)] {
        let all = batch(&numbers, true);
        let file = encode(std::slice::from_ref(&all), &ParquetWriteOptions::default());
        assert_same(&decode(&file), &all);
        assert_bounds(&file, 2, all.column(2).as_primitive());
        let found = encodings(builder(&file).metadata(), 2);
        assert_eq!(found.contains(&Encoding::RLE_DICTIONARY), coded, "{found:?}");
    }
}

/// What the format calls BYTE_STREAM_SPLIT is chosen by how well it can be compressed, and only beside a slow compressor.
#[test]
fn floats_are_split_into_streams_where_that_pays() {
    let scattered = |row: i64| (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let rows = 300_000;
    let random: Float64Array =
        (0..rows).map(|row| (row % 9 != 4).then(|| scattered(row) as f64 / 7.0)).collect();
    let narrow: Float32Array = (0..rows).map(|row| (scattered(row) % 9_999_991) as f32 / 1e5).collect();
    // Draws from a thousand values, which a compressor finds again only as whole values.
    let same: Float64Array =
        (0..rows).map(|row| scattered(scattered(row) as i64 % 1000) as f64 / 7.0).collect();
    let none = Float64Array::from(vec![None; rows as usize]);
    let whole: Int64Array = (0..rows).map(|row| Some(scattered(row) as i64)).collect();
    let columns: [(&str, ArrayRef); 5] = [
        ("random", Arc::new(random)),
        ("narrow", Arc::new(narrow)),
        ("same", Arc::new(same)),
        ("none", Arc::new(none)),
        ("whole", Arc::new(whole)),
    ];
    let all =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let slices: Vec<RecordBatch> = (0..10).map(|part| all.slice(part * 30_000, 30_000)).collect();
    for dictionary in [true, false] {
        for (compression, splits) in
            [(ParquetCompression::Zstd(3), true), (ParquetCompression::Snappy, false)]
        {
            let options = ParquetWriteOptions { dictionary, compression, ..Default::default() };
            let file = encode(&slices, &options);
            assert_same(&decode(&file), &all);
            let builder = builder(&file);
            let is_split =
                |column| encodings(builder.metadata(), column).contains(&Encoding::BYTE_STREAM_SPLIT);
            assert_eq!((0..5).map(is_split).collect::<Vec<_>>(), [splits, splits, false, false, false]);
            let group = builder.metadata().row_group(0);
            let pages = group.column(0).page_encoding_stats_mask().unwrap();
            let encoding = if splits { Encoding::BYTE_STREAM_SPLIT } else { Encoding::PLAIN };
            assert!(pages.is_only(encoding), "{pages:?}");
        }
    }
}

#[test]
fn columns_without_nulls_and_rows_without_values() {
    let required = batch(&(0..5000).map(|i| Some(i % 50)).collect::<Vec<_>>(), false);
    let file = encode(std::slice::from_ref(&required), &ParquetWriteOptions::default());
    assert_same(&decode(&file), &required);
    for empty in [vec![None; 5000], vec![None], Vec::new()] {
        let all = batch(&empty, true);
        for dictionary in [true, false] {
            let options = ParquetWriteOptions { dictionary, ..Default::default() };
            assert_same(&decode(&encode(std::slice::from_ref(&all), &options)), &all);
        }
    }
}

#[test]
fn the_offset_index_leads_to_single_rows() {
    let all = batch(&(0..200_000).map(|i| (i % 5 != 0).then_some(i % 3000)).collect::<Vec<_>>(), true);
    let options = ParquetWriteOptions { page_bytes: 10_000, ..Default::default() };
    let file = encode(std::slice::from_ref(&all), &options);
    for at in [0, 1, 65_535, 65_536, 131_071, 199_999] {
        let selection = RowSelection::from(vec![
            RowSelector::skip(at),
            RowSelector::select(1),
            RowSelector::skip(all.num_rows() - at - 1),
        ]);
        let mut reader = builder(&file).with_row_selection(selection).build().unwrap();
        assert_same(&reader.next().unwrap().unwrap(), &all.slice(at, 1));
    }
}

#[test]
fn nested_columns_share_a_row_group_with_ours() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(
        (0..1000).map(|i| (i % 3 != 0).then(|| vec![Some(i); i as usize % 4])),
    ));
    let fields = vec![
        Arc::new(Field::new("a", DataType::Int64, true)),
        Arc::new(Field::new("b", DataType::Utf8View, true)),
    ];
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..1000).map(|i| i.to_string())));
    let pair: ArrayRef =
        Arc::new(StructArray::new(fields.into(), vec![Arc::clone(&numbers), Arc::clone(&texts)], None));
    let all = RecordBatch::try_from_iter_with_nullable([
        ("list", list, true),
        ("numbers", numbers, true),
        ("pair", pair, true),
        ("texts", texts, true),
    ])
    .unwrap();
    let options = ParquetWriteOptions { row_group_rows: 300, ..Default::default() };
    assert_same(&decode(&encode(std::slice::from_ref(&all), &options)), &all);
}
