//! Casts: which are possible, which can fail, and an error that names the first value that does.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::{can_cast_types, cast_with_options};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

use super::function::Returns;
use super::tree::Expr;
use super::types::{
    NULL_ON_FAILURE, STRICT, is_date, is_decimal, is_integer, is_number, is_text, value_type,
};
use super::value::{Evaluated, Fault};
use crate::error::type_name;
use crate::{Error, Result};

/// A cast of `from` to `to`; `strict` ones fail where a value does not fit, others give null there.
pub(crate) fn bind_cast(expr: &Expr, from: &DataType, to: &DataType, strict: bool) -> Result<Returns> {
    if *from != DataType::Null && !can_cast_types(from, to) {
        return Err(Error::type_clash(
            expr,
            format!("{} cannot be cast to {}", type_name(from), type_name(to)),
        ));
    }
    let target = to.clone();
    let returns = Returns::new(to.clone(), move |arguments| cast(arguments[0].array(), &target, strict));
    Ok(match (always_fits(from, to), strict) {
        (true, _) => returns,
        (false, true) => returns.raising(),
        (false, false) => returns.with_nullable(true),
    })
}

fn cast(array: &ArrayRef, to: &DataType, strict: bool) -> Evaluated<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    if array.data_type() == &DataType::Null {
        return Ok(new_null_array(to, array.len()));
    }
    if !strict {
        return Ok(cast_with_options(array, to, &NULL_ON_FAILURE)?);
    }
    cast_with_options(array, to, &STRICT).map_err(|error| {
        // Arrow's message does not always hold the value; the first that the lenient cast drops is it.
        let Ok(lenient) = cast_with_options(array, to, &NULL_ON_FAILURE) else { return error.into() };
        let lost = (0..array.len()).find(|&row| lenient.is_null(row) && !array.is_null(row));
        match lost.and_then(|row| array_value_to_string(array, row).ok()) {
            Some(value) => {
                let quote = if is_text(value_type(array.data_type())) { "\"" } else { "" };
                let (from, to) = (type_name(array.data_type()), type_name(to));
                Fault::value(format!(
                    "the {from} value {quote}{value}{quote} cannot be cast to {to}; `try_cast` gives null for it"
                ))
            }
            None => error.into(),
        }
    })
}

/// Whether no value of `from` is refused by `to`.
fn always_fits(from: &DataType, to: &DataType) -> bool {
    let from = value_type(from);
    let width = |data_type: &DataType| data_type.primitive_width().unwrap_or(0);
    match (from, to) {
        (a, b) if a == value_type(b) => !matches!(b, DataType::Dictionary(..)),
        (DataType::Null, _) => true,
        (a, b) if is_text(b) => is_text(a) || is_number(a) || is_date(a) || *a == DataType::Boolean,
        (a, b) if is_integer(a) && is_integer(b) => match (a.is_signed_integer(), b.is_signed_integer()) {
            (true, true) | (false, false) => width(a) <= width(b),
            (false, true) => width(a) < width(b),
            (true, false) => false,
        },
        (a, b) if b.is_floating() => {
            is_integer(a) || a.is_floating() || *a == DataType::Boolean || is_decimal(a)
        }
        (DataType::Boolean, b) => is_integer(b),
        (DataType::Timestamp(a, Some(_)), DataType::Timestamp(b, Some(_))) => a == b,
        (DataType::Timestamp(..), DataType::Date32) => true,
        _ => false,
    }
}
