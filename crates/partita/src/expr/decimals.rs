//! Exact arithmetic on decimals.
//!
//! | operation | precision | scale |
//! |---|---|---|
//! | `+` `-` | whole digits + scale + 1 | the larger scale |
//! | `*` | sum of both | sum of both |
//! | `/` | the most | the larger scale + 4, rounded half away from zero |
//! | `//` | as the left | 0 |
//! | `%` | whole digits + scale | the larger scale |
//!
//! Precision ends at 38 digits (76 if an operand is a decimal256); a value that needs more is an error, never
//! cut. Division by zero is null, since no decimal stands for infinity.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Decimal256Array, new_null_array};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, i256};

use super::arithmetic::{joined_nulls, map_pairs};
use super::function::{Call, Returns};
use super::literal::{Literal, parse_decimal};
use super::tree::BinaryOp;
use super::types::{decimal_parts, is_decimal};
use super::value::{Evaluated, Fault, Value, row_count};
use crate::Result;
use crate::error::type_name;

/// The rule for `left op right` if one is a decimal and the other can be one.
pub(crate) fn bind(
    call: &mut Call<'_, '_>,
    op: BinaryOp,
    left: &DataType,
    right: &DataType,
) -> Result<Option<Returns>> {
    if !is_decimal(left) && !is_decimal(right) {
        return Ok(None);
    }
    let mut parts = [(0_u8, 0_i8); 2];
    for (index, data_type) in [left, right].into_iter().enumerate() {
        match exact(call, index, data_type) {
            Some(found) => parts[index] = found,
            None => return Ok(None),
        }
    }
    let wide = [left, right].iter().any(|data_type| matches!(data_type, DataType::Decimal256(..)));
    let of = |(precision, scale): (u8, i8)| match wide {
        true => DataType::Decimal256(precision, scale),
        false => DataType::Decimal128(precision, scale),
    };
    for (index, part) in parts.iter().enumerate() {
        call.coerce(index, &of(*part))?;
    }
    let plan = Plan::new(op, parts, if wide { 76 } else { 38 });
    let Some(plan) = plan else {
        return Err(call.clash(format!(
            "`{}` of {} and {} needs more digits after the point than a decimal has; cast one to a smaller scale",
            op.symbol(),
            type_name(left),
            type_name(right)
        )));
    };
    let to = of((plan.precision, plan.scale));
    let returns =
        Returns::new(to, move |arguments| if wide { plan.run256(arguments) } else { plan.run128(arguments) });
    let divides = matches!(op, BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Remainder);
    let returns = returns.raising();
    Ok(Some(if divides { returns.with_nullable(true) } else { returns }))
}

/// Precision and scale of an operand as a decimal; literals take as few digits as they can.
fn exact(call: &mut Call<'_, '_>, index: usize, data_type: &DataType) -> Option<(u8, i8)> {
    let text = match call.weak(index) {
        Some(Literal::Int(value)) => value.to_string(),
        Some(Literal::Float(value)) => value.to_string(),
        Some(_) => return Some((1, 0)),
        None if *data_type == DataType::Null => return Some((1, 0)),
        None => return decimal_parts(data_type),
    };
    let (value, precision, scale) = parse_decimal(&text)?;
    let array = Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).ok()?;
    call.replace(index, Arc::new(array));
    Some((precision, scale))
}

/// A number of 64 bits times so high a power of ten, twice, fits 128 bits.
const MOST_RAISED: u32 = 18;

/// How raw integers become the raw result.
#[derive(Clone, Copy)]
struct Plan {
    op: BinaryOp,
    /// Powers of ten that each side is multiplied by first.
    raise: [u32; 2],
    precision: u8,
    scale: i8,
}

impl Plan {
    fn new(op: BinaryOp, [(p1, s1), (p2, s2)]: [(u8, i8); 2], most: i32) -> Option<Plan> {
        let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
        let scale = s1.max(s2);
        let whole = (p1 - s1).max(p2 - s2);
        let even = [scale - s1, scale - s2];
        let (raise, precision, scale) = match op {
            BinaryOp::Add | BinaryOp::Subtract => (even, whole + scale + 1, scale),
            BinaryOp::Multiply => ([0, 0], p1 + p2, s1 + s2),
            BinaryOp::Divide => {
                let scale = (scale + 4).min(most);
                ([scale - s1 + s2, 0], most, scale)
            }
            BinaryOp::FloorDivide => (even, (p1 - s1).max(1) + s2.max(0), 0),
            _ => (even, whole + scale, scale),
        };
        if scale > most || raise.iter().any(|power| *power < 0) {
            return None;
        }
        let precision = precision.clamp(scale.max(1), most) as u8;
        Some(Plan { op, raise: [raise[0] as u32, raise[1] as u32], precision, scale: scale as i8 })
    }

    /// `None` where 128 bits do not do; `Some(None)` by zero.
    fn narrow(&self, a: i128, b: i128) -> Option<Option<i128>> {
        let a = a.checked_mul(10_i128.checked_pow(self.raise[0])?)?;
        let b = b.checked_mul(10_i128.checked_pow(self.raise[1])?)?;
        Some(match self.op {
            BinaryOp::Add => Some(a.checked_add(b)?),
            BinaryOp::Subtract => Some(a.checked_sub(b)?),
            BinaryOp::Multiply => Some(a.checked_mul(b)?),
            _ if b == 0 => None,
            BinaryOp::Divide => {
                let (quotient, remainder) = (a / b, a % b);
                let away = remainder.unsigned_abs() >= b.unsigned_abs() - remainder.unsigned_abs();
                let sign = if (a < 0) == (b < 0) { 1 } else { -1 };
                Some(if away && remainder != 0 { quotient + sign } else { quotient })
            }
            BinaryOp::FloorDivide => Some(a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0)),
            _ => {
                let remainder = a % b;
                Some(if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder })
            }
        })
    }

    fn wide(&self, a: i256, b: i256) -> Option<Option<i256>> {
        let ten = i256::from_i128(10);
        let a = a.checked_mul(ten.checked_pow(self.raise[0])?)?;
        let b = b.checked_mul(ten.checked_pow(self.raise[1])?)?;
        let negative = |value: i256| value < i256::ZERO;
        Some(match self.op {
            BinaryOp::Add => Some(a.checked_add(b)?),
            BinaryOp::Subtract => Some(a.checked_sub(b)?),
            BinaryOp::Multiply => Some(a.checked_mul(b)?),
            _ if b == i256::ZERO => None,
            BinaryOp::Divide => {
                let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
                let (size, of) = (remainder.wrapping_abs(), b.wrapping_abs());
                let away = remainder != i256::ZERO && size >= of.wrapping_sub(size);
                let sign = if negative(a) == negative(b) { i256::ONE } else { i256::MINUS_ONE };
                Some(if away { quotient.checked_add(sign)? } else { quotient })
            }
            BinaryOp::FloorDivide => {
                let (quotient, remainder) = (a.checked_div(b)?, a.checked_rem(b)?);
                let down = remainder != i256::ZERO && negative(remainder) != negative(b);
                Some(if down { quotient.checked_sub(i256::ONE)? } else { quotient })
            }
            _ => {
                let remainder = a.checked_rem(b)?;
                let other = remainder != i256::ZERO && negative(remainder) != negative(b);
                Some(if other { remainder.checked_add(b)? } else { remainder })
            }
        })
    }

    fn overflow(&self, a: &Value, b: &Value, row: usize) -> Fault {
        let show = |value: &Value| {
            arrow::util::display::array_value_to_string(value.array(), value.row(row)).unwrap_or_default()
        };
        Fault::value(format!(
            "{} {} {} does not fit decimal({}, {})",
            show(a),
            self.op.symbol(),
            show(b),
            self.precision,
            self.scale
        ))
    }

    fn run128(&self, arguments: &[Value]) -> Evaluated<ArrayRef> {
        let (rows, to) = (row_count(arguments), DataType::Decimal128(self.precision, self.scale));
        let Some(nulls) = joined_nulls(arguments) else { return Ok(new_null_array(&to, rows)) };
        if let Some(values) = self.small(arguments) {
            return Ok(Arc::new(Decimal128Array::new(values.into(), nulls).with_data_type(to)));
        }
        let [a, b] = [0, 1].map(|index| arguments[index].array().as_primitive::<Decimal128Type>());
        let limit = 10_i128.pow(u32::from(self.precision));
        let mut values: Vec<Option<i128>> = Vec::with_capacity(rows);
        for row in 0..rows {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                values.push(None);
                continue;
            }
            let (x, y) = (a.value(arguments[0].row(row)), b.value(arguments[1].row(row)));
            let result = match self.narrow(x, y) {
                Some(result) => Some(result),
                None => self
                    .wide(i256::from_i128(x), i256::from_i128(y))
                    .and_then(|result| result.map_or(Some(None), |value| value.to_i128().map(Some))),
            };
            match result {
                Some(Some(value)) if value > -limit && value < limit => values.push(Some(value)),
                Some(None) => values.push(None),
                _ => return Err(self.overflow(&arguments[0], &arguments[1], row)),
            }
        }
        Ok(Arc::new(Decimal128Array::from(values).with_data_type(to)))
    }

    /// `+`, `-` and `*` where all operands fit 64 bits, so that nothing overflows on the way: nearly always. `None`
    /// if one does not, or a result has too many digits.
    fn small(&self, arguments: &[Value]) -> Option<Vec<i128>> {
        let fit = |value: &Value| {
            let values = value.array().as_primitive::<Decimal128Type>().values();
            values.iter().fold(0, |rest, value| rest | (value >> 63) ^ (value >> 127)) == 0
        };
        if !matches!(self.op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply)
            || self.raise.iter().any(|power| *power > MOST_RAISED)
            || !arguments.iter().all(fit)
        {
            return None;
        }
        let [x, y] = self.raise.map(|power| 10_i64.pow(power));
        let times = |a: i128, b: i64| i128::from(a as i64) * i128::from(b);
        let values = match self.op {
            BinaryOp::Add => map_pairs::<Decimal128Type, _>(arguments, |a, b| times(a, x) + times(b, y)),
            BinaryOp::Subtract => map_pairs::<Decimal128Type, _>(arguments, |a, b| times(a, x) - times(b, y)),
            _ => map_pairs::<Decimal128Type, _>(arguments, |a, b| times(a, b as i64)),
        };
        let limit = 10_i128.pow(u32::from(self.precision));
        // The product of two 64-bit numbers never has more than 38 digits.
        let is_in = self.precision == 38
            || values.iter().fold(true, |is_in, value| is_in & (*value > -limit) & (*value < limit));
        is_in.then_some(values)
    }

    fn run256(&self, arguments: &[Value]) -> Evaluated<ArrayRef> {
        let (rows, to) = (row_count(arguments), DataType::Decimal256(self.precision, self.scale));
        let Some(nulls) = joined_nulls(arguments) else { return Ok(new_null_array(&to, rows)) };
        let [a, b] = [0, 1].map(|index| arguments[index].array().as_primitive::<Decimal256Type>());
        let limit = i256::from_i128(10).checked_pow(u32::from(self.precision)).unwrap_or(i256::MAX);
        let mut values: Vec<Option<i256>> = Vec::with_capacity(rows);
        for row in 0..rows {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                values.push(None);
                continue;
            }
            match self.wide(a.value(arguments[0].row(row)), b.value(arguments[1].row(row))) {
                Some(Some(value)) if value > limit.wrapping_neg() && value < limit => {
                    values.push(Some(value))
                }
                Some(None) => values.push(None),
                _ => return Err(self.overflow(&arguments[0], &arguments[1], row)),
            }
        }
        Ok(Arc::new(Decimal256Array::from(values).with_data_type(to)))
    }
}
