//! Canonical columns against the plain values they were made from.

use std::cmp::Ordering;

use super::cells::{Dice, key_types, random_column};
use super::{KeyColumn, same_key_type};
use arrow::array::Array;
use arrow::datatypes::DataType;

#[test]
fn every_type_keeps_order_and_equality() {
    for data_type in key_types() {
        let mut dice = Dice::new(7);
        let (array, cells) = random_column(&data_type, 120, 40, &mut dice);
        let column = KeyColumn::new(array.as_ref()).unwrap();
        assert_eq!(column.len(), cells.len());
        for left in 0..cells.len() {
            assert_eq!(column.is_null(left), cells[left].is_none(), "{data_type} row {left}");
            for right in 0..cells.len() {
                if let (Some(a), Some(b)) = (&cells[left], &cells[right]) {
                    let expected: Ordering = a.compare(b);
                    assert_eq!(
                        column.compare_values(left, &column, right),
                        expected,
                        "{data_type}: {a:?} and {b:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn concat_and_take_keep_values() {
    for data_type in key_types() {
        let mut dice = Dice::new(11);
        let parts = [0, 1, 2].map(|_| random_column(&data_type, 30, 10, &mut dice));
        let arrays: Vec<&dyn Array> = parts.iter().map(|(array, _)| array.as_ref()).collect();
        let cells: Vec<_> = parts.iter().flat_map(|(_, cells)| cells.clone()).collect();
        let indices: Vec<u32> = (0..90).rev().chain([5, 5, 88]).collect();
        let column = KeyColumn::concat(&arrays).unwrap();
        let taken = column.take(&indices).unwrap();
        for (place, &row) in indices.iter().enumerate() {
            let row = row as usize;
            assert_eq!(column.is_null(row), cells[row].is_none());
            assert_eq!(taken.is_null(place), cells[row].is_none());
            if let (Some(cell), Some(first)) = (&cells[row], cells.iter().position(Option::is_some)) {
                let expected = cell.compare(cells[first].as_ref().unwrap());
                assert_eq!(taken.compare_values(place, &column, first), expected, "{data_type} row {row}");
            }
        }
    }
}

#[test]
fn only_encodings_and_zones_may_differ() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    assert!(same_key_type(&DataType::Utf8View, &dictionary));
    assert!(same_key_type(&DataType::LargeUtf8, &DataType::Utf8));
    assert!(!same_key_type(&DataType::Utf8, &DataType::Binary));
    assert!(!same_key_type(&DataType::Int32, &DataType::Int64));
    assert!(!same_key_type(&DataType::Decimal128(10, 2), &DataType::Decimal128(10, 3)));
}
