//! Leaving out row groups and pages never leaves out a row that passes: random tables, random terms.

use std::cmp::Ordering;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array,
    Int64Array, StringViewArray, TimestampMicrosecondArray, UInt32Array, UInt64Array, make_comparator,
    new_empty_array,
};
use arrow::compute::{SortOptions, concat, concat_batches, filter_record_batch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::*;
use crate::{Compare, Prune};

/// A small generator: the same tables on every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

/// Numbers that rise, are clustered, or are anything, some of them null.
fn numbers(draw: &mut Draw, rows: usize) -> Vec<Option<i64>> {
    let (shape, bits) = (draw.below(4), 1 + draw.below(20));
    let spread = 1 + draw.below(1 << bits);
    (0..rows as i64)
        .map(|row| match shape {
            0 => Some(row / 3),
            1 => (draw.below(10) > 0).then(|| row - draw.below(spread) as i64),
            2 => (row / 5_000 % 2 == 0).then(|| row / 1_000 * 1_000),
            _ => (draw.below(5) > 0).then(|| draw.below(spread) as i64 - spread as i64 / 2),
        })
        .collect()
}

fn column(kind: usize, numbers: &[Option<i64>]) -> ArrayRef {
    let float = |n: i64| match n.rem_euclid(50) {
        7 => f64::NAN,
        8 => -0.0,
        9 => 0.0,
        _ => n as f64 / 7.0,
    };
    let text = |n: i64| format!("{}{n:012}", "a long common beginning ".repeat(4));
    let iter = numbers.iter().copied();
    match kind {
        0 => Arc::new(iter.collect::<Int64Array>()),
        1 => Arc::new(iter.map(|n| n.map(|n| n as u32 ^ 0x8000_0000)).collect::<UInt32Array>()),
        2 => Arc::new(iter.map(|n| n.map(|n| n as u64)).collect::<UInt64Array>()),
        3 => Arc::new(iter.map(|n| n.map(float)).collect::<Float64Array>()),
        4 => Arc::new(iter.map(|n| n.map(text)).collect::<StringViewArray>()),
        5 => Arc::new(iter.map(|n| n.map(|n| n.to_le_bytes())).collect::<BinaryViewArray>()),
        6 => Arc::new(
            iter.map(|n| n.map(i128::from))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(30, 4)
                .unwrap(),
        ),
        7 => Arc::new(iter.map(|n| n.map(|n| n as i32)).collect::<Date32Array>()),
        8 => Arc::new(iter.map(|n| n.map(|n| n % 3 == 0)).collect::<BooleanArray>()),
        9 => Arc::new(iter.collect::<TimestampMicrosecondArray>()),
        _ => Arc::new(iter.map(|n| n.map(|n| n as i8)).collect::<Int8Array>()),
    }
}

const KINDS: usize = 11;

/// Whether a row passes, by the total order that `arrow` compares with.
fn passes(values: &ArrayRef, row: usize, term: &Prune) -> bool {
    let order = make_comparator(values, &term.literals, SortOptions::default()).unwrap();
    let compare = |ordered: fn(Ordering) -> bool| values.is_valid(row) && ordered(order(row, 0));
    match term.compare {
        Compare::IsNull => values.is_null(row),
        Compare::IsNotNull => values.is_valid(row),
        Compare::Equal => compare(Ordering::is_eq),
        Compare::NotEqual => compare(Ordering::is_ne),
        Compare::Less => compare(Ordering::is_lt),
        Compare::LessOrEqual => compare(Ordering::is_le),
        Compare::Greater => compare(Ordering::is_gt),
        Compare::GreaterOrEqual => compare(Ordering::is_ge),
        Compare::In => {
            values.is_valid(row) && (0..term.literals.len()).any(|literal| order(row, literal).is_eq())
        }
    }
}

fn term(draw: &mut Draw, batch: &RecordBatch) -> Prune {
    let kind = draw.below(KINDS as u64) as usize;
    let values = batch.column(kind);
    let compare = [
        Compare::Equal,
        Compare::NotEqual,
        Compare::Less,
        Compare::LessOrEqual,
        Compare::Greater,
        Compare::GreaterOrEqual,
        Compare::In,
        Compare::IsNull,
        Compare::IsNotNull,
    ][draw.below(9) as usize];
    let count = match compare {
        Compare::IsNull | Compare::IsNotNull => 0,
        Compare::In => 1 + draw.below(3),
        _ => 1,
    };
    // Literals that occur, and some that do not.
    let parts: Vec<ArrayRef> = (0..count)
        .map(|_| match draw.below(4) {
            0 => column(kind, &[Some(draw.below(100_000) as i64 - 50_000)]),
            _ => {
                let row = draw.below(values.len() as u64) as usize;
                let valid = (row..values.len()).find(|row| values.is_valid(*row));
                valid.map_or_else(|| column(kind, &[Some(1)]), |row| values.slice(row, 1))
            }
        })
        .collect();
    let literals = match parts.is_empty() {
        true => new_empty_array(values.data_type()),
        false => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap(),
    };
    Prune { column: kind, compare, literals }
}

#[test]
fn pruning_never_loses_a_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("random.parquet");
    let (mut skipped, mut bytes_skipped) = (0, 0);
    for seed in 0..12 {
        let mut draw = Draw(seed);
        let rows = 5_000 + draw.below(20_000) as usize;
        let columns =
            (0..KINDS).map(|kind| (format!("c{kind}"), column(kind, &numbers(&mut draw, rows)), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(4_096 + draw.below(10_000) as usize))
            .set_data_page_row_count_limit(200 + draw.below(1_000) as usize)
            .set_write_batch_size(100)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_statistics_truncate_length(Some(1 + draw.below(110) as usize))
            .set_column_index_truncate_length(Some(1 + draw.below(110) as usize))
            .set_bloom_filter_enabled(draw.below(2) == 0)
            .build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let source = open_path(&path).unwrap();
        for _ in 0..40 {
            let prune: Vec<Prune> = (0..1 + draw.below(2)).map(|_| term(&mut draw, &batch)).collect();
            let filtered = |batch: &RecordBatch| {
                let all = |row| prune.iter().all(|term| passes(batch.column(term.column), row, term));
                let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(all(row))).collect();
                filter_record_batch(batch, &mask).unwrap()
            };
            let request = ScanRequest { prune: prune.clone(), ..ScanRequest::default() };
            let read = read_all(&*source, &request).unwrap();
            let read = concat_batches(source.schema(), &read).unwrap();
            skipped += usize::from(read.num_rows() == 0);
            bytes_skipped += rows - read.num_rows();
            assert_eq!(filtered(&read), filtered(&batch), "seed {seed}: {prune:?}");
        }
    }
    assert!(skipped > 10 && bytes_skipped > 1_000_000, "pruned too little: {skipped} {bytes_skipped}");
}

#[test]
fn bloom_filters_leave_row_groups_out() {
    let source = open_path(&testdata("data/data_index_bloom_encoding_with_length.parquet")).unwrap();
    let rows = |text: &str| {
        let literals: ArrayRef = Arc::new(StringViewArray::from(vec![text]));
        let prune = vec![Prune { column: 0, compare: Compare::Equal, literals }];
        let request = ScanRequest { prune, ..ScanRequest::default() };
        read_all(&*source, &request).unwrap().iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    // Both lie between the file's least and greatest value; only one is there.
    assert_eq!(rows("Hello"), 14);
    assert_eq!(rows("Hello no"), 0);
}
