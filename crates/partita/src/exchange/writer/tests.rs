//! Large runs lie in pieces, which go with the last of their readers.

use std::sync::{Arc, Weak};

use arrow::array::{Array, AsArray, DictionaryArray, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Int64Type};
use partita_io::Reserve;
use partita_kernels::sort::SortOptions;
use partita_kernels::take::take_column;

use super::*;
use crate::error::Step;
use crate::exchange::{RunSet, split_ranges};
use crate::expr::col;
use crate::op::Flow;
use crate::session::Budget;

fn store(run_bytes: usize) -> RunStore {
    store_of(run_bytes, 1 << 29)
}

/// Of which so many bytes may wait in memory.
fn store_of(run_bytes: usize, in_memory: usize) -> RunStore {
    let ledger = Ledger::new(&Budget::new(1 << 30), in_memory);
    let spill = SpillDirectory::new(Arc::new(partita_io::Local), std::env::temp_dir());
    RunStore { ledger, spill, run_bytes, sorted_run_bytes: run_bytes, merge_bytes: 1 << 20 }
}

/// Numbers from `start` on, spread by their own hash.
fn written(store: &RunStore, start: i64, rows: i64) -> Runs {
    let keys = HashKeys { columns: vec![0], types: vec![DataType::Int64] };
    let mut writer = store.writer(Arrangement::ByBucket(keys, 0));
    for first in (start..start + rows).step_by(10_000) {
        let numbers: Int64Array = (first..first + 10_000).collect();
        writer.push(RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap()).unwrap();
    }
    writer.finish().unwrap()
}

fn read(runs: &RunSet, buckets: &Range<usize>, store: &RunStore) -> Vec<i64> {
    let memory: Arc<dyn Reserve> = Arc::clone(&store.ledger) as _;
    let mut numbers = Vec::new();
    runs.in_bucket_order(buckets, &memory, &mut |batch| {
        numbers.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
        Ok(Flow::Continue)
    })
    .unwrap();
    numbers
}

#[test]
fn the_rows_of_ranges_are_those_of_all_however_runs_are_cut() {
    let sets = [64 << 10, 1 << 20, 64 << 20].map(|run_bytes| {
        let store = store(run_bytes);
        let partitions = [0, 1_000_000].map(|start| Arc::new(written(&store, start, 400_000)));
        (RunSet { partitions: partitions.to_vec() }, store)
    });
    let all = read(&sets[0].0, &(0..BUCKETS), &sets[0].1);
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq((0..400_000).chain(1_000_000..1_400_000)));
    for (runs, store) in &sets {
        assert_eq!(runs.bucket_bytes().iter().sum::<u64>(), 800_000 * 8);
        let ranges = [0..3, 3..100, 100..101, 101..BUCKETS];
        let parts = ranges.iter().flat_map(|range| read(&runs.of_buckets(range), range, store));
        assert!(parts.eq(all.iter().copied()), "ranges do not make the whole");
    }
}

#[test]
fn what_no_range_needs_any_more_is_given_up() {
    let store = store(64 << 20);
    let runs = RunSet { partitions: vec![Arc::new(written(&store, 0, 1_000_000))] };
    let known: Vec<Weak<Run>> = runs.runs().map(Arc::downgrade).collect();
    assert!(known.len() > 8, "a run of 8 MB should lie in pieces, not in {}", known.len());
    let halves = [runs.of_buckets(&(0..128)), runs.of_buckets(&(128..BUCKETS))];
    drop(runs);
    let alive = || known.iter().filter(|run| run.strong_count() > 0).count();
    assert_eq!(alive(), known.len());
    let [first, second] = halves;
    drop(first);
    assert!(alive() <= known.len() / 2 + 1, "the piece at the border and what lies behind it");
    drop(second);
    assert_eq!(alive(), 0);
    assert!(store.ledger.reserve_run(1 << 29).is_some(), "their place in the ledger is free too");
}

/// Texts that lie in their views, as a reader gives them: with the page that they came in.
fn with_pages(rows: usize, page_bytes: usize) -> RecordBatch {
    let texts = StringViewArray::from_iter_values((0..rows).map(|row| format!("{:08}", row * 7919 % rows)));
    let (views, _, nulls) = texts.into_parts();
    let page: arrow::buffer::Buffer = vec![b'x'; page_bytes].into();
    let texts = StringViewArray::new(views, vec![page], nulls);
    RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap()
}

#[test]
fn neither_rows_nor_samples_keep_the_pages_that_they_came_in() {
    let keys = [(col("t"), SortOptions::ASCENDING)];
    let rows = 10_000;
    let schema = with_pages(1, 0).schema();
    let spec = SortSpec::new(&keys, String::new(), &schema, Step::here("sort_values")).unwrap();
    let hash = HashKeys { columns: vec![0], types: vec![DataType::Utf8View] };
    let arrangements = [
        Arrangement::Sorted(Arc::new(spec)),
        Arrangement::ByBucket(hash, 0),
        Arrangement::AsTheyCome,
        Arrangement::Packed(schema),
    ];
    for arrangement in arrangements {
        let mut writer = store(64 << 20).writer(arrangement.clone());
        writer.push(with_pages(rows, 1 << 20)).unwrap();
        let held = |columns: &[ArrayRef]| columns.iter().map(|c| c.get_array_memory_size()).sum::<usize>();
        if let Some(gathered) = writer.gathered.first() {
            assert!(held(gathered.columns()) < 20 * rows, "{arrangement:?}: gathered rows keep pages");
        }
        let runs = writer.finish().unwrap();
        assert!(held(&runs.sampled) < 4_000, "{arrangement:?}: samples keep pages");
        for run in runs.iter() {
            let samples = run.samples().map_or(0, SortKeys::size_bytes);
            assert!(samples < 4_000, "{arrangement:?}: a run's samples keep pages");
            let rows = run.rows;
            let parts = run.column(0).expect("there is memory");
            let kept: usize = parts
                .iter()
                .flat_map(|part| part.kept_beside(None))
                .map(|array| array.get_array_memory_size())
                .sum();
            assert!(kept < 20 * rows + 4_000, "{arrangement:?}: a run keeps pages");
        }
    }
}

/// Numbers from `start` on with their texts, which are codes of a dictionary if they are even.
fn numbered_texts(start: i64, rows: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new((start..start + rows).collect::<Int64Array>());
    let values: ArrayRef =
        Arc::new((0..50).map(|value| Some(format!("text {value}"))).collect::<StringViewArray>());
    let codes: UInt32Array =
        (start..start + rows).map(|number| (number % 7 != 3).then_some(number as u32 % 50)).collect();
    let texts: ArrayRef = match start % 2 {
        0 => Arc::new(DictionaryArray::new(codes, values)),
        _ => take_column(&values, &codes).unwrap(),
    };
    RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("t", texts, true)]).unwrap()
}

#[test]
fn packed_rows_are_those_that_came_wherever_they_lie() {
    let plain = |start, rows| {
        let batch = numbered_texts(start, rows);
        RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::clone(batch.column(0)), true),
            ("t", cast(batch.column(1), &DataType::Utf8View).unwrap(), true),
        ])
        .unwrap()
    };
    let schema = plain(0, 1).schema();
    // Small batches are packed with others, coded and plain ones apart.
    let sizes = [1, 9_000, 10, 4, 20_001, 30, 8_191, 3, 2, 8_192, 16_384, 7];
    let starts = sizes.iter().scan(0, |end, rows| Some(std::mem::replace(end, *end + rows)));
    let batches: Vec<(i64, i64)> = starts.zip(sizes).collect();
    let all: Vec<RecordBatch> = batches.iter().map(|&(start, rows)| plain(start, rows)).collect();
    let all = concat_batches(&schema, &all).unwrap();
    for (runs_limit, run_bytes) in
        [(1 << 29, 64 << 20), (1 << 29, 1 << 18), (0, 64 << 20), (100_000, 1 << 18)]
    {
        let ledger = Ledger::new(&Budget::new(1 << 30), runs_limit);
        let store = RunStore { ledger, ..store(run_bytes) };
        let mut writer = store.writer(Arrangement::Packed(Arc::clone(&schema)));
        batches.iter().for_each(|&(start, rows)| writer.push(numbered_texts(start, rows)).unwrap());
        let runs = writer.finish().unwrap();
        assert_eq!((runs.rows(), runs.bytes()), (all.num_rows(), logical_bytes(&all) as u64));
        assert_eq!(store.ledger.spilled() > 0, runs_limit < 1 << 29);
        let runs = RunSet { partitions: vec![Arc::new(runs)] };
        for rows in [0..all.num_rows(), 0..1, 8_999..9_012, 9_001..29_020, 40_000..all.num_rows()] {
            let mut read = Vec::new();
            runs.in_order(0..1, &rows, &mut |batch| {
                read.push(batch);
                Ok(Flow::Continue)
            })
            .unwrap();
            assert_eq!(
                concat_batches(&schema, &read).unwrap(),
                all.slice(rows.start, rows.len()),
                "{rows:?}"
            );
        }
        drop(runs);
        assert_eq!(store.ledger.used(), 0);
    }
}

#[test]
fn the_packed_rows_of_a_bucket_are_those_that_are_read() {
    for in_memory in [1 << 29, 0] {
        let store = store_of(1 << 20, in_memory);
        let runs = [0, 1_000_000].map(|start| Arc::new(written(&store, start, 200_000))).to_vec();
        let runs = RunSet { partitions: runs };
        assert_eq!(runs.runs().all(|run| run.is_in_memory()), in_memory > 0);
        let memory: Arc<dyn Reserve> = Arc::clone(&store.ledger) as _;
        for bucket in [0, 7, 8, 100, BUCKETS - 1] {
            let mut held = Held::new(&memory);
            let packed = runs.packed(&(bucket..bucket + 1), &mut held).unwrap();
            // Who reads from disk holds it.
            assert_eq!(held.bytes() > 0, in_memory == 0);
            let rows = packed.iter().map(PackedBatch::unpack);
            let numbers: Vec<i64> =
                rows.flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
            assert_eq!(numbers, read(&runs, &(bucket..bucket + 1), &store));
            assert!(numbers.len() > 1_000);
        }
    }
}

/// The rows at which the blocks of a run on disk end.
fn block_ends(run: &Run) -> Vec<usize> {
    let end = |row: &usize| Some(run.next_stop(*row)).filter(|end| *end < run.rows);
    std::iter::successors(end(&0), end).chain([run.rows]).collect()
}

#[test]
fn blocks_on_disk_end_where_buckets_do_if_these_are_not_too_long() {
    let store = store_of(1 << 20, 0);
    let runs = written(&store, 0, 400_000);
    assert!(runs.runs.len() > 4, "{} pieces", runs.runs.len());
    for run in runs.iter() {
        let ends: Vec<usize> = (0..BUCKETS).map(|bucket| run.bucket_rows(&(0..bucket + 1)).end).collect();
        let blocks = block_ends(run);
        assert!(blocks.iter().all(|end| ends.contains(end)), "{blocks:?} of {ends:?}");
        // About 16 KiB of numbers of 8 bytes each.
        let rows: Vec<usize> = std::iter::once(0)
            .chain(blocks)
            .collect::<Vec<_>>()
            .windows(2)
            .map(|ends| ends[1] - ends[0])
            .collect();
        assert!(rows[..rows.len() - 1].iter().all(|rows| (2_048..4_096).contains(rows)), "{rows:?}");
    }
    // One bucket has all rows.
    let keys = HashKeys { columns: Vec::new(), types: Vec::new() };
    let mut writer = store.writer(Arrangement::ByBucket(keys, 0));
    let numbers: ArrayRef = Arc::new((0..100_000).collect::<Int64Array>());
    writer.push(RecordBatch::try_from_iter([("n", numbers)]).unwrap()).unwrap();
    let runs = writer.finish().unwrap();
    let ends: Vec<usize> = runs.iter().flat_map(|run| block_ends(run)).collect();
    let rows = |ends: &[usize]| ends[1] - ends[0];
    assert!(ends.len() > 30 && ends.windows(2).all(|ends| rows(ends) <= 64 * 128), "{ends:?}");
}

#[test]
fn what_a_run_on_disk_says_about_itself_is_in_the_ledger() {
    let store = store_of(1 << 20, 0);
    let runs = written(&store, 0, 400_000);
    let blocks: usize = runs.iter().map(|run| block_ends(run).len()).sum();
    let own = runs.runs.len() * size_of::<Run>() + BUCKETS * size_of::<u32>() + blocks * 24;
    let held = store.ledger.used();
    assert!((own..own + 4 * BUCKETS * runs.runs.len()).contains(&held), "{held} of {own}");
    drop(runs);
    assert_eq!(store.ledger.used(), 0);
}

#[test]
fn a_run_of_few_buckets_knows_only_these() {
    let of_all: Vec<u32> = (0..=BUCKETS as u32).map(|bucket| 10 * bucket).collect();
    let offsets = Offsets::of(&(8..16), &of_all);
    assert_eq!(offsets.iter().count(), 8);
    assert_eq!(offsets.iter().nth(1), Some((9, 10..20)));
    let rows = [0..8, 0..9, 9..12, 15..17, 16..BUCKETS, 0..BUCKETS].map(|buckets| offsets.rows(&buckets));
    assert_eq!(rows, [0..0, 0..10, 10..40, 70..80, 80..80, 0..80]);
}

/// Of the numbers from 0 on, so many runs with every `runs`-th each, as `n`, and as `text` only every third.
fn sorted_runs(store: &RunStore, spec: &Arc<SortSpec>, runs: i64, rows: i64) -> RunSet {
    let partition = |run: i64| {
        let mut writer = store.writer(Arrangement::Sorted(Arc::clone(spec)));
        for first in (run..rows).step_by(usize::try_from(5_000 * runs).unwrap()) {
            let numbers = (first..rows.min(first + 5_000 * runs)).step_by(usize::try_from(runs).unwrap());
            writer.push(scrambled(numbers.collect())).unwrap();
        }
        Arc::new(writer.finish().unwrap())
    };
    RunSet { partitions: (0..runs).map(partition).collect() }
}

/// Rows of numbers in disorder, with keys that repeat: a text that is null for some, and a number.
fn scrambled(mut numbers: Vec<i64>) -> RecordBatch {
    numbers.sort_by_key(|number| (number * 7919) % 1_009);
    let texts: StringViewArray =
        numbers.iter().map(|n| (n % 11 > 0).then(|| format!("text {}", n % 700))).collect();
    let halves: Int64Array = numbers.iter().map(|n| (n % 13 > 0).then_some(n % 5)).collect();
    let columns: [(&str, ArrayRef); 3] =
        [("text", Arc::new(texts)), ("half", Arc::new(halves)), ("n", Arc::new(Int64Array::from(numbers)))];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn runs_are_merged_alike_whichever_way() {
    let descending = SortOptions { descending: true, nulls_first: true };
    let keys = [(col("text"), SortOptions::ASCENDING), (col("half"), descending)];
    let spec = SortSpec::new(&keys, String::new(), &scrambled(vec![1]).schema(), Step::here("sort_values"));
    let spec = Arc::new(spec.unwrap());
    for (runs, run_bytes) in [(2, 1 << 30), (9, 1 << 30), (20, 1 << 30), (3, 64 << 10)] {
        let sorted = [0, 1 << 30].map(|merge_bytes| {
            let store = RunStore { merge_bytes, ..store(run_bytes) };
            let runs = Arc::new(sorted_runs(&store, &spec, runs, 50_000));
            let mut rows = Vec::new();
            for range in split_ranges(runs, &spec, 300_000).unwrap() {
                let mut push = |batch: RecordBatch| {
                    assert!(batch.num_rows() <= 1_000);
                    rows.push(batch);
                    Ok(Flow::Continue)
                };
                range.pump(1_000, &store, &mut push).unwrap();
            }
            concat_batches(&rows[0].schema(), &rows).unwrap()
        });
        assert_eq!(sorted[0], sorted[1], "{runs} runs");
        let keys = spec.sort_keys(&sorted[0]).unwrap();
        assert!(keys.is_sorted() && keys.len() == 50_000);
    }
}
