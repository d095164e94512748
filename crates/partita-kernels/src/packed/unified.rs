//! One dictionary for rows whose codes are of several. Comes from `column.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, UInt32Array};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::{DataType, UInt32Type};

use crate::Result;
use crate::group::{BytesTable, text_array};
use crate::keys::concat_nulls;

/// The codes of all rows one after the other, and the values: of arrays that are dictionaries of 32-bit codes or plain.
/// `None` if there are several dictionaries, or plain arrays, and the values are no views.
pub(super) fn unified(arrays: &[ArrayRef]) -> Result<Option<(UInt32Array, ArrayRef)>> {
    let dictionaries: Vec<_> =
        arrays.iter().filter_map(|array| array.as_dictionary_opt::<UInt32Type>()).collect();
    let Some(values) = dictionaries.first().map(|first| first.values()) else { return Ok(None) };
    let nulls = concat_nulls(arrays.iter().map(|array| (array.nulls(), array.len())));
    let is_first = |other: &&DictionaryArray<UInt32Type>| Arc::ptr_eq(other.values(), values);
    if dictionaries.len() == arrays.len() && dictionaries.iter().all(is_first) {
        let codes: Vec<u32> =
            dictionaries.iter().flat_map(|part| part.keys().values().iter().copied()).collect();
        return Ok(Some((UInt32Array::new(codes.into(), nulls), Arc::clone(values))));
    }
    let data_type = values.data_type();
    let mut codes = Codes::default();
    for array in arrays {
        let added = match array.as_dictionary_opt::<UInt32Type>() {
            Some(coded) => codes.add_coded(coded),
            None => codes.add(array),
        };
        if !added {
            return Ok(None);
        }
    }
    let (views, buffers, of_values) = codes.table.take_entries();
    let values = text_array(views, buffers, of_values, data_type)?;
    Ok(Some((UInt32Array::new(codes.codes.into(), nulls), values)))
}

#[derive(Default)]
struct Codes {
    table: BytesTable,
    codes: Vec<u32>,
}

impl Codes {
    fn add(&mut self, array: &ArrayRef) -> bool {
        let Some((views, buffers, nulls)) = parts(array) else { return false };
        self.codes.extend(views.iter().enumerate().map(|(row, view)| match nulls {
            // Whatever the code, the row is null.
            Some(nulls) if nulls.is_null(row) => 0,
            _ => self.table.number(*view, buffers),
        }));
        true
    }

    fn add_coded(&mut self, coded: &DictionaryArray<UInt32Type>) -> bool {
        let Some((views, buffers, nulls)) = parts(coded.values()) else { return false };
        let number = |(value, view): (usize, &u128)| match nulls {
            Some(nulls) if nulls.is_null(value) => self.table.null_number(),
            _ => self.table.number(*view, buffers),
        };
        let numbers: Vec<u32> = views.iter().enumerate().map(number).collect();
        let codes = coded.keys().values().iter();
        self.codes.extend(codes.map(|code| numbers.get(*code as usize).copied().unwrap_or(0)));
        true
    }
}

/// The views of text, what they refer to, and which are null.
fn parts(array: &ArrayRef) -> Option<(&[u128], &[Buffer], Option<&NullBuffer>)> {
    match array.data_type() {
        DataType::Utf8View => {
            let text = array.as_string_view();
            Some((text.views(), text.data_buffers(), text.nulls()))
        }
        DataType::BinaryView => {
            let bytes = array.as_binary_view();
            Some((bytes.views(), bytes.data_buffers(), bytes.nulls()))
        }
        _ => None,
    }
}
