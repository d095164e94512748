//! [`Decimals`]: floats that are whole numbers but for a power of ten, as prices and measured values are. 12.34 is kept as
//! 1234, and comes back by a division, which is rounded as the reader of a text rounds: the same bits. (Afroozeh, Kuffó,
//! Boncz: "ALP: Adaptive Lossless floating-Point Compression", SIGMOD 2024, with a division instead of its product, and
//! without its exceptions.)

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, UInt32Array};
use arrow::datatypes::Float64Type;

use super::notation::numbers_of;

/// Digits behind the point, at most: with as many, numbers of 32 bits are those of floats that differ by four.
const MOST_DIGITS: usize = 9;
/// So many rows are looked at first: most columns of any floats give that away.
const TRIAL: usize = 64;
/// A float of this size has no room for digits behind the point, so what is added to it is rounded to a whole number, by
/// which the bits of the sum differ from its own.
const ROUNDING: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²
/// Numbers that are no larger can be told from the sum's bits.
const LARGEST: i64 = 1 << 51;
/// Numbers count from a multiple of this, so that parts with about the same values have the same.
const BASE: u32 = 30;

/// Floats of so many decimals.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decimals {
    /// Ten to the power of their number.
    scale: f64,
    /// The bits of the sum of [`ROUNDING`] and the number that counts as zero.
    zero: u64,
}

impl Decimals {
    /// The least number of decimals that all values have, and all of them without a point.
    pub(super) fn of(parts: &[ArrayRef]) -> Option<(Decimals, Vec<ArrayRef>)> {
        let trial =
            || parts.iter().flat_map(|part| part.as_primitive::<Float64Type>().iter().take(TRIAL).flatten());
        let first = trial().next()?;
        for digits in 0..=MOST_DIGITS {
            let decimals = Decimals::around(first, digits)?;
            if trial().any(|value| decimals.number(value).is_none()) {
                continue;
            }
            let numbers: Option<Vec<ArrayRef>> = parts.iter().map(|part| decimals.numbers(part)).collect();
            if let Some(numbers) = numbers {
                return Some((decimals, numbers));
            }
        }
        None
    }

    /// Numbers around that of a value.
    fn around(value: f64, digits: usize) -> Option<Decimals> {
        let scale = (0..digits).fold(1.0, |scale, _| scale * 10.0);
        let number = (value * scale + ROUNDING).to_bits().wrapping_sub(ROUNDING.to_bits()) as i64;
        let zero = ((number >> BASE) - 1) << BASE;
        (number.unsigned_abs() <= LARGEST as u64)
            .then(|| Decimals { scale, zero: ROUNDING.to_bits().wrapping_add(zero as u64) })
    }

    fn numbers(&self, part: &ArrayRef) -> Option<ArrayRef> {
        let values = part.as_primitive::<Float64Type>().values();
        numbers_of(
            values,
            part,
            |values, numbers| self.all_numbers(values, numbers),
            |value| self.number(value),
        )
    }

    fn number(&self, value: f64) -> Option<u32> {
        let (number, wrong) = self.number_or_wrong(value);
        (wrong == 0).then_some(number as u32)
    }

    /// The whole number that a value is closest to when multiplied, and zero if it is one that gives the value back.
    #[inline(always)]
    fn number_or_wrong(&self, value: f64) -> (u64, u64) {
        let sum = value * self.scale + ROUNDING;
        let number = sum.to_bits().wrapping_sub(self.zero);
        let back = (sum - ROUNDING) / self.scale;
        (number, (back.to_bits() ^ value.to_bits()) | number >> u32::BITS)
    }

    /// The floats of numbers.
    pub(super) fn values(&self, numbers: &UInt32Array) -> ArrayRef {
        let value = |number: &u32| {
            (f64::from_bits(self.zero.wrapping_add(u64::from(*number))) - ROUNDING) / self.scale
        };
        let values: Vec<f64> = numbers.values().iter().map(value).collect();
        Arc::new(Float64Array::new(values.into(), numbers.nulls().cloned()))
    }

    /// The numbers of all values, and whether each has one: with vector instructions where the processor has them.
    fn all_numbers(&self, values: &[f64], numbers: &mut Vec<u32>) -> bool {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { self.with_avx2(values, numbers) };
        }
        self.plainly(values, numbers)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn with_avx2(&self, values: &[f64], numbers: &mut Vec<u32>) -> bool {
        self.plainly(values, numbers)
    }

    /// The numbers of all values, if each has one, on this processor and on any.
    #[cfg(test)]
    pub(super) fn both_ways(&self, values: &[f64]) -> [(bool, Vec<u32>); 2] {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let are_decimals = [self.all_numbers(values, &mut first), self.plainly(values, &mut second)];
        [(are_decimals[0], first), (are_decimals[1], second)]
    }

    #[inline(always)]
    fn plainly(&self, values: &[f64], numbers: &mut Vec<u32>) -> bool {
        let from = numbers.len();
        numbers.resize(from + values.len(), 0);
        let places = numbers[from..].iter_mut().zip(values);
        places.fold(0, |wrong, (place, value)| {
            let (number, differing) = self.number_or_wrong(*value);
            *place = number as u32;
            wrong | differing
        }) == 0
    }
}
