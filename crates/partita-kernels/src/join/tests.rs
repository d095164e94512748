//! Joins against nested loops over plain values, for every key type, mode, chunk size and null rule.

use arrow::array::{
    Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray, StringViewArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type};
use std::sync::Arc;

use super::{CrossPairs, JoinMode, JoinTable, KeySpan, MatchedRows, ProbeRows, ProbeState};
use crate::keys::cells::{Cells, Dice, key_types, random_column};

type Pair = (u32, Option<u32>);

fn same_key(build: &[Cells], b: usize, probe: &[Cells], p: usize, nulls_equal: bool) -> bool {
    build.iter().zip(probe).all(|(build, probe)| match (&build[b], &probe[p]) {
        (Some(left), Some(right)) => left.compare(right).is_eq(),
        (None, None) => nulls_equal,
        _ => false,
    })
}

fn naive(build: &[Cells], probe: &[Cells], mode: JoinMode, nulls_equal: bool) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for p in 0..probe[0].len() {
        let matches: Vec<usize> =
            (0..build[0].len()).filter(|b| same_key(build, *b, probe, p, nulls_equal)).collect();
        let row = u32::try_from(p).unwrap();
        match mode {
            JoinMode::Semi if !matches.is_empty() => pairs.push((row, None)),
            JoinMode::Anti | JoinMode::Left if matches.is_empty() => pairs.push((row, None)),
            JoinMode::Inner | JoinMode::Left => {
                pairs.extend(matches.iter().map(|b| (row, Some(u32::try_from(*b).unwrap()))));
            }
            _ => {}
        }
    }
    pairs
}

fn probe_all(
    table: &JoinTable,
    keys: &[ArrayRef],
    mode: JoinMode,
    limit: usize,
    matched: &mut MatchedRows,
) -> Vec<Pair> {
    probe_with(&mut ProbeState::default(), table, keys, mode, limit, Some(matched))
}

fn probe_with(
    state: &mut ProbeState,
    table: &JoinTable,
    keys: &[ArrayRef],
    mode: JoinMode,
    limit: usize,
    mut matched: Option<&mut MatchedRows>,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    table.probe(keys, mode, state).unwrap();
    while let Some(chunk) = state.next(table, limit, matched.as_deref_mut()) {
        assert!(!chunk.probe.is_empty() && chunk.probe.len() <= limit);
        let probe: Vec<u32> = match &chunk.probe {
            ProbeRows::Slice { offset, len } => {
                (*offset..offset + len).map(|row| u32::try_from(row).unwrap()).collect()
            }
            ProbeRows::Indices(rows) => rows.values().to_vec(),
        };
        match chunk.build {
            None => pairs.extend(probe.into_iter().map(|row| (row, None))),
            Some(build) => pairs.extend(probe.into_iter().zip(build.iter())),
        }
    }
    assert!(state.next(table, limit, None).is_none(), "a finished batch stays finished");
    pairs
}

const MODES: [JoinMode; 4] = [JoinMode::Inner, JoinMode::Left, JoinMode::Semi, JoinMode::Anti];

/// Joins two random sides in every mode and compares with nested loops.
fn check(types: &[DataType], build_rows: usize, probe_rows: usize, variety: u64, dice: &mut Dice) {
    let mut side = |rows: usize| -> (Vec<ArrayRef>, Vec<Cells>) {
        types.iter().map(|data_type| random_column(data_type, rows, variety, dice)).unzip()
    };
    let (build, build_cells) = side(build_rows);
    let (probe, probe_cells) = side(probe_rows);
    let cut = build_rows / 3;
    let batches = [(0, cut), (cut, 0), (cut, build_rows - cut)]
        .map(|(offset, len)| build.iter().map(|column| column.slice(offset, len)).collect::<Vec<_>>());
    for nulls_equal in [false, true] {
        let table = JoinTable::build(types, &batches, nulls_equal).unwrap();
        assert_eq!(table.rows(), build_rows);
        let inner = naive(&build_cells, &probe_cells, JoinMode::Inner, nulls_equal);
        for (number, mode) in MODES.into_iter().enumerate() {
            let limit = [1, 3, 64, 10_000][(number + probe_rows) % 4];
            let mut matched = table.no_matches();
            let pairs = probe_all(&table, &probe, mode, limit, &mut matched);
            let expected = naive(&build_cells, &probe_cells, mode, nulls_equal);
            assert!(pairs == expected, "{types:?} {mode:?} nulls_equal={nulls_equal}");
            for row in 0..u32::try_from(build_rows).unwrap() {
                assert_eq!(matched.contains(row), inner.iter().any(|(_, build)| *build == Some(row)));
            }
        }
        let keys = JoinTable::of_keys(types, &batches, nulls_equal).unwrap();
        for mode in [JoinMode::Semi, JoinMode::Anti] {
            let mut state = ProbeState::default();
            keys.probe(&probe, mode, &mut state).unwrap();
            let mut rows: Vec<Pair> = Vec::new();
            while let Some(chunk) = state.next(&keys, 7, None) {
                rows.extend(match &chunk.probe {
                    ProbeRows::Slice { offset, len } => {
                        (*offset..offset + len).map(|row| (u32::try_from(row).unwrap(), None)).collect()
                    }
                    ProbeRows::Indices(rows) => {
                        rows.values().iter().map(|row| (*row, None)).collect::<Vec<_>>()
                    }
                });
            }
            assert!(
                rows == naive(&build_cells, &probe_cells, mode, nulls_equal),
                "{types:?} {mode:?} of keys"
            );
        }
        assert!(keys.probe(&probe, JoinMode::Inner, &mut ProbeState::default()).is_err());
        if let Some(filter) = keys.filter() {
            let passed = filter.might_match(&probe).unwrap();
            assert!(inner.iter().all(|(row, _)| passed.value(*row as usize)), "{types:?}: a match was lost");
        }
        let mut matched = table.no_matches();
        assert!(probe_all(&table, &probe, JoinMode::Mark, 7, &mut matched).is_empty());
        assert_eq!(matched.is_empty(), inner.is_empty());
        let mut span = KeySpan::new(nulls_equal);
        span.add(&build).unwrap();
        if let Some(mut filter) = span.filter() {
            filter.insert(&build).unwrap();
            let passed = filter.might_match(&probe).unwrap();
            let matching = |row: u32| inner.iter().any(|(probe, _)| *probe == row);
            let rows = 0..u32::try_from(probe_rows).unwrap();
            assert!(rows.into_iter().all(|row| passed.value(row as usize) == matching(row)), "{types:?}");
        }
        if let Some(filter) = table.filter() {
            let passed = filter.might_match(&probe).unwrap();
            assert!(
                inner.iter().all(|(row, _)| passed.value(*row as usize)),
                "{types:?}: the filter lost a match"
            );
        }
    }
}

#[test]
fn one_key_of_every_type() {
    for (seed, data_type) in key_types().into_iter().enumerate() {
        let mut dice = Dice::new(seed as u64 + 1);
        check(std::slice::from_ref(&data_type), 60, 80, 12, &mut dice);
        check(std::slice::from_ref(&data_type), 60, 80, 100_000, &mut dice);
        check(std::slice::from_ref(&data_type), 0, 9, 5, &mut dice);
        check(&[data_type], 9, 0, 5, &mut dice);
    }
}

#[test]
fn several_keys_of_random_types() {
    let types = key_types();
    for seed in 0..150 {
        let mut dice = Dice::new(seed + 1000);
        let count = 2 + dice.roll(4);
        let keys: Vec<DataType> =
            (0..count).map(|_| types[dice.roll(types.len() as u64) as usize].clone()).collect();
        check(&keys, 40, 50, 3, &mut dice);
    }
}

#[test]
fn many_wide_keys_do_not_fit_one_word() {
    let mut dice = Dice::new(5);
    for variety in [2, 1_000_000] {
        check(&vec![DataType::Int64; 6], 50, 50, variety, &mut dice);
        check(&vec![DataType::Decimal128(38, 4); 4], 50, 50, variety, &mut dice);
        check(&[DataType::Float64, DataType::Utf8, DataType::Decimal128(38, 4)], 50, 50, variety, &mut dice);
    }
}

#[test]
fn text_encodings_may_differ_between_the_sides() {
    let short: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("b"), Some("a")]));
    let long: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "a string of more than twelve bytes"]));
    let dictionary =
        cast(&long, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))).unwrap();
    let table = JoinTable::build(&[DataType::Utf8View], &[vec![short]], false).unwrap();
    for probe in [long, dictionary] {
        let pairs = probe_all(&table, &[probe], JoinMode::Left, 10, &mut table.no_matches());
        assert_eq!(pairs, vec![(0, Some(2)), (1, Some(0)), (1, Some(3)), (2, None)]);
    }
}

/// Rows as codes of a dictionary in which some value is null and some value comes twice.
fn coded(dice: &mut Dice, values: &[Option<String>], rows: usize) -> (ArrayRef, Vec<Option<String>>) {
    let code = |dice: &mut Dice| (dice.roll(6) > 0).then(|| dice.roll(values.len() as u64) as u32);
    let codes: Vec<Option<u32>> = (0..rows).map(|_| code(dice)).collect();
    let texts = codes.iter().map(|code| values[(*code)? as usize].clone()).collect();
    let dictionary: ArrayRef = Arc::new(values.iter().map(Option::as_deref).collect::<StringViewArray>());
    (Arc::new(DictionaryArray::<UInt32Type>::try_new(codes.into(), dictionary).unwrap()), texts)
}

#[test]
fn codes_find_what_their_texts_find() {
    let mut dice = Dice::new(11);
    for round in 0..40 {
        let text = |dice: &mut Dice| {
            let length = if round % 2 == 0 { 3 } else { 30 };
            (dice.roll(9) > 0).then(|| format!("{:>length$}", dice.roll(12)))
        };
        let build: Vec<Option<String>> = (0..15).map(|_| text(&mut dice)).collect();
        let keys: ArrayRef = Arc::new(build.iter().map(Option::as_deref).collect::<StringViewArray>());
        let dictionaries: [Vec<Option<String>>; 2] =
            [(0..10).map(|_| text(&mut dice)).collect(), (0..30).map(|_| text(&mut dice)).collect()];
        for nulls_equal in [false, true] {
            let table =
                JoinTable::build(&[DataType::Utf8View], &[vec![Arc::clone(&keys)]], nulls_equal).unwrap();
            // One state for batches of both dictionaries, of which the second is too large for few rows.
            let mut state = ProbeState::default();
            for rows in [20, 5, 40, 9] {
                let (codes, texts) = coded(&mut dice, &dictionaries[rows / 15 % 2], rows);
                let matches = |row: usize, build: &Option<String>| {
                    *build == texts[row] && (nulls_equal || build.is_some())
                };
                let expected: Vec<Pair> = (0..rows)
                    .flat_map(|row| (0..build.len()).map(move |found| (row, found)))
                    .filter(|(row, found)| matches(*row, &build[*found]))
                    .map(|(row, found)| (row as u32, Some(found as u32)))
                    .collect();
                assert_eq!(probe_with(&mut state, &table, &[codes], JoinMode::Inner, 1000, None), expected);
            }
        }
    }
}

#[test]
fn what_codes_found_in_one_table_is_not_looked_for_in_another() {
    let keys = |texts: &[&str]| vec![Arc::new(StringViewArray::from(texts.to_vec())) as ArrayRef];
    let tables = [["a", "b"], ["b", "a"]]
        .map(|texts| JoinTable::build(&[DataType::Utf8View], &[keys(&texts)], false).unwrap());
    let dictionary = keys(&["b"]).remove(0);
    let codes: ArrayRef =
        Arc::new(DictionaryArray::<UInt32Type>::try_new(vec![0].into(), dictionary).unwrap());
    let mut state = ProbeState::default();
    for (table, row) in tables.iter().zip([1, 0]) {
        let pairs = probe_with(&mut state, table, &[Arc::clone(&codes)], JoinMode::Inner, 10, None);
        assert_eq!(pairs, [(0, Some(row))]);
    }
}

#[test]
fn a_skewed_key_comes_in_bounded_chunks() {
    let build: ArrayRef = Arc::new(Int64Array::from(vec![7; 1000]));
    let probe: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 7]));
    let table = JoinTable::build(&[DataType::Int64], &[vec![build]], false).unwrap();
    assert!(!table.is_unique());
    let pairs = probe_all(&table, &[probe], JoinMode::Inner, 64, &mut table.no_matches());
    let expected = [0, 2].iter().flat_map(|probe| (0..1000).map(|build| (*probe, Some(build))));
    assert_eq!(pairs, expected.collect::<Vec<Pair>>());
}

#[test]
fn a_unique_full_match_slices_the_probe_side() {
    let build: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100).map(|key| key * 1_000_003)));
    let probe: ArrayRef = Arc::new(Int64Array::from_iter_values((0..50).map(|key| key * 1_000_003)));
    let table = JoinTable::build(&[DataType::Int64], &[vec![build]], false).unwrap();
    assert!(table.is_unique());
    let mut state = ProbeState::default();
    table.probe(&[probe], JoinMode::Inner, &mut state).unwrap();
    let chunk = state.next(&table, 1000, None).unwrap();
    assert!(matches!(chunk.probe, ProbeRows::Slice { offset: 0, len: 50 }));
    let build = chunk.build.unwrap();
    assert_eq!((build.value(49), build.null_count()), (49, 0));
}

#[test]
fn bounds_are_the_smallest_and_largest_key() {
    let keys: ArrayRef = Arc::new(Int32Array::from(vec![Some(5), None, Some(-7), Some(6)]));
    for data_type in [DataType::Int32, DataType::Date32] {
        let keys = cast(&keys, &data_type).unwrap();
        let table = JoinTable::build(&[data_type], &[vec![keys.clone()]], false).unwrap();
        let (low, high) = table.key_bounds().unwrap().unwrap();
        assert_eq!((&low, &high), (&keys.slice(2, 1), &keys.slice(3, 1)));
    }
    let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 3]));
    let table = JoinTable::build(&[DataType::UInt64], &[vec![large.clone()]], false).unwrap();
    assert_eq!(table.key_bounds().unwrap().unwrap(), (large.slice(1, 1), large.slice(0, 1)));
}

#[test]
fn wrong_keys_are_refused_with_advice() {
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let table = JoinTable::build(&[DataType::Int64], &[vec![ints.clone()]], false).unwrap();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    let mut state = ProbeState::default();
    let error = table.probe(&[text], JoinMode::Inner, &mut state).unwrap_err();
    assert_eq!(error.to_string(), "a join key of type Utf8 cannot be compared with Int64; cast one of them");
    assert!(table.probe(&[ints.clone(), ints], JoinMode::Inner, &mut state).is_err());
    assert!(JoinTable::build(&[], &[], false).is_err());
}

#[test]
fn matched_rows_of_several_tasks_are_merged() {
    let build: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(2), Some(4)]));
    let table = JoinTable::build(&[DataType::Int64], &[vec![build]], false).unwrap();
    let mut all = table.no_matches();
    for key in [2, 4] {
        let mut matched = table.no_matches();
        let probe: ArrayRef = Arc::new(Int64Array::from(vec![key, key]));
        probe_all(&table, &[probe], JoinMode::Mark, 10, &mut matched);
        all.merge(&matched);
    }
    let rows = |chunks: Vec<arrow::array::UInt32Array>| {
        chunks.iter().map(|c| c.values().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(rows(all.unmatched(1).collect()), vec![vec![0], vec![2]]);
    assert_eq!(rows(all.matched(2).collect()), vec![vec![1, 3], vec![4]]);
    assert_eq!(all.len(), 3);
}

#[test]
fn cross_pairs_come_in_order() {
    let pairs: Vec<Pair> = CrossPairs::new(2, 3, 4)
        .flat_map(|chunk| {
            let ProbeRows::Indices(probe) = chunk.probe else { panic!("a cross join takes rows") };
            let build = chunk.build.unwrap();
            probe.values().iter().copied().zip(build.iter().collect::<Vec<_>>()).collect::<Vec<_>>()
        })
        .collect();
    let expected = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)].map(|(p, b)| (p, Some(b)));
    assert_eq!(pairs, expected);
    assert_eq!(CrossPairs::new(5, 0, 4).count(), 0);
}
