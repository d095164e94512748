//! Equal values hash alike in every encoding; unequal ones spread over the high bits.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::*;

use super::hash_columns;
use crate::random::{Random, many_types, shown};

fn hashes(columns: &[ArrayRef]) -> Vec<u64> {
    let mut out = Vec::new();
    hash_columns(columns, &mut out).unwrap();
    out
}

fn dictionary(values: DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(values))
}

#[test]
fn equal_rows_hash_alike_and_unequal_ones_do_not() {
    let mut random = Random(11);
    for data_type in many_types() {
        let column = random.column(&data_type, 2000, 600);
        let second = random.column(&DataType::Int8, 2000, 3);
        for columns in [vec![Arc::clone(&column)], vec![second, column]] {
            let texts: Vec<Vec<String>> = columns.iter().map(shown).collect();
            let mut by_text: HashMap<Vec<&str>, u64> = HashMap::new();
            for (row, hash) in hashes(&columns).into_iter().enumerate() {
                let key = texts.iter().map(|column| column[row].as_str()).collect();
                assert_eq!(*by_text.entry(key).or_insert(hash), hash, "row {row} of {data_type}");
            }
            let distinct: std::collections::HashSet<u64> = by_text.values().copied().collect();
            assert_eq!(distinct.len(), by_text.len(), "two values of {data_type} share 64 bits");
        }
    }
}

#[test]
fn text_hashes_alike_in_every_encoding() {
    let mut random = Random(5);
    let text = random.column(&DataType::Utf8, 500, 200);
    let expected = hashes(std::slice::from_ref(&text));
    for other in [
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
        dictionary(DataType::Utf8),
        dictionary(DataType::Utf8View),
    ] {
        assert_eq!(hashes(&[cast(&text, &other).unwrap()]), expected, "{other}");
    }
    // A dictionary with more values than rows, and sliced ones.
    let wide = cast(&text, &dictionary(DataType::Utf8)).unwrap();
    assert_eq!(hashes(&[wide.slice(490, 10)]), expected[490..]);
    assert_eq!(hashes(&[text.slice(13, 400)]), expected[13..413]);
}

#[test]
fn numbers_hash_alike_in_every_width() {
    let values: ArrayRef = Arc::new(Int8Array::from(vec![Some(0), Some(1), None, Some(100), Some(127)]));
    let expected = hashes(std::slice::from_ref(&values));
    for other in [DataType::Int16, DataType::Int32, DataType::Int64, DataType::UInt8, DataType::UInt64] {
        assert_eq!(hashes(&[cast(&values, &other).unwrap()]), expected, "{other}");
    }
    let narrow: ArrayRef = Arc::new(Float32Array::from(vec![0.5, -0.0, f32::NAN, -3.25]));
    let wide: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 0.0, -f64::NAN, -3.25]));
    assert_eq!(hashes(&[narrow]), hashes(&[wide]));
    let small: ArrayRef = Arc::new(Decimal128Array::from(vec![Some(5), Some(-7), None]));
    let large: ArrayRef =
        Arc::new(Decimal256Array::from(vec![Some(i256::from_i128(5)), Some(i256::from_i128(-7)), None]));
    assert_eq!(hashes(&[small]), hashes(&[large]));
}

#[test]
fn lists_hash_alike_however_they_are_stored() {
    let values = Int32Array::from(vec![9, 1, 2, 3, 9]);
    let offsets = arrow::buffer::OffsetBuffer::new(vec![1, 3, 3, 4].into());
    let field = Arc::new(Field::new_list_field(DataType::Int32, true));
    let list: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(values), None));
    let item = |t: DataType| Arc::new(Field::new_list_field(t, true));
    let expected = hashes(std::slice::from_ref(&list));
    let large = cast(&list, &DataType::LargeList(item(DataType::Int64))).unwrap();
    assert_eq!(hashes(&[large]), expected);
    let view = cast(&list, &DataType::ListView(item(DataType::Int32))).unwrap();
    assert_eq!(hashes(&[view]), expected);
    assert_eq!(hashes(&[list.slice(1, 2)]), expected[1..]);
    assert!(expected[0] != expected[1] && expected[1] != expected[2]);
}

#[test]
fn high_bits_are_even_for_plain_keys() {
    let rows = 256 * 400;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..rows)),
        Arc::new(Int64Array::from_iter_values((0..rows).map(|i| i << 32))),
        Arc::new(Int32Array::from_iter_values((0..rows as i32).map(|i| i * 4096))),
        Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64))),
        Arc::new(StringViewArray::from_iter_values((0..rows).map(|i| format!("id{i:010}")))),
        Arc::new(StringViewArray::from_iter_values((0..rows).map(|i| format!("a customer of number {i}")))),
    ];
    for column in columns {
        let hashes = hashes(std::slice::from_ref(&column));
        for shift in [56, 48, 0] {
            let mut counts = [0i32; 256];
            hashes.iter().for_each(|hash| counts[(hash >> shift) as usize & 255] += 1);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            // 400 expected; five standard deviations of an even spread are 100.
            assert!(
                *least > 300 && *most < 500,
                "{least} to {most} of {} at bit {shift}",
                column.data_type()
            );
        }
    }
}

#[test]
fn hashes_never_change() {
    // Written once: files that outlive a process may be bucketed by these. From the definition, by Python's integers.
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(-1), None]));
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let seed = 0x243f_6a88_85a3_08d3u64;
    let word = |word: u64| fold(seed ^ word, 0x9e37_79b9_7f4a_7c15);
    assert_eq!(hashes(&[ints]), [word(0), word(1), word(u64::MAX), word(0x4528_21e6_38d0_1377)]);
}

#[test]
fn unions_are_refused() {
    let union = UnionArray::try_new(
        [(0, Arc::new(Field::new("a", DataType::Int32, true)))].into_iter().collect(),
        vec![0i8].into(),
        None,
        vec![Arc::new(Int32Array::from(vec![1])) as ArrayRef],
    )
    .unwrap();
    let error = hash_columns(&[Arc::new(union)], &mut Vec::new()).unwrap_err();
    assert!(
        error.is_unsupported() && error.to_string().starts_with("hashing is not defined for Union"),
        "{error}"
    );
}
