//! Tests of the adapter: projection, constants, missing columns, filters, slicing and chaining.

use arrow::array::{AsArray, BooleanArray, Int32Array, Int64Array, StringViewArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use super::*;
use crate::{Listing, ListingOptions, Local};

/// A file with columns `a` (0, 1, 2, ... as int32) and `b` (ten times that), in batches of some size.
struct Counting {
    wanted: Vec<usize>,
    next: i32,
    rows: i32,
    batch: i32,
}

impl FileReader for Counting {
    fn next_columns(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let range = self.next..(self.next + self.batch).min(self.rows);
        if range.is_empty() {
            return Ok(None);
        }
        self.next = range.end;
        let column =
            |factor: i32| Arc::new(range.clone().map(|i| i * factor).collect::<Int32Array>()) as ArrayRef;
        Ok(Some((self.wanted.iter().map(|&index| column([1, 10][index])).collect(), range.len())))
    }
    fn bytes_read(&self) -> u64 {
        self.next as u64
    }
}

/// Keeps the rows where the first of its columns is odd; null where it is 5.
#[derive(Debug)]
struct Odd(Vec<usize>);

impl RowFilter for Odd {
    fn columns(&self) -> &[usize] {
        &self.0
    }
    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        assert_eq!(batch.num_columns(), self.0.len());
        let values = batch.column(0).as_primitive::<Int64Type>();
        Ok(values.iter().map(|value| value.filter(|&value| value != 5).map(|value| value % 2 == 1)).collect())
    }
}

struct Setup {
    _directory: tempfile::TempDir,
    listing: Listing,
    source: SchemaRef,
}

/// Source columns: 0 `gone` (text), 1 `b` (int64), 2 `a` (int64), 3 `k` (int64, of the directory, 7).
fn setup() -> Setup {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("k=7")).unwrap();
    std::fs::write(directory.path().join("k=7/x.dat"), b"").unwrap();
    let listing = Listing::open(directory.path(), &ListingOptions::new(["dat"]), &Local).unwrap();
    let field = |name, data_type| Field::new(name, data_type, true);
    let source = Arc::new(Schema::new(vec![
        field("gone", DataType::Utf8View),
        field("b", DataType::Int64),
        field("a", DataType::Int64),
        field("k", DataType::Int64),
    ]));
    Setup { _directory: directory, listing, source }
}

fn file_schema() -> Schema {
    Schema::new(vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Int32, true)])
}

fn reader(setup: &Setup, request: &ScanRequest, rows: i32, batch: i32) -> AdaptedReader {
    let columns = FileColumns::new(&setup.source, &setup.listing, 0, &file_schema()).unwrap();
    let adapter = Adapter::new(columns, request, 4);
    let counting = Counting { wanted: adapter.file_indices().to_vec(), next: 0, rows, batch };
    AdaptedReader::new(Box::new(counting), adapter, request)
}

fn all(reader: &mut dyn BatchReader) -> Vec<RecordBatch> {
    std::iter::from_fn(|| reader.next_batch().unwrap()).collect()
}

fn numbers(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    let values =
        batches.iter().flat_map(|batch| batch.column(column).as_primitive::<Int64Type>().values().to_vec());
    values.collect()
}

#[test]
fn all_columns_in_the_order_of_the_source() {
    let setup = setup();
    let mut reader = reader(&setup, &ScanRequest::default(), 3, 10);
    let batches = all(&mut reader);
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].schema(), setup.source);
    assert_eq!(batches[0].column(0).as_ref(), &StringViewArray::from(vec![None::<&str>; 3]));
    assert_eq!(batches[0].column(1).as_ref(), &Int64Array::from(vec![0, 10, 20]));
    assert_eq!(batches[0].column(2).as_ref(), &Int64Array::from(vec![0, 1, 2]));
    assert_eq!(batches[0].column(3).as_ref(), &Int64Array::from(vec![7, 7, 7]));
    let notices = reader.take_notices();
    assert_eq!((notices.len(), notices[0].rows), (1, 3));
    assert!(notices[0].message.contains("`gone`"));
    assert!(reader.take_notices().is_empty());
}

#[test]
fn the_filter_is_exact_whatever_the_projection() {
    let setup = setup();
    for (projection, columns) in [(vec![3, 2], vec![2]), (vec![2], vec![2, 3]), (vec![], vec![2])] {
        let request = ScanRequest {
            projection: Some(projection.clone()),
            filter: Some(Arc::new(Odd(columns))),
            batch_rows: 4,
            ..ScanRequest::default()
        };
        let batches = all(&mut reader(&setup, &request, 10, 6));
        // 6 + 4 decoded rows in pieces of at most 4.
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [2, 0, 2]);
        if let Some(column) = projection.iter().position(|&column| column == 2) {
            assert_eq!(numbers(&batches, column), [1, 3, 7, 9]);
        }
    }
    // A filter on a partition column is given the constant.
    let request = ScanRequest { filter: Some(Arc::new(Odd(vec![3]))), ..ScanRequest::default() };
    assert_eq!(numbers(&all(&mut reader(&setup, &request, 3, 3)), 2), [0, 1, 2]);
}

#[test]
fn a_limit_ends_the_reading() {
    let setup = setup();
    let request = ScanRequest { limit: Some(3), batch_rows: 2, ..ScanRequest::default() };
    let mut reader = reader(&setup, &request, 1000, 5);
    assert_eq!(numbers(&all(&mut reader), 2), [0, 1, 2, 3]);
    assert_eq!(reader.bytes_read(), 5);
}

#[test]
fn a_file_that_changed_its_types_is_an_error() {
    let setup = setup();
    let schema = Schema::new(vec![Field::new("a", DataType::Utf8, true)]);
    let error = FileColumns::new(&setup.source, &setup.listing, 0, &schema).unwrap_err().to_string();
    assert!(
        error.contains("Utf8") && error.contains("Int64") && error.contains("`a`") && error.contains("x.dat"),
        "{error}"
    );
}

#[test]
fn readers_in_a_row() {
    let setup = Arc::new(setup());
    let opener = |rows| {
        let setup = Arc::clone(&setup);
        let open =
            move || Ok(Box::new(reader(&setup, &ScanRequest::default(), rows, 2)) as Box<dyn BatchReader>);
        Box::new(open) as Opener
    };
    let mut chained = Chained::new([opener(3), opener(0), opener(2)]);
    assert_eq!(numbers(&all(&mut chained), 2), [0, 1, 2, 0, 1]);
    assert_eq!(chained.bytes_read(), 5);
    assert_eq!(chained.take_notices().iter().map(|notice| notice.rows).sum::<u64>(), 5);
}

#[test]
fn small_files_are_joined_in_order() {
    assert_eq!(grouped(&[1, 2, 3, 100, 1, 1], 6), [0..3, 3..4, 4..6]);
    assert!(grouped(&[], 6).is_empty());
    assert_eq!(grouped(&[u64::MAX, u64::MAX], 6), [0..1, 1..2]);
}
