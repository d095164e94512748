//! Means: exact sums and counts until the one division; floats in row order.

use std::marker::PhantomData;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType, i256};
use half::f16;

use super::Aggregator;
use super::native::{
    COUNTS, Number, Parts, as_sums, check_precision, counts_array, counts_of, for_each, native_array,
    natives, ones,
};
use crate::{Error, Result};

/// Digits that a mean of decimals has beyond its values.
const MORE_DIGITS: u8 = 4;

/// What a sum and a count become.
#[derive(Debug, Clone)]
enum Quotient {
    Float,
    /// Rounded half away from zero, after multiplying the sum by this power of ten.
    Decimal(DataType, u32),
    /// Rounded as decimals are, as 64- or 32-bit ticks.
    Ticks(DataType),
}

struct Mean<I, S> {
    states: Vec<(S, i64)>,
    sum_type: DataType,
    quotient: Quotient,
    input: PhantomData<fn(I)>,
}

fn mean<I, S>(inner: &[DataType], sum_type: DataType, quotient: Quotient) -> Parts
where
    I: ArrowNativeType + Into<S>,
    S: Sum,
{
    let result = match &quotient {
        Quotient::Float => DataType::Float64,
        Quotient::Decimal(data_type, _) | Quotient::Ticks(data_type) => data_type.clone(),
    };
    Parts::new(inner, &[sum_type.clone(), COUNTS], result, move || Mean::<I, S> {
        states: Vec::new(),
        sum_type: sum_type.clone(),
        quotient: quotient.clone(),
        input: PhantomData,
    })
}

pub(super) fn parts(args: &[DataType]) -> Result<Parts> {
    let [arg] = args else { return Err(Error::invalid("mean takes one argument")) };
    let exact = DataType::Decimal128(38, 0);
    Ok(match arg {
        DataType::Null | DataType::Boolean => {
            mean::<i8, i64>(&[DataType::Int8], DataType::Int64, Quotient::Float)
        }
        DataType::Int8 => mean::<i8, i64>(args, DataType::Int64, Quotient::Float),
        DataType::Int16 => mean::<i16, i64>(args, DataType::Int64, Quotient::Float),
        DataType::Int32 => mean::<i32, i64>(args, DataType::Int64, Quotient::Float),
        DataType::UInt8 => mean::<u8, i64>(args, DataType::Int64, Quotient::Float),
        DataType::UInt16 => mean::<u16, i64>(args, DataType::Int64, Quotient::Float),
        DataType::UInt32 => mean::<u32, i64>(args, DataType::Int64, Quotient::Float),
        DataType::Int64 => mean::<i64, i128>(args, exact, Quotient::Float),
        DataType::UInt64 => mean::<u64, i128>(args, exact, Quotient::Float),
        DataType::Float16 => mean::<f16, f64>(args, DataType::Float64, Quotient::Float),
        DataType::Float32 => mean::<f32, f64>(args, DataType::Float64, Quotient::Float),
        DataType::Float64 => mean::<f64, f64>(args, DataType::Float64, Quotient::Float),
        DataType::Decimal32(precision, scale) => mean::<i32, i128>(
            args,
            DataType::Decimal128(38, *scale),
            decimal(*precision, *scale, 38, DataType::Decimal128),
        ),
        DataType::Decimal64(precision, scale) => mean::<i64, i128>(
            args,
            DataType::Decimal128(38, *scale),
            decimal(*precision, *scale, 38, DataType::Decimal128),
        ),
        DataType::Decimal128(precision, scale) => mean::<i128, i128>(
            args,
            DataType::Decimal128(38, *scale),
            decimal(*precision, *scale, 38, DataType::Decimal128),
        ),
        DataType::Decimal256(precision, scale) => mean::<i256, i256>(
            args,
            DataType::Decimal256(76, *scale),
            decimal(*precision, *scale, 76, DataType::Decimal256),
        ),
        DataType::Date32 | DataType::Time32(_) => {
            mean::<i32, i128>(args, exact, Quotient::Ticks(arg.clone()))
        }
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(_, _) | DataType::Duration(_) => {
            mean::<i64, i128>(args, exact, Quotient::Ticks(arg.clone()))
        }
        other => return Err(Error::unsupported("mean", other)),
    })
}

/// Four more digits, as far as the widest precision has room for them.
fn decimal(precision: u8, scale: i8, widest: u8, make: fn(u8, i8) -> DataType) -> Quotient {
    let more = MORE_DIGITS.min(widest.saturating_sub(precision));
    Quotient::Decimal(make(precision + more, scale.saturating_add(more as i8)), u32::from(more))
}

/// Sums that can be divided by a count.
trait Sum: Number {
    /// The quotient as a float.
    fn over(self, count: i64) -> f64;
    /// The low 64 bits.
    fn ticks(self) -> i64;
    /// The quotient times `10^digits`, rounded half away from zero; none if that leaves the type.
    fn rounded_over(self, count: i64, digits: u32) -> Option<Self>;
}

impl Sum for f64 {
    fn ticks(self) -> i64 {
        self as i64
    }
    fn over(self, count: i64) -> f64 {
        self / count as f64
    }
    fn rounded_over(self, count: i64, digits: u32) -> Option<Self> {
        Some((self * 10f64.powi(digits as i32) / count as f64).round())
    }
}

impl Sum for i64 {
    fn ticks(self) -> i64 {
        self
    }
    fn over(self, count: i64) -> f64 {
        self as f64 / count as f64
    }
    fn rounded_over(self, count: i64, digits: u32) -> Option<Self> {
        i64::try_from(i128::from(self).rounded_over(count, digits)?).ok()
    }
}

impl Sum for i128 {
    fn ticks(self) -> i64 {
        self as i64
    }
    fn over(self, count: i64) -> f64 {
        self as f64 / count as f64
    }
    fn rounded_over(self, count: i64, digits: u32) -> Option<Self> {
        let count = i128::from(count);
        // Quotient and remainder apart: the sum times a power of ten may not fit where the quotient does.
        let power = 10i128.pow(digits);
        let rest = (self % count) * power;
        let half = if (rest % count).abs() * 2 >= count { rest.signum() } else { 0 };
        (self / count).checked_mul(power)?.checked_add(rest / count + half)
    }
}

impl Sum for i256 {
    fn ticks(self) -> i64 {
        self.as_i128() as i64
    }
    fn over(self, count: i64) -> f64 {
        i256_to_f64(self) / count as f64
    }
    fn rounded_over(self, count: i64, digits: u32) -> Option<Self> {
        let count = i256::from_i128(i128::from(count));
        let power = i256::from_i128(10i128.pow(digits));
        let rest = self.checked_rem(count)?.checked_mul(power)?;
        let over = rest.checked_rem(count)?;
        let over = if over.is_negative() { over.checked_neg()? } else { over };
        let is_half = over.checked_add(over)? >= count;
        let half = if is_half { rest.signum() } else { i256::ZERO };
        let rest = rest.checked_div(count)?.checked_add(half)?;
        self.checked_div(count)?.checked_mul(power)?.checked_add(rest)
    }
}

fn i256_to_f64(value: i256) -> f64 {
    let (low, high) = value.to_parts();
    high as f64 * 2f64.powi(128) + low as f64
}

impl<I, S: Sum> Mean<I, S> {
    fn drain(&mut self) -> (Vec<(S, i64)>, Option<NullBuffer>) {
        let states = std::mem::take(&mut self.states);
        let nulls = states.iter().any(|state| state.1 == 0);
        let nulls = nulls.then(|| states.iter().map(|state| state.1 != 0).collect::<Vec<bool>>().into());
        (states, nulls)
    }

    fn rounded(states: &[(S, i64)], data_type: &DataType, digits: u32) -> Result<Vec<S>> {
        let mean = |state: &(S, i64)| match state {
            (_, 0) => Some(S::ZERO),
            (sum, count) => sum.rounded_over(*count, digits),
        };
        let means = states.iter().map(mean).collect::<Option<Vec<S>>>();
        means.ok_or_else(|| Error::overflow("mean", data_type))
    }
}

impl<I, S> Aggregator for Mean<I, S>
where
    I: ArrowNativeType + Into<S>,
    S: Sum,
{
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.states.resize(groups, (S::ZERO, 0));
        let states = self.states.as_mut_slice();
        let mut is_over = false;
        for_each(group_ids, &natives::<I>(&args[0]), args[0].nulls(), |group, value| {
            let (sum, count) = &mut states[group];
            is_over |= sum.add(value.into());
            *count += 1;
        });
        if is_over { Err(Error::overflow("the sum of a mean", &self.sum_type)) } else { Ok(()) }
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.states.resize(groups, (S::ZERO, 0));
        let (sums, counts) = (natives::<S>(&states[0]), counts_of(&states[1]));
        let mut is_over = false;
        for ((&group, &part), &more) in group_ids.iter().zip(sums.iter()).zip(counts.iter()) {
            let (sum, count) = &mut self.states[group as usize];
            is_over |= sum.add(part);
            *count += i64::from(more);
        }
        if is_over { Err(Error::overflow("the sum of a mean", &self.sum_type)) } else { Ok(()) }
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (states, _) = self.drain();
        let sums = native_array(&self.sum_type, states.iter().map(|state| state.0).collect(), None)?;
        check_precision("the sum of a mean", &sums)?;
        Ok(vec![sums, counts_array(states.iter().map(|state| state.1))?])
    }

    fn rows_as_states(&self, rows: usize, args: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>> {
        let Some(sums) = as_sums::<I, S>(&args[0], &self.sum_type)? else { return Ok(None) };
        Ok(Some(vec![sums, ones(rows)?]))
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (states, nulls) = self.drain();
        match &self.quotient {
            Quotient::Float => {
                let mean = |&(sum, count): &(S, i64)| if count == 0 { 0.0 } else { sum.over(count) };
                native_array(&DataType::Float64, states.iter().map(mean).collect::<Vec<f64>>(), nulls)
            }
            Quotient::Decimal(data_type, digits) => {
                let means = native_array(data_type, Self::rounded(&states, data_type, *digits)?, nulls)?;
                check_precision("mean", &means)?;
                Ok(means)
            }
            Quotient::Ticks(data_type) => {
                let ticks = Self::rounded(&states, data_type, 0)?;
                // A mean lies between its values, so it fits where they did.
                let ticks = ticks.iter().map(|tick| tick.ticks());
                match data_type.primitive_width() {
                    Some(4) => native_array(data_type, ticks.map(|tick| tick as i32).collect(), nulls),
                    _ => native_array(data_type, ticks.collect::<Vec<i64>>(), nulls),
                }
            }
        }
    }

    fn size_bytes(&self) -> usize {
        self.states.capacity() * size_of::<(S, i64)>()
    }
}
