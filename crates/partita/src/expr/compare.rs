//! Comparisons, null tests and `not`: type rules and kernels.
//!
//! Arrow's kernels do the work, except for floats: theirs order NaN above all numbers and -0.0 below 0.0, ours
//! are IEEE's, as in pandas: NaN is unequal to everything and -0.0 equals 0.0.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::{boolean, cmp};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};

use super::arithmetic::joined_nulls;
use super::equal_text::Texts;
use super::function::{Call, Returns};
use super::tree::BinaryOp;
use super::types::{is_text, value_type};
use super::value::{Evaluated, Value, row_count};
use crate::Result;
use crate::error::type_name;

/// Types a comparison and picks its kernel.
pub(crate) fn bind(call: &mut Call<'_, '_>, op: BinaryOp) -> Result<Returns> {
    let met = match meet_at_dictionary(call) {
        Some(met) => met,
        None => {
            check(call, op)?;
            let met = call.meet([0, 1])?;
            value_type(&met).clone()
        }
    };
    if met.is_nested() {
        return Err(call.clash(format!("{} cannot be compared; compare its parts", type_name(&met))));
    }
    for index in [0, 1] {
        // A dictionary beside a literal of its values' type is compared through its keys.
        let found = call.data_type(index);
        if *found != met
            && !(matches!(found, DataType::Dictionary(..)) && *value_type(found) == met && is_text(&met))
        {
            call.coerce(index, &met)?;
        }
    }
    let returns = Returns::new(DataType::Boolean, move |arguments| compare(op, &met, arguments));
    Ok(if op == BinaryOp::EqualNullSafe { returns.with_nullable(false) } else { returns })
}

/// The values' type, if one side is a dictionary of text and the other literal text.
fn meet_at_dictionary(call: &Call<'_, '_>) -> Option<DataType> {
    let is_dictionary = |index| match call.data_type(index) {
        DataType::Dictionary(_, value) if is_text(value) => Some((**value).clone()),
        _ => None,
    };
    let is_literal = |index| call.weak(index).is_some() && is_text(call.data_type(index));
    match (is_dictionary(0), is_dictionary(1)) {
        (Some(value), None) if is_literal(1) => Some(value),
        (None, Some(value)) if is_literal(0) => Some(value),
        _ => None,
    }
}

/// Types that `meet` would bring together but that should not be compared, or with better advice than its own.
fn check(call: &Call<'_, '_>, op: BinaryOp) -> Result<()> {
    let (left, right) = (value_type(call.data_type(0)), value_type(call.data_type(1)));
    let symbol = op.symbol();
    let text_and_number =
        |a: &DataType, b: &DataType| is_text(a) && (b.is_numeric() || *b == DataType::Boolean);
    if text_and_number(left, right) || text_and_number(right, left) {
        let (left, right) = (type_name(left), type_name(right));
        return Err(call.clash(format!(
            "`{symbol}` cannot compare {left} with {right}; cast one of them, as in `.cast(DataType::Utf8View)`"
        )));
    }
    if let (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) = (left, right)
        && a.is_some() != b.is_some()
    {
        return Err(call.clash(format!(
            "`{symbol}` cannot compare a timestamp with a zone and one without; say which zone is meant with `.dt().to_zone(..)`"
        )));
    }
    Ok(())
}

pub(crate) fn compare(op: BinaryOp, data_type: &DataType, arguments: &[Value]) -> Evaluated<ArrayRef> {
    let (left, right) = (&arguments[0], &arguments[1]);
    let result = match data_type {
        DataType::Float64 => floats::<Float64Type>(op, arguments),
        DataType::Float32 => floats::<Float32Type>(op, arguments),
        DataType::Float16 => floats::<Float16Type>(op, arguments),
        DataType::Utf8View if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) => {
            match equal_literal(op, arguments)? {
                Some(equal) => equal,
                None if op == BinaryOp::Equal => cmp::eq(left, right)?,
                None => cmp::neq(left, right)?,
            }
        }
        DataType::Null => {
            let rows = row_count(arguments);
            match op {
                BinaryOp::EqualNullSafe => BooleanArray::from(vec![true; rows]),
                _ => BooleanArray::new_null(rows),
            }
        }
        _ => match op {
            BinaryOp::Equal => cmp::eq(left, right)?,
            BinaryOp::NotEqual => cmp::neq(left, right)?,
            BinaryOp::Less => cmp::lt(left, right)?,
            BinaryOp::LessOrEqual => cmp::lt_eq(left, right)?,
            BinaryOp::Greater => cmp::gt(left, right)?,
            BinaryOp::GreaterOrEqual => cmp::gt_eq(left, right)?,
            _ => cmp::not_distinct(left, right)?,
        },
    };
    Ok(Arc::new(result))
}

/// Text beside one literal, which arrow compares row by row.
fn equal_literal(op: BinaryOp, arguments: &[Value]) -> Evaluated<Option<BooleanArray>> {
    let (texts, literal) = match (arguments[0].is_scalar(), arguments[1].is_scalar()) {
        (false, true) => (&arguments[0], &arguments[1]),
        (true, false) => (&arguments[1], &arguments[0]),
        _ => return Ok(None),
    };
    let (Some(texts), Some(literal)) =
        (texts.array().as_string_view_opt(), literal.array().as_string_view_opt())
    else {
        return Ok(None);
    };
    if literal.is_null(0) {
        return Ok(Some(BooleanArray::new_null(texts.len())));
    }
    let equal = Texts::new(&[literal.value(0).to_owned()]).contain(texts);
    Ok(Some(if op == BinaryOp::Equal { equal } else { boolean::not(&equal)? }))
}

fn floats<T: ArrowPrimitiveType>(op: BinaryOp, arguments: &[Value]) -> BooleanArray
where
    T::Native: PartialOrd,
{
    if op == BinaryOp::EqualNullSafe {
        return floats_null_safe::<T>(arguments);
    }
    let Some(nulls) = joined_nulls(arguments) else {
        return BooleanArray::new_null(row_count(arguments));
    };
    let bits = match op {
        BinaryOp::Equal => bits::<T>(arguments, |a, b| a == b),
        BinaryOp::NotEqual => bits::<T>(arguments, |a, b| a != b),
        BinaryOp::Less => bits::<T>(arguments, |a, b| a < b),
        BinaryOp::LessOrEqual => bits::<T>(arguments, |a, b| a <= b),
        BinaryOp::Greater => bits::<T>(arguments, |a, b| a > b),
        _ => bits::<T>(arguments, |a, b| a >= b),
    };
    BooleanArray::new(bits, nulls)
}

fn bits<T: ArrowPrimitiveType>(
    arguments: &[Value],
    f: impl Fn(T::Native, T::Native) -> bool,
) -> BooleanBuffer {
    let (left, right) = (arguments[0].array().as_primitive::<T>(), arguments[1].array().as_primitive::<T>());
    let (left, right) = (left.values(), right.values());
    match (arguments[0].is_scalar(), arguments[1].is_scalar()) {
        (true, false) => {
            let a = left[0];
            BooleanBuffer::collect_bool(right.len(), |row| f(a, right[row]))
        }
        (false, true) => {
            let b = right[0];
            BooleanBuffer::collect_bool(left.len(), |row| f(left[row], b))
        }
        _ => BooleanBuffer::collect_bool(left.len(), |row| f(left[row], right[row])),
    }
}

fn floats_null_safe<T: ArrowPrimitiveType>(arguments: &[Value]) -> BooleanArray
where
    T::Native: PartialOrd,
{
    let (left, right) = (arguments[0].array().as_primitive::<T>(), arguments[1].array().as_primitive::<T>());
    let equal = |row| {
        let (l, r) = (arguments[0].row(row), arguments[1].row(row));
        match (left.is_null(l), right.is_null(r)) {
            (false, false) => left.value(l) == right.value(r),
            (a, b) => a && b,
        }
    };
    BooleanArray::new(BooleanBuffer::collect_bool(row_count(arguments), equal), None)
}

/// `is_null` or `is_not_null` of any type.
pub(crate) fn null_test(null: bool) -> Returns {
    let test = if null { boolean::is_null } else { boolean::is_not_null };
    Returns::new(DataType::Boolean, move |arguments| {
        let array = arguments[0].array();
        // A dictionary's key may be valid and its value null.
        if let Some(nulls) = array.logical_nulls().filter(|_| array.nulls().is_none()) {
            let bits = if null { !nulls.inner() } else { nulls.inner().clone() };
            return Ok(Arc::new(BooleanArray::new(bits, None)));
        }
        Ok(Arc::new(test(array)?))
    })
    .with_nullable(false)
}

/// Kleene's `not`: null stays null.
pub(crate) fn not(nullable: bool) -> Returns {
    Returns::new(DataType::Boolean, |arguments| match arguments[0].array().as_boolean_opt() {
        Some(values) => Ok(Arc::new(boolean::not(values)?)),
        None => Ok(new_null_array(&DataType::Boolean, arguments[0].array().len())),
    })
    .with_nullable(nullable)
}
