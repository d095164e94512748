//! Columns of all types that are decoded here, in all forms that writers give them, against the crate's own reader.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::{cast, concat_batches, filter_record_batch, take};
use arrow::datatypes::{Int64Type, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};

use super::*;
use crate::RowFilter;

const ROWS: i64 = 9_000;

/// A scattered but repeatable number below `limit`.
fn scattered(row: i64, limit: i64) -> i64 {
    ((row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as i64 % limit
}

/// Every column type of `flat.rs`; `nulls` is the share of nulls in a hundred.
fn table(nulls: i64, distinct: i64) -> RecordBatch {
    let value = |row: i64| (scattered(row * 7 + 1, 100) >= nulls).then(|| scattered(row, distinct) - 40);
    let all = || (0..ROWS).map(value);
    let texts = || all().map(|v| v.map(|v| "é".repeat((v.unsigned_abs() % 90) as usize) + &v.to_string()));
    let decimals = |precision| {
        let array: Decimal128Array = all().map(|v| v.map(|v| i128::from(v) * 1_001)).collect();
        Arc::new(array.with_precision_and_scale(precision, 2).unwrap()) as ArrayRef
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new((0..ROWS).collect::<Int64Array>())),
        ("i32", Arc::new(all().map(|v| v.map(|v| v as i32)).collect::<Int32Array>())),
        ("i64", Arc::new(all().map(|v| v.map(|v| v << 40)).collect::<Int64Array>())),
        ("u64", Arc::new(all().map(|v| v.map(|v| v as u64)).collect::<UInt64Array>())),
        ("f32", Arc::new(all().map(|v| v.map(|v| v as f32 / 7.0)).collect::<Float32Array>())),
        ("f64", Arc::new(all().map(|v| v.map(|v| v as f64 / 7.0)).collect::<Float64Array>())),
        ("date", Arc::new(all().map(|v| v.map(|v| v as i32)).collect::<Date32Array>())),
        ("time", Arc::new(all().collect::<TimestampMicrosecondArray>())),
        ("narrow", decimals(9)),
        ("wide", decimals(18)),
        ("text", Arc::new(texts().collect::<StringArray>())),
        ("bytes", Arc::new(all().map(|v| v.map(|v| v.to_le_bytes().to_vec())).collect::<BinaryArray>())),
        ("bool", Arc::new(all().map(|v| v.map(|v| v % 2 == 0)).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Drops some values of a column, whatever its type, by their text; null as well unless it is kept.
#[derive(Debug)]
struct OfText {
    columns: Vec<usize>,
    keeps_null: bool,
    parts: Vec<(usize, bool)>,
}

impl RowFilter for OfText {
    fn columns(&self) -> &[usize] {
        &self.columns
    }
    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let mut keep = vec![true; batch.num_rows()];
        for column in batch.columns() {
            let text = cast(column, &arrow::datatypes::DataType::Utf8).unwrap();
            for (row, keep) in keep.iter_mut().enumerate() {
                let passes = match text.is_null(row) {
                    true => self.keeps_null,
                    false => text.as_string::<i32>().value(row).len() % 3 != 1,
                };
                *keep = *keep && passes;
            }
        }
        Ok(keep.into())
    }
    fn parts(&self) -> Vec<Arc<dyn RowFilter>> {
        let part = |(column, keeps_null): &(usize, bool)| {
            let columns = vec![*column];
            Arc::new(OfText { columns, keeps_null: *keeps_null, parts: Vec::new() }) as Arc<dyn RowFilter>
        };
        self.parts.iter().map(part).collect()
    }
    fn is_pure(&self) -> bool {
        true
    }
}

fn filter(columns: &[usize], keeps_null: bool) -> OfText {
    let parts = columns.iter().map(|column| (*column, keeps_null)).collect();
    OfText { columns: columns.to_vec(), keeps_null, parts }
}

/// The file as arrow reads it, in the types of `schema`.
fn by_arrow(path: &Path, schema: &SchemaRef) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(|batch| batch.unwrap()).collect();
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    let columns = all.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap());
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
}

/// The batch with dictionaries as columns of their values.
fn plain(batch: &RecordBatch, coded: &[usize], source: &Arc<dyn Source>) -> RecordBatch {
    let is_coded = |column: &usize| batch.column(*column).as_any_dictionary_opt().is_some();
    assert_eq!((0..batch.num_columns()).filter(is_coded).collect::<Vec<_>>(), coded);
    let columns = batch.columns().iter().map(|column| match column.as_any_dictionary_opt() {
        Some(coded) => take(coded.values(), coded.keys(), None).unwrap(),
        None => Arc::clone(column),
    });
    RecordBatch::try_new(Arc::clone(source.schema()), columns.collect()).unwrap()
}

#[test]
fn batches_of_a_row_group_share_the_dictionary() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(4_000)).build();
    let batch = table(20, 50);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let source = open_path(&path).unwrap();
    let request = ScanRequest {
        projection: Some(vec![0, 10]),
        coded: vec![10],
        batch_rows: 1_000,
        ..ScanRequest::default()
    };
    assert_eq!(request.output(source.schema()).unwrap(), read_all(&*source, &request).unwrap()[0].schema());
    let batches = read_all(&*source, &request).unwrap();
    let values = batches.iter().map(|batch| batch.column(1).as_any_dictionary().values());
    let places: Vec<*const ()> = values.map(|values| Arc::as_ptr(values).cast()).collect();
    assert_eq!(batches.len(), 9);
    assert!(places[..4].iter().all(|place| *place == places[0]));
    assert!(places[4..8].iter().all(|place| *place == places[4]) && places[0] != places[4]);
}

/// Nulls in a hundred, distinct values, limit of dictionaries, whether there are any, rows of a page, and how it is written.
type Form = (i64, i64, usize, bool, usize, WriterVersion, Compression);

const FORMS: [Form; 9] = [
    // Dictionaries that hold, that overflow into plain pages, and none; pages of few and of many rows.
    (0, 50, 1 << 20, true, 700, WriterVersion::PARQUET_1_0, Compression::SNAPPY),
    (20, 50, 1 << 20, true, 700, WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED),
    (20, 3_000, 4_000, true, 333, WriterVersion::PARQUET_1_0, Compression::SNAPPY),
    (0, 3_000, 4_000, true, 2_000, WriterVersion::PARQUET_1_0, Compression::SNAPPY),
    (0, 3_000, 1 << 20, false, 500, WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED),
    (30, 3_000, 1 << 20, false, 500, WriterVersion::PARQUET_2_0, Compression::SNAPPY),
    (20, 1, 1 << 20, true, 5_000, WriterVersion::PARQUET_2_0, Compression::SNAPPY),
    (20, 3_000, 4_000, true, 333, WriterVersion::PARQUET_2_0, Compression::SNAPPY),
    (100, 3_000, 4_000, true, 333, WriterVersion::PARQUET_1_0, Compression::SNAPPY),
];

/// The columns of [`table`] that may be read as codes.
const CODED: [usize; 6] = [2, 3, 5, 7, 10, 11];

#[test]
fn every_type_in_every_form_is_read_as_arrow_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    // Without dictionaries also values split into streams.
    let split = FORMS.iter().filter(|form| !form.3).map(|form| (true, *form)).collect::<Vec<_>>();
    for (is_split, form) in FORMS.map(|form| (false, form)).into_iter().chain(split) {
        let (nulls, distinct, dictionary, has_dictionary, page_rows, version, compression) = form;
        let numbers = ["i32", "i64", "u64", "f32", "f64", "date", "time", "narrow", "wide"];
        let batch = table(nulls, distinct);
        let mut properties = WriterProperties::builder();
        for name in numbers.iter().filter(|_| is_split) {
            properties = properties.set_column_encoding((*name).into(), Encoding::BYTE_STREAM_SPLIT);
        }
        let properties = properties
            .set_max_row_group_row_count(Some(4_000))
            .set_data_page_row_count_limit(page_rows)
            .set_write_batch_size(page_rows)
            .set_dictionary_enabled(has_dictionary)
            .set_dictionary_page_size_limit(dictionary)
            .set_writer_version(version)
            .set_compression(compression)
            .build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();

        let source = open_path(&path).unwrap();
        let expected = by_arrow(&path, source.schema());
        assert_eq!(
            expected.column(0).as_primitive::<Int64Type>().values()[..],
            (0..ROWS).collect::<Vec<_>>()
        );
        let wanted: Vec<usize> = (0..expected.num_columns()).collect();
        let holds = has_dictionary && (dictionary > 4_000 || nulls == 100);
        let is_coded: Vec<usize> = wanted.iter().copied().filter(|column| source.is_coded(*column)).collect();
        // Of numbers those of eight bytes that come again and again.
        let expected_coded = if holds { CODED.as_slice() } else { &[] };
        assert_eq!(is_coded, expected_coded, "{nulls} {distinct} {version:?}");
        for batch_rows in [64, 1_000, 16_384] {
            for columns in [vec![], vec![1], vec![10], vec![8, 6], vec![9, 10, 12], vec![5, 2, 7]] {
                for keeps_null in [true, false] {
                    let filter = filter(&columns, keeps_null);
                    let mask = filter.keep(&expected.project(&columns).unwrap()).unwrap();
                    let request = ScanRequest {
                        projection: Some(wanted.clone()),
                        filter: (!columns.is_empty()).then(|| Arc::new(filter) as Arc<dyn RowFilter>),
                        batch_rows,
                        ..ScanRequest::default()
                    };
                    let batches = read_all(&*source, &request).unwrap();
                    let found = concat_batches(source.schema(), &batches).unwrap();
                    let expected = match columns.is_empty() {
                        true => expected.clone(),
                        false => filter_record_batch(&expected, &mask).unwrap(),
                    };
                    let form = format!("{nulls} {distinct} {batch_rows} {columns:?} {keeps_null}");
                    assert_eq!(found, expected, "{form}");
                    let coded = ScanRequest { coded: CODED.to_vec(), ..request };
                    let batches = read_all(&*source, &coded).unwrap();
                    let found: Vec<RecordBatch> =
                        batches.iter().map(|batch| plain(batch, &CODED, &source)).collect();
                    assert_eq!(concat_batches(source.schema(), &found).unwrap(), expected, "{form}");
                }
            }
        }
    }
}

/// A footer may name other encodings than the pages have: these are left to the crate's decoder from there on.
#[test]
fn pages_of_encodings_that_the_footer_does_not_name_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    let values: ArrayRef = Arc::new((0..ROWS).map(|row| scattered(row, 5_000)).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("v", Arc::clone(&values))]).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_data_page_row_count_limit(500)
        .set_write_batch_size(500)
        .set_dictionary_page_size_limit(8_000)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let mut bytes = writer.into_inner().unwrap();
    // The list of encodings in the footer: PLAIN, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY. The third becomes RLE.
    let footer =
        bytes.len() - 8 - u32::from_le_bytes(*bytes[bytes.len() - 8..].first_chunk().unwrap()) as usize;
    let list = bytes[footer..].windows(4).position(|window| window == [0, 6, 10, 16]).unwrap();
    bytes[footer + list + 2] = 6;
    std::fs::write(&path, bytes).unwrap();

    let source = open_path(&path).unwrap();
    for (skip, batch_rows) in [(0, 64), (0, 9_000), (1, 300)] {
        let filter = Every { columns: vec![0], of: 2 - skip };
        let request = ScanRequest { filter: Some(Arc::new(filter)), batch_rows, ..ScanRequest::default() };
        let batches = read_all(&*source, &request).unwrap();
        let found = concat_batches(source.schema(), &batches).unwrap();
        let wanted = values.as_primitive::<Int64Type>().values().iter().copied();
        let wanted: Vec<i64> = wanted.filter(|value| value % (2 - skip) == 0).collect();
        assert_eq!(found.column(0).as_primitive::<Int64Type>().values()[..], wanted, "{batch_rows}");
    }
}

/// Keeps the multiples of a number.
#[derive(Debug)]
struct Every {
    columns: Vec<usize>,
    of: i64,
}

impl RowFilter for Every {
    fn columns(&self) -> &[usize] {
        &self.columns
    }
    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let values = batch.column(0).as_primitive::<Int64Type>().values();
        Ok(values.iter().map(|value| Some(value % self.of == 0)).collect())
    }
    fn is_pure(&self) -> bool {
        true
    }
}
