//! [`Notation`]: how values are written that are whole numbers otherwise, so that these can be kept in their place
//! (`narrowing.rs`): floats of few decimals (`decimals.rs`), and texts that end in a number (`numbered.rs`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::{DataType, UInt32Type};

use super::decimals::Decimals;
use super::numbered::NumberedTexts;

/// What a number of 32 bits is read as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Notation {
    Decimals(Decimals),
    Texts(NumberedTexts),
}

impl Notation {
    /// The notation of all values of all parts, which have one type, and their numbers, with nulls where these are.
    pub(super) fn of(parts: &[ArrayRef]) -> Option<(Notation, Vec<ArrayRef>)> {
        match parts.first()?.data_type() {
            DataType::Float64 => {
                Decimals::of(parts).map(|(decimals, numbers)| (Notation::Decimals(decimals), numbers))
            }
            DataType::Utf8View | DataType::BinaryView => {
                NumberedTexts::of(parts).map(|(texts, numbers)| (Notation::Texts(texts), numbers))
            }
            _ => None,
        }
    }

    /// The type of the values.
    pub(super) fn data_type(&self) -> &DataType {
        match self {
            Notation::Decimals(_) => &DataType::Float64,
            Notation::Texts(texts) => texts.data_type(),
        }
    }

    /// The values of numbers; null where these are.
    pub(super) fn values(&self, numbers: &ArrayRef) -> ArrayRef {
        let numbers = numbers.as_primitive::<UInt32Type>();
        match self {
            Notation::Decimals(decimals) => decimals.values(numbers),
            Notation::Texts(texts) => texts.values(numbers),
        }
    }
}

/// The numbers of the values of a part; `None` if a value that is not null has none. `all` adds those of several values, and
/// says whether each has one.
pub(super) fn numbers_of<T: Copy>(
    values: &[T],
    part: &ArrayRef,
    all: impl Fn(&[T], &mut Vec<u32>) -> bool,
    number: impl Fn(T) -> Option<u32>,
) -> Option<ArrayRef> {
    /// Values of another kind are found before all are looked at.
    const AT_ONCE: usize = 1_024;
    let mut numbers = Vec::with_capacity(values.len());
    let have_numbers = match part.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => values.chunks(AT_ONCE).all(|values| all(values, &mut numbers)),
        Some(nulls) => values.iter().zip(nulls).all(|(value, is_valid)| {
            let number = if is_valid { number(*value) } else { Some(0) };
            number.is_some_and(|number| {
                numbers.push(number);
                true
            })
        }),
    };
    have_numbers.then(|| Arc::new(UInt32Array::new(numbers.into(), part.nulls().cloned())) as ArrayRef)
}

#[cfg(test)]
mod tests;
