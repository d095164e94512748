//! Sorts, merges, key ranges and top-k against comparisons of plain values.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{SortColumn, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use super::{Merge, RunBatch, SortKeys, SortOptions, Splitters, TopK, sort_indices};
use crate::Error;
use crate::keys::cells::{Cells, Dice, key_types, random_column};
use crate::take::take_batch;

fn compare(keys: &[Cells], options: &[SortOptions], left: usize, right: usize) -> Ordering {
    for (cells, options) in keys.iter().zip(options) {
        let nulls = if options.nulls_first { Ordering::Less } else { Ordering::Greater };
        let order = match (&cells[left], &cells[right]) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => nulls,
            (Some(_), None) => nulls.reverse(),
            (Some(left), Some(right)) if options.descending => right.compare(left),
            (Some(left), Some(right)) => left.compare(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// The standard library's stable sort over plain values.
fn naive_order(keys: &[Cells], options: &[SortOptions]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..keys[0].len()).collect();
    order.sort_by(|left, right| compare(keys, options, *left, *right));
    order.into_iter().map(|row| u32::try_from(row).unwrap()).collect()
}

fn random_options(dice: &mut Dice) -> SortOptions {
    SortOptions { descending: dice.roll(2) == 1, nulls_first: dice.roll(2) == 1 }
}

fn pick<T: Clone>(from: &[T], dice: &mut Dice) -> T {
    from[usize::try_from(dice.roll(from.len() as u64)).unwrap()].clone()
}

fn size(below: u64, dice: &mut Dice) -> usize {
    usize::try_from(dice.roll(below)).unwrap()
}

struct Case {
    columns: Vec<ArrayRef>,
    cells: Vec<Cells>,
    options: Vec<SortOptions>,
}

impl Case {
    fn new(types: &[DataType], rows: usize, variety: u64, dice: &mut Dice) -> Case {
        let (columns, cells) =
            types.iter().map(|data_type| random_column(data_type, rows, variety, dice)).unzip();
        let options = types.iter().map(|_| random_options(dice)).collect();
        Case { columns, cells, options }
    }

    /// The row numbers as the payload, so that a result can be checked for stability.
    fn rows(&self) -> RecordBatch {
        row_batch((0..).take(self.columns[0].len()))
    }

    fn slice(&self, offset: usize, len: usize) -> Vec<ArrayRef> {
        self.columns.iter().map(|column| column.slice(offset, len)).collect()
    }
}

fn row_batch(rows: impl Iterator<Item = i64>) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("row", DataType::Int64, false)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from_iter_values(rows))]).unwrap()
}

fn random_types(dice: &mut Dice) -> Vec<DataType> {
    let types = key_types();
    (0..1 + dice.roll(4)).map(|_| pick(&types, dice)).collect()
}

fn row_numbers(batches: &[RecordBatch]) -> Vec<u32> {
    let numbers =
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    numbers.map(|row| u32::try_from(row).unwrap()).collect()
}

#[test]
fn every_type_sorts_alone_in_every_direction() {
    for (seed, data_type) in key_types().into_iter().enumerate() {
        let mut dice = Dice::new(seed as u64 + 50);
        for variety in [1, 4, 30, 100_000] {
            let mut case = Case::new(std::slice::from_ref(&data_type), 150, variety, &mut dice);
            for (descending, nulls_first) in [(false, false), (false, true), (true, false), (true, true)] {
                case.options = vec![SortOptions { descending, nulls_first }];
                let order = sort_indices(&case.columns, &case.options).unwrap();
                assert!(order == naive_order(&case.cells, &case.options), "{data_type} {:?}", case.options);
            }
        }
    }
}

#[test]
fn several_keys_sort_like_plain_values() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let types = random_types(&mut dice);
        let variety = pick(&[2, 3, 20, 5000], &mut dice);
        let case = Case::new(&types, 100, variety, &mut dice);
        let order = sort_indices(&case.columns, &case.options).unwrap();
        assert!(
            order == naive_order(&case.cells, &case.options),
            "seed {seed}: {types:?} {:?}",
            case.options
        );
    }
}

#[test]
fn keys_of_different_batches_compare() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed + 7000);
        let types = random_types(&mut dice);
        let case = Case::new(&types, 60, 4, &mut dice);
        let left = SortKeys::encode(&case.slice(0, 25), &case.options).unwrap();
        let right = SortKeys::encode(&case.slice(25, 35), &case.options).unwrap();
        for i in 0..25 {
            for j in 0..35 {
                let expected = compare(&case.cells, &case.options, i, 25 + j);
                assert_eq!(left.compare(i, &right, j), expected, "{types:?} {:?}", case.options);
            }
        }
    }
}

/// Cuts the case into sorted runs of sorted batches, as tasks would leave them.
fn sorted_runs(case: &Case, dice: &mut Dice) -> Vec<Vec<RunBatch>> {
    let (total, rows) = (case.columns[0].len(), case.rows());
    let mut runs = Vec::new();
    let mut start = 0;
    while start < total {
        let len = size(40, dice).min(total - start);
        let columns = case.slice(start, len);
        let order = UInt32Array::from(sort_indices(&columns, &case.options).unwrap());
        let sorted = take_batch(&rows.slice(start, len), &order).unwrap();
        let columns: Vec<ArrayRef> =
            columns.iter().map(|column| take(column, &order, None).unwrap()).collect();
        let mut batches = Vec::new();
        let mut row = 0;
        while row < len {
            let step = size(9, dice).min(len - row);
            let slice: Vec<ArrayRef> = columns.iter().map(|column| column.slice(row, step)).collect();
            let keys = SortKeys::encode(&slice, &case.options).unwrap();
            assert!(keys.is_sorted());
            batches.push(RunBatch { rows: sorted.slice(row, step), keys });
            row += step;
        }
        runs.push(batches);
        start += len;
    }
    runs
}

fn merged(runs: Vec<Vec<RunBatch>>, batch_rows: usize) -> Vec<RecordBatch> {
    let runs = runs.into_iter().map(|run| run.into_iter().map(Ok::<_, Error>));
    Merge::new(runs, batch_rows).collect::<Result<_, Error>>().unwrap()
}

#[test]
fn merging_runs_is_a_stable_sort() {
    for seed in 0..120 {
        let mut dice = Dice::new(seed + 300);
        let types = random_types(&mut dice);
        let case = Case::new(&types, 200, 6, &mut dice);
        let runs = sorted_runs(&case, &mut dice);
        let batch_rows = 1 + size(70, &mut dice);
        let batches = merged(runs, batch_rows);
        assert!(row_numbers(&batches) == naive_order(&case.cells, &case.options), "seed {seed}: {types:?}");
        let (last, others) = batches.split_last().unwrap();
        assert!(others.iter().all(|batch| batch.num_rows() == batch_rows) && last.num_rows() > 0);
    }
}

#[test]
fn ranges_are_disjoint_and_complete() {
    for seed in 0..120 {
        let mut dice = Dice::new(seed + 600);
        let types = random_types(&mut dice);
        let variety = 2 + dice.roll(40);
        let case = Case::new(&types, 200, variety, &mut dice);
        let runs = sorted_runs(&case, &mut dice);
        let wanted = 1 + size(6, &mut dice);
        let splitters = Splitters::choose(&case.slice(20, 50), &case.options, wanted).unwrap();
        assert!(splitters.ranges() <= wanted);
        let mut rows = Vec::new();
        for range in 0..splitters.ranges() {
            let part = |batch: &RunBatch| {
                let [start, end] = [range, range + 1].map(|range| splitters.begin(range, &batch.keys));
                let len = end - start;
                RunBatch { rows: batch.rows.slice(start, len), keys: batch.keys.slice(start, len) }
            };
            let parts = runs.iter().map(|run| run.iter().map(part).collect()).collect();
            rows.extend(row_numbers(&merged(parts, 64)));
        }
        assert!(rows == naive_order(&case.cells, &case.options), "seed {seed}: {types:?}");
    }
}

#[test]
fn splitters_quarter_a_plain_range() {
    let samples: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100).rev()));
    let options = [SortOptions::ASCENDING];
    let splitters = Splitters::choose(&[samples], &options, 4).unwrap();
    let run: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let run = SortKeys::encode(&[run], &options).unwrap();
    assert_eq!([0, 1, 2, 3, 4].map(|range| splitters.begin(range, &run)), [0, 25, 50, 75, 100]);
    let same: ArrayRef = Arc::new(Int64Array::from(vec![5; 100]));
    assert_eq!(Splitters::choose(&[same], &options, 4).unwrap().ranges(), 1);
    let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
    assert_eq!(Splitters::choose(&[none], &options, 4).unwrap().ranges(), 1);
}

#[test]
fn top_k_is_the_head_of_the_sort() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed + 900);
        let types = random_types(&mut dice);
        let case = Case::new(&types, 300, 10, &mut dice);
        let rows = case.rows();
        let k = pick(&[0, 1, 7, 100, 1000], &mut dice);
        let mut top = TopK::new(rows.schema(), &case.options, k);
        let mut start = 0;
        while start < 300 {
            let len = size(60, &mut dice).min(300 - start);
            top.push(&case.slice(start, len), &rows.slice(start, len)).unwrap();
            start += len;
        }
        let expected = naive_order(&case.cells, &case.options);
        assert!(
            row_numbers(&[top.finish().unwrap()]) == expected[..k.min(300)],
            "seed {seed}: {types:?} k={k}"
        );
    }
}

#[test]
fn top_k_over_many_rows_lets_batches_go() {
    let mut dice = Dice::new(3);
    let options = [SortOptions::DESCENDING];
    let mut top = TopK::new(row_batch(0..0).schema(), &options, 10);
    let mut all: Vec<(i64, i64)> = Vec::new();
    for batch in 0..60 {
        let keys: Vec<i64> = (0..5000).map(|_| i64::try_from(dice.roll(20_000)).unwrap()).collect();
        let rows = batch * 5000..(batch + 1) * 5000;
        all.extend(keys.iter().copied().zip(rows.clone()));
        let keys: ArrayRef = Arc::new(Int64Array::from(keys));
        if let Some(mask) = top.could_qualify(&[Arc::clone(&keys)]).unwrap() {
            assert!(mask.count_set_bits() < 100, "a threshold of 10 rows lets few of 5000 pass");
        }
        top.push(&[keys], &row_batch(rows)).unwrap();
    }
    assert!(top.size_bytes() < 4_000_000, "{} bytes are held for 10 rows", top.size_bytes());
    all.sort_by_key(|(key, row)| (-key, *row));
    let expected: Vec<u32> = all[..10].iter().map(|(_, row)| u32::try_from(*row).unwrap()).collect();
    assert_eq!(row_numbers(&[top.finish().unwrap()]), expected);
}

#[test]
fn agrees_with_arrow_where_orders_agree() {
    let types =
        [DataType::Int32, DataType::Utf8, DataType::Date32, DataType::Boolean, DataType::Decimal128(38, 4)];
    for seed in 0..60 {
        let mut dice = Dice::new(seed + 4000);
        let chosen = [pick(&types, &mut dice), pick(&types, &mut dice)];
        let case = Case::new(&chosen, 200, 8, &mut dice);
        let keys = case.columns.iter().zip(&case.options).map(|(column, options)| SortColumn {
            values: Arc::clone(column),
            options: Some(arrow::compute::SortOptions {
                descending: options.descending,
                nulls_first: options.nulls_first,
            }),
        });
        // The row number as the last key makes arrow's unstable sort stable.
        let row = SortColumn { values: Arc::clone(case.rows().column(0)), options: None };
        let expected = lexsort_to_indices(&keys.chain([row]).collect::<Vec<_>>(), None).unwrap();
        assert_eq!(sort_indices(&case.columns, &case.options).unwrap(), expected.values().to_vec());
    }
}

#[test]
fn large_sorted_reversed_and_random_inputs() {
    let mut dice = Dice::new(77);
    let random: Vec<i64> = (0..100_000).map(|_| i64::try_from(dice.roll(u64::MAX)).unwrap()).collect();
    let mut sorted = random.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let reversed: Vec<i64> = sorted.iter().rev().copied().collect();
    let few: Vec<i64> = random.iter().map(|value| value % 10).collect();
    let small: Vec<i64> = random.iter().map(|value| value % 1_000_000).collect();
    for values in [random, sorted, reversed, few, small] {
        let mut expected: Vec<usize> = (0..values.len()).collect();
        expected.sort_by_key(|row| values[*row]);
        let texts = values.iter().map(|value| format!("id{:020}", i128::from(*value) + (1 << 64)));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        for column in [values, texts] {
            let order = sort_indices(&[column], &[SortOptions::ASCENDING]).unwrap();
            assert!(order.iter().zip(&expected).all(|(row, expected)| *row as usize == *expected));
        }
    }
}

#[test]
fn merging_nothing_gives_nothing_and_errors_end_it() {
    let none = Merge::<std::iter::Empty<Result<RunBatch, Error>>, Error>::new([], 10);
    assert_eq!(none.count(), 0);
    let empty = Merge::<_, Error>::new([std::iter::empty(), std::iter::empty()], 10);
    assert_eq!(empty.count(), 0);
    let failing = vec![vec![Err(Error::invalid("the disk is gone"))].into_iter()];
    let results: Vec<Result<RecordBatch, Error>> = Merge::new(failing, 10).collect();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].as_ref().unwrap_err().to_string(), "the disk is gone");
}

#[test]
fn wrong_keys_are_refused() {
    assert!(sort_indices(&[], &[]).is_err());
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let two: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    assert!(sort_indices(&[Arc::clone(&one)], &[]).is_err());
    assert!(SortKeys::encode(&[one, two], &[SortOptions::ASCENDING; 2]).is_err());
}
