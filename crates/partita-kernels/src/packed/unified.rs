//! One dictionary for rows whose codes are of several. Comes from `column.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};

use super::width::{code_type, of_width};
use crate::Result;
use crate::group::{BytesTable, text_array};
use crate::keys::concat_nulls;

/// Rows of a column.
pub(super) enum Part<'a> {
    /// Places among values.
    Codes {
        codes: &'a ArrayRef,
        values: &'a ArrayRef,
    },
    Plain(&'a ArrayRef),
}

/// The codes of all rows one after the other, as narrow as may be, and the values. `None` if there are several
/// dictionaries, or plain arrays, and the values are no views.
pub(super) fn unified(parts: &[Part<'_>]) -> Result<Option<(ArrayRef, ArrayRef)>> {
    let nulls = concat_nulls(parts.iter().map(|part| (part.rows().nulls(), part.rows().len())));
    if let Some(values) = only_values(parts) {
        let numbers: Vec<u32> = (0..u32::try_from(values.len()).unwrap_or(u32::MAX)).collect();
        let codes = renumbered(parts, &vec![numbers.as_slice(); parts.len()], values.len(), nulls);
        return Ok(Some((codes, Arc::clone(values))));
    }
    let mut table = BytesTable::default();
    // For each part which list of numbers it has: parts of one dictionary follow each other.
    let (mut lists, mut list_of): (Vec<Vec<u32>>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut before: Option<&ArrayRef> = None;
    for part in parts {
        let (texts, is_known) = match part {
            Part::Codes { values, .. } => (*values, before.is_some_and(|before| Arc::ptr_eq(before, values))),
            Part::Plain(rows) => (*rows, false),
        };
        if !is_known {
            let Some(numbers) = numbers_of(texts, &mut table) else { return Ok(None) };
            lists.push(numbers);
        }
        list_of.push(lists.len() - 1);
        before = Some(texts);
    }
    let data_type = parts.first().map_or(&DataType::Null, |part| part.data_type());
    let numbers: Vec<&[u32]> = list_of.into_iter().map(|list| lists[list].as_slice()).collect();
    let codes = renumbered(parts, &numbers, table.len(), nulls);
    let (views, buffers, of_values) = table.take_entries();
    Ok(Some((codes, text_array(views, buffers, of_values, data_type)?)))
}

/// The values of all parts, if they are codes of the same.
fn only_values<'a>(parts: &[Part<'a>]) -> Option<&'a ArrayRef> {
    let mut values = parts.iter().map(|part| match part {
        Part::Codes { values, .. } => Some(*values),
        Part::Plain(_) => None,
    });
    let first = values.next()??;
    values.all(|other| other.is_some_and(|other| Arc::ptr_eq(other, first))).then_some(first)
}

/// The number of each text; `None` if they are no views.
fn numbers_of(texts: &ArrayRef, table: &mut BytesTable) -> Option<Vec<u32>> {
    let (views, buffers, nulls): (_, &[Buffer], _) = match texts.data_type() {
        DataType::Utf8View => {
            let texts = texts.as_string_view();
            (texts.views(), texts.data_buffers(), texts.nulls())
        }
        DataType::BinaryView => {
            let bytes = texts.as_binary_view();
            (bytes.views(), bytes.data_buffers(), bytes.nulls())
        }
        _ => return None,
    };
    let number = |(row, view): (usize, &u128)| match nulls {
        Some(nulls) if nulls.is_null(row) => table.null_number(),
        _ => table.number(*view, buffers),
    };
    Some(views.iter().enumerate().map(number).collect())
}

/// The number of each row, from the numbers of each part's values, or of its rows if they are plain.
fn renumbered(parts: &[Part<'_>], numbers: &[&[u32]], count: usize, nulls: Option<NullBuffer>) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(
        parts: &[Part<'_>],
        numbers: &[&[u32]],
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        let mut out: Vec<T::Native> = Vec::with_capacity(parts.iter().map(|part| part.rows().len()).sum());
        for (part, numbers) in parts.iter().zip(numbers) {
            match part {
                Part::Codes { codes, .. } => {
                    of_width!(codes.data_type(), Width => add::<T, Width>(codes, numbers, &mut out));
                }
                Part::Plain(_) => {
                    out.extend(numbers.iter().map(|number| T::Native::usize_as(*number as usize)))
                }
            }
        }
        Arc::new(PrimitiveArray::<T>::new(out.into(), nulls))
    }
    fn add<T: ArrowPrimitiveType, C: ArrowPrimitiveType>(
        codes: &ArrayRef,
        numbers: &[u32],
        out: &mut Vec<T::Native>,
    ) {
        let codes = codes.as_primitive::<C>().values().iter();
        // Codes of nulls may be any.
        let number = |code: &C::Native| numbers.get(code.as_usize()).copied().unwrap_or(0);
        out.extend(codes.map(|code| T::Native::usize_as(number(code) as usize)));
    }
    of_width!(&code_type(count), Width => of::<Width>(parts, numbers, nulls))
}

impl<'a> Part<'a> {
    fn rows(&self) -> &'a ArrayRef {
        match self {
            Part::Codes { codes, .. } => codes,
            Part::Plain(rows) => rows,
        }
    }

    fn data_type(&self) -> &DataType {
        match self {
            Part::Codes { values, .. } => values.data_type(),
            Part::Plain(rows) => rows.data_type(),
        }
    }
}
