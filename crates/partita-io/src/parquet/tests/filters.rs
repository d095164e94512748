//! Whatever the strategy, a filter gives the rows that it gives on all rows decoded plainly.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StringViewArray,
};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int64Type;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::*;
use crate::{Compare, Prune, RowFilter};

/// Keeps rows whose column, an int64, is within a range of residues: `low <= value % modulus < high`.
#[derive(Debug)]
struct Residues {
    columns: Vec<usize>,
    modulus: i64,
    low: i64,
    high: i64,
}

impl RowFilter for Residues {
    fn columns(&self) -> &[usize] {
        &self.columns
    }
    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        assert_eq!(batch.num_columns(), 1);
        let values = batch.column(0).as_primitive::<Int64Type>();
        let passes = |value: i64| (self.low..self.high).contains(&(value % self.modulus));
        Ok(values.iter().map(|value| value.map(passes)).collect())
    }
}

const ROWS: i64 = 30_000;

/// Columns `id` (row number, some null), `text`, `number`, `list`.
fn table() -> RecordBatch {
    let id: ArrayRef = Arc::new((0..ROWS).map(|row| (row % 97 != 5).then_some(row)).collect::<Int64Array>());
    let text: ArrayRef = Arc::new(
        (0..ROWS)
            .map(|row| (row % 11 != 3).then(|| format!("text number {} of many", row * 7919 % 301)))
            .collect::<StringArray>(),
    );
    let number: ArrayRef = Arc::new((0..ROWS).map(|row| row as f64 / 3.0).collect::<Float64Array>());
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
        (0..ROWS).map(|row| (row % 13 != 0).then(|| (0..row % 4).map(Some).collect::<Vec<_>>())),
    ));
    RecordBatch::try_from_iter([("id", id), ("text", text), ("number", number), ("list", list)]).unwrap()
}

fn write(path: &Path, batch: &RecordBatch, row_group: usize, page_rows: usize) {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(row_group))
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn as_one(source: &dyn Source, request: &ScanRequest) -> RecordBatch {
    let batches = read_all(source, request).unwrap();
    let columns = request.projection.clone().unwrap_or_else(|| (0..source.schema().fields().len()).collect());
    let schema = Arc::new(source.schema().project(&columns).unwrap());
    assert!(batches.iter().all(|batch| batch.num_rows() <= request.batch_rows && batch.schema() == schema));
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn every_strategy_gives_the_same_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    write(&path, &table(), 9_000, 500);
    let source = open_path(&path).unwrap();
    let all = as_one(&*source, &ScanRequest::default());
    assert_eq!(all.num_rows() as i64, ROWS);
    // Rare, clustered, half, most, all, none; the sample at the start may mislead.
    let shapes = [
        (100, 0, 1),
        (9_000, 100, 400),
        (2, 0, 1),
        (10, 0, 9),
        (10, 0, 10),
        (10, 20, 30),
        (20_000, 0, 9_500),
    ];
    for (modulus, low, high) in shapes {
        for projection in [vec![0, 1, 2, 3], vec![3, 0], vec![2], vec![0], vec![1, 1, 0], vec![]] {
            for batch_rows in [100, 1_024, 16_384] {
                let filter = Residues { columns: vec![0], modulus, low, high };
                let only = RecordBatch::try_new(
                    Arc::new(source.schema().project(&[0]).unwrap()),
                    vec![Arc::clone(all.column(0))],
                );
                let mask = filter.keep(&only.unwrap()).unwrap();
                let expected = filter_record_batch(&all.project(&projection).unwrap(), &mask).unwrap();
                let request = ScanRequest {
                    projection: Some(projection.clone()),
                    filter: Some(Arc::new(filter)),
                    batch_rows,
                    ..ScanRequest::default()
                };
                let case = format!("{modulus} {low} {high} {projection:?} {batch_rows}");
                if projection.is_empty() {
                    let rows: usize =
                        read_all(&*source, &request).unwrap().iter().map(RecordBatch::num_rows).sum();
                    assert_eq!(rows, expected.num_rows(), "{case}");
                } else {
                    assert_eq!(as_one(&*source, &request), expected, "{case}");
                }
            }
        }
    }
}

#[test]
fn a_limit_gives_the_first_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    write(&path, &table(), 9_000, 500);
    let source = open_path(&path).unwrap();
    let request = ScanRequest { limit: Some(5), ..ScanRequest::default() };
    let batches = read_all(&*source, &request).unwrap();
    assert_eq!(batches[0].num_rows(), 5);
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().values(), &[0, 1, 2, 3, 4]);
}

#[test]
fn row_groups_that_cannot_match_are_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    write(&path, &table(), 5_000, 500);
    let source = open_path(&path).unwrap();
    let rows = |compare: Compare, literals: ArrayRef, column: usize| -> u64 {
        let prune = vec![Prune { column, compare, literals }];
        let request = ScanRequest { prune, ..ScanRequest::default() };
        source.splits(&request, &context()).unwrap().iter().filter_map(|split| split.rows).sum()
    };
    let int = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let none = Arc::new(Int64Array::from(Vec::<i64>::new())) as ArrayRef;
    assert_eq!(rows(Compare::Equal, int(7_000), 0), 5_000);
    assert_eq!(rows(Compare::Less, int(5_000), 0), 5_000);
    assert_eq!(rows(Compare::GreaterOrEqual, int(29_000), 0), 5_000);
    assert_eq!(rows(Compare::Equal, int(-1), 0), 0);
    assert_eq!(rows(Compare::In, Arc::new(Int64Array::from(vec![1, 29_999])), 0), 10_000);
    assert_eq!(rows(Compare::IsNull, Arc::clone(&none), 0), 30_000);
    assert_eq!(rows(Compare::IsNull, none, 2), 0);
    let text = |value: &str| Arc::new(StringViewArray::from(vec![value])) as ArrayRef;
    assert_eq!(rows(Compare::Greater, text("zzz"), 1), 0);
    assert_eq!(rows(Compare::Equal, text("text number 5 of many"), 1), 30_000);

    let statistics = source.statistics();
    assert_eq!((statistics.rows, statistics.exact_rows), (Some(30_000), true));
    let id = &statistics.columns[0];
    assert_eq!(id.min.as_ref().unwrap().as_primitive::<Int64Type>().value(0), 0);
    assert_eq!(id.max.as_ref().unwrap().as_primitive::<Int64Type>().value(0), 29_999);
    assert_eq!(id.nulls, Some(310));
    assert!(statistics.columns[3].min.is_none());
}
