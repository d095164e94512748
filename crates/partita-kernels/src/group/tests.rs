//! Group tables against a map of printed rows, over random types and through every change of representation.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::GroupTable;
use crate::random::{Random, flat_types, many_types, shown};

/// Feeds the batches to a table and to a map of printed rows; numbers and keys must agree after each batch.
fn check(types: &[DataType], batches: &[Vec<ArrayRef>]) -> GroupTable {
    let mut table = GroupTable::new(types).unwrap();
    let mut map: HashMap<Vec<String>, u32> = HashMap::new();
    let mut order = Vec::new();
    let mut ids = Vec::new();
    for batch in batches {
        table.upsert(batch, &mut ids).unwrap();
        let columns: Vec<Vec<String>> = batch.iter().map(shown).collect();
        let expected: Vec<u32> = (0..batch[0].len())
            .map(|row| {
                let key: Vec<String> = columns.iter().map(|column| column[row].clone()).collect();
                let next = map.len() as u32;
                *map.entry(key.clone()).or_insert_with(|| {
                    order.push(key);
                    next
                })
            })
            .collect();
        let first_difference = ids.iter().zip(&expected).position(|(id, expected)| id != expected);
        assert_eq!(first_difference, None, "{types:?}");
        assert_eq!((ids.len(), table.len()), (expected.len(), order.len()));
        let keys = table.keys().unwrap();
        for (at, (key, data_type)) in keys.iter().zip(types).enumerate() {
            assert_eq!(key.data_type(), data_type);
            let expected: Vec<String> = order.iter().map(|key| key[at].clone()).collect();
            assert_eq!(shown(key), expected, "column {at} of {types:?}");
        }
    }
    table
}

#[test]
fn single_keys_of_every_type() {
    for seed in 0..4 {
        let mut random = Random(seed);
        for data_type in many_types() {
            let batches: Vec<_> =
                [3, 900, 2500].iter().map(|&rows| vec![random.column(&data_type, rows, rows / 3)]).collect();
            check(std::slice::from_ref(&data_type), &batches);
        }
    }
}

#[test]
fn random_keys_of_several_columns() {
    for seed in 0..60 {
        let mut random = Random(seed + 1000);
        let all = many_types();
        let width = 2 + random.below(6);
        let types: Vec<DataType> = (0..width).map(|_| all[random.below(all.len())].clone()).collect();
        let batches: Vec<Vec<ArrayRef>> = (0..4)
            .map(|_| {
                let (rows, distinct) = (random.below(1500) + 1, random.below(4) + 1);
                types.iter().map(|data_type| random.column(data_type, rows, distinct)).collect()
            })
            .collect();
        check(&types, &batches);
    }
}

#[test]
fn keys_too_wide_to_pack_become_rows() {
    let mut random = Random(7);
    let types: Vec<DataType> = flat_types().into_iter().chain(flat_types()).collect();
    let batches: Vec<Vec<ArrayRef>> =
        (0..3).map(|_| types.iter().map(|data_type| random.column(data_type, 300, 2)).collect()).collect();
    let table = check(&types, &batches);
    assert!(table.whole_row.is_some());
}

#[test]
fn representations_change_midway_and_numbers_stay() {
    let texts = |range: std::ops::Range<usize>, width: usize| -> ArrayRef {
        let texts = range.map(|i| (i % 5 != 0).then(|| format!("{:0width$}", i % 50)));
        Arc::new(texts.collect::<StringViewArray>())
    };
    let ints = |range: std::ops::Range<i64>, step: i64| -> ArrayRef {
        Arc::new(range.map(|i| (i % 7 != 0).then_some(i.wrapping_mul(step))).collect::<Int64Array>())
    };
    // Direct array, one word, two, a whole word with its null bit, then long texts.
    let batches = vec![
        vec![texts(0..100, 1), ints(0..100, 1)],
        vec![texts(0..3000, 2), ints(0..3000, -1)],
        vec![texts(0..3000, 7), ints(0..3000, 1000)],
        vec![texts(0..3000, 12), ints(0..3000, 1 << 50)],
        vec![texts(0..3000, 13), ints(0..3000, 1)],
        vec![texts(0..3000, 2), ints(i64::MAX - 1000..i64::MAX, 1).slice(0, 1000)].into_iter().collect(),
    ];
    let mut batches: Vec<Vec<ArrayRef>> = batches;
    let last = batches.len() - 1;
    batches[last][0] = batches[last][0].slice(0, 1000);
    check(&[DataType::Utf8View, DataType::Int64], &batches);
    for column in 0..2 {
        let types = [[DataType::Utf8View, DataType::Int64][column].clone()];
        let batches: Vec<Vec<ArrayRef>> =
            batches.iter().map(|batch| vec![Arc::clone(&batch[column])]).collect();
        check(&types, &batches);
    }
}

/// The texts as codes of a dictionary of `places` values, of which some may not come.
fn coded(dictionary: &ArrayRef, codes: impl Iterator<Item = Option<u32>>) -> ArrayRef {
    let codes: UInt32Array = codes.collect();
    Arc::new(DictionaryArray::<UInt32Type>::try_new(codes, Arc::clone(dictionary)).unwrap())
}

#[test]
fn codes_of_dictionaries_are_the_texts_that_they_stand_for() {
    let texts = |range: std::ops::Range<u32>, width: usize| -> ArrayRef {
        Arc::new(range.map(|i| Some(format!("{i:0width$}"))).collect::<StringViewArray>())
    };
    let mut random = Random(11);
    let mut codes = |rows: usize, places: usize, nulls: bool| -> Vec<Option<u32>> {
        let code = |random: &mut Random| Some(random.below(places) as u32);
        (0..rows).map(|row| if nulls && row % 9 == 4 { None } else { code(&mut random) }).collect()
    };
    // Few places, the same dictionary again, others that share texts with it, more than the bits had room for, long texts,
    // texts that are no codes, a dictionary with a null of its own, and places that no row has.
    let (few, others, many) = (texts(0..20, 3), texts(10..40, 3), texts(5..5_000, 3));
    let own_null: ArrayRef =
        Arc::new(StringViewArray::from(vec![Some("007"), None, Some("a text of twenty bytes")]));
    let batches = vec![
        coded(&few, codes(500, 20, false).into_iter()),
        coded(&few, codes(300, 20, true).into_iter()),
        coded(&others, codes(700, 30, true).into_iter()),
        coded(&few, codes(300, 5, false).into_iter()),
        coded(&many, codes(9_000, 4_995, true).into_iter()),
        coded(&texts(0..50, 30), codes(400, 50, false).into_iter()),
        texts(0..300, 3),
        coded(&own_null, [Some(0), Some(1), None, Some(2), Some(1)].into_iter()),
        coded(&many, codes(2_000, 4_995, false).into_iter()).slice(100, 1_500),
    ];
    let of = |rows: usize| -> ArrayRef { Arc::new((0..rows as i64).map(|i| i % 3).collect::<Int64Array>()) };
    let single: Vec<Vec<ArrayRef>> = batches.iter().map(|batch| vec![Arc::clone(batch)]).collect();
    let twice = batches
        .iter()
        .map(|batch| vec![Arc::clone(batch), of(batch.len()), Arc::clone(batch)])
        .collect::<Vec<_>>();
    let text = DataType::Utf8View;
    let dictionary = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(text.clone()));
    for cut in [0, 4, 6] {
        check(std::slice::from_ref(&text), &single[cut..]);
        check(&[text.clone(), DataType::Int64, text.clone()], &twice[cut..]);
    }
    check(&[dictionary], &single[..6]);
}

#[test]
fn codes_are_forgotten_with_the_groups() {
    let dictionary: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "b", "c"]));
    let batch = |codes: [u32; 4]| vec![coded(&dictionary, codes.into_iter().map(Some))];
    let mut table = GroupTable::new(&[DataType::Utf8View]).unwrap();
    let mut ids = Vec::new();
    table.upsert(&batch([2, 1, 2, 1]), &mut ids).unwrap();
    assert_eq!(
        (ids.as_slice(), shown(&table.take_keys().unwrap()[0]).join(" ").as_str()),
        (&[0, 1, 0, 1][..], "c b")
    );
    table.upsert(&batch([1, 0, 1, 2]), &mut ids).unwrap();
    assert_eq!(
        (ids.as_slice(), shown(&table.take_keys().unwrap()[0]).join(" ").as_str()),
        (&[0, 1, 0, 2][..], "b a c")
    );
}

#[test]
fn extreme_integers_share_a_column() {
    let values = [i64::MIN, 0, i64::MAX, -1, 1, i64::MIN + 1, i64::MAX - 1, 0];
    for cut in 0..values.len() {
        let (a, b) = values.split_at(cut);
        let batch = |part: &[i64]| vec![Arc::new(Int64Array::from(part.to_vec())) as ArrayRef];
        check(&[DataType::Int64], &[batch(a), batch(b)]);
        let unsigned = |part: &[i64]| -> Vec<ArrayRef> {
            vec![Arc::new(part.iter().map(|&v| Some(v as u64)).collect::<UInt64Array>())]
        };
        check(&[DataType::UInt64], &[unsigned(a), unsigned(b)]);
    }
}

#[test]
fn null_empty_text_and_zero_are_different_keys() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some(""), Some("\0"), None, Some("")]));
    let mut table = GroupTable::new(&[DataType::Utf8]).unwrap();
    let mut ids = Vec::new();
    table.upsert(&[texts], &mut ids).unwrap();
    assert_eq!(ids, [0, 1, 2, 0, 1]);
    let long: ArrayRef =
        Arc::new(StringArray::from(vec![Some("a text of more than twelve bytes"), None, Some("")]));
    table.upsert(&[long], &mut ids).unwrap();
    assert_eq!(ids, [3, 0, 1]);
}

#[test]
fn floats_group_by_value_and_keys_are_canonical() {
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 0.0, f64::NAN, -f64::NAN, 1.0]));
    let mut table = GroupTable::new(&[DataType::Float64]).unwrap();
    let mut ids = Vec::new();
    table.upsert(&[floats], &mut ids).unwrap();
    assert_eq!(ids, [0, 0, 1, 1, 2]);
    let keys = table.keys().unwrap();
    let bits: Vec<u64> = keys[0].as_primitive::<Float64Type>().values().iter().map(|v| v.to_bits()).collect();
    assert_eq!(bits, [0.0f64.to_bits(), f64::NAN.to_bits(), 1.0f64.to_bits()]);
}

#[test]
fn cleared_tables_start_anew() {
    let mut random = Random(3);
    for data_type in many_types() {
        let mut table = GroupTable::new(std::slice::from_ref(&data_type)).unwrap();
        let mut ids = Vec::new();
        let first = random.column(&data_type, 2000, 500);
        let second = random.column(&data_type, 500, 40);
        table.upsert(&[first], &mut ids).unwrap();
        let groups = table.len();
        assert_eq!(table.take_keys().unwrap()[0].len(), groups);
        assert_eq!(table.len(), 0);
        table.upsert(&[Arc::clone(&second)], &mut ids).unwrap();
        let mut fresh = GroupTable::new(std::slice::from_ref(&data_type)).unwrap();
        let mut expected = Vec::new();
        fresh.upsert(&[second], &mut expected).unwrap();
        assert_eq!(ids, expected, "{data_type}");
        assert_eq!(shown(&table.keys().unwrap()[0]), shown(&fresh.keys().unwrap()[0]));
    }
}

#[test]
fn wrong_columns_are_errors() {
    let mut table = GroupTable::new(&[DataType::Int32, DataType::Int32]).unwrap();
    let short: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let long: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let mut ids = Vec::new();
    assert!(table.upsert(&[Arc::clone(&short)], &mut ids).is_err());
    assert!(table.upsert(&[short, long], &mut ids).is_err());
    assert!(GroupTable::new(&[]).is_err());
}

#[test]
fn texts_that_differ_in_their_last_bytes_take_one_word() {
    let mut random = Random(77);
    for length in 8..=12_usize {
        for digits in [&b"0123456789"[..], b"\0\xff", b"ab"] {
            // So many bytes at the end vary in the first batch, and others, or the length, in those behind it.
            let part = |vary: usize, length: usize, nulls: bool, random: &mut Random| -> ArrayRef {
                let text = |random: &mut Random| -> Vec<u8> {
                    let tail = (0..vary).map(|_| digits[random.below(digits.len())]);
                    std::iter::repeat_n(b'x', length - vary).chain(tail).collect()
                };
                let row = |random: &mut Random| (!nulls || random.below(9) > 0).then(|| text(random));
                let rows: Vec<Option<Vec<u8>>> = (0..700).map(|_| row(random)).collect();
                Arc::new(BinaryViewArray::from_iter(rows.iter().map(Option::as_deref)))
            };
            let alike = [part(7, length, false, &mut random), part(3, length, true, &mut random)];
            let others = [part(8, length, true, &mut random), part(2, length - 1, true, &mut random)];
            let long = part(2, 13, false, &mut random);
            let table = check(&[DataType::BinaryView], &alike.clone().map(|part| vec![part]));
            assert!(matches!(table.index, super::table::Index::One(_)), "{length} bytes take one word");
            for other in others.into_iter().chain([long]) {
                let parts = [&alike[0], &alike[1], &other, &alike[0]];
                check(&[DataType::BinaryView], &parts.map(|part| vec![Arc::clone(part)]));
                let number = |part: &ArrayRef| -> ArrayRef {
                    Arc::new((0..part.len() as i64).map(|row| (row % 3) << 40).collect::<Int64Array>())
                };
                let pairs = parts.map(|part| vec![Arc::clone(part), number(part), Arc::clone(part)]);
                check(&[DataType::BinaryView, DataType::Int64, DataType::BinaryView], &pairs);
            }
        }
    }
}
