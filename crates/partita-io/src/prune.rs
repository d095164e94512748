//! Whether rows of which only bounds are known may pass a [`Prune`] term.
//!
//! Parquet asks it of row groups and pages, the listing of hive directories. The answer "no" must be right
//! under every reading of a comparison, so where the engine and the writer of a file might differ (NaN, the
//! sign of zero, shortened text) the answer is "maybe".

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DynComparator, Float16Array, Float32Array, Float64Array, make_comparator,
};
use arrow::compute::{CastOptions, SortOptions, cast_with_options};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};

use crate::unify::{Widening, common_type};
use crate::{Compare, Prune};

/// What is known of some rows of one column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds<'a> {
    /// No non-null value except NaN is less than this one element.
    pub min: Option<&'a ArrayRef>,
    /// No non-null value except NaN is greater than this one element.
    pub max: Option<&'a ArrayRef>,
    /// `min` and `max` are values that occur, not shortened ones.
    pub exact: bool,
    /// How many values are null.
    pub nulls: Option<u64>,
    /// How many rows there are.
    pub rows: Option<u64>,
    /// It is known that no value is NaN. Parquet's bounds leave NaN out, so for them it is not known.
    pub no_nan: bool,
}

/// As [`may_match`] for rows that all have one value, a partition column's.
pub(crate) fn may_match_constant(value: &ArrayRef, prune: &Prune) -> bool {
    let nulls = u64::from(value.is_null(0));
    let not_null = (nulls == 0).then_some(value);
    let no_nan = !is_nan(value, 0);
    may_match(
        &Bounds { min: not_null, max: not_null, exact: true, nulls: Some(nulls), rows: Some(1), no_nan },
        prune,
    )
}

/// False only if no row within `bounds` can pass `prune`.
pub(crate) fn may_match(bounds: &Bounds<'_>, prune: &Prune) -> bool {
    let all_null = matches!((bounds.nulls, bounds.rows), (Some(nulls), Some(rows)) if nulls >= rows);
    match prune.compare {
        _ if bounds.rows == Some(0) => false,
        Compare::IsNull => bounds.nulls != Some(0),
        Compare::IsNotNull => !all_null,
        // A comparison with null is never true.
        _ if all_null => false,
        // A term that breaks its contract, or a type without order, says nothing.
        compare => Literals::new(bounds, prune).is_none_or(|literals| {
            (0..prune.literals.len()).any(|at| prune.literals.is_valid(at) && literals.may_match(compare, at))
        }),
    }
}

/// The literals laid beside the bounds.
struct Literals {
    literals: ArrayRef,
    /// Orders of the least value against the literals, and of the greatest.
    min: Option<DynComparator>,
    max: Option<DynComparator>,
    exact: bool,
    may_be_nan: bool,
}

impl Literals {
    fn new(bounds: &Bounds<'_>, prune: &Prune) -> Option<Self> {
        let data_type = prune.literals.data_type();
        let usable = |bound: Option<&ArrayRef>| {
            bound.filter(|value| value.len() == 1 && value.is_valid(0) && !is_nan(value, 0)).cloned()
        };
        let (mut min, mut max) = (usable(bounds.min), usable(bounds.max));
        let mut literals = ArrayRef::clone(&prune.literals);
        let other = [&min, &max]
            .into_iter()
            .flatten()
            .map(|bound| bound.data_type())
            .find(|other| *other != data_type);
        if let Some(other) = other.cloned() {
            let common = common_type(&other, data_type, Widening::default())?;
            literals = cast(&literals, &common)?;
            min = min.map(|min| cast(&min, &common)).unwrap_or_default();
            max = max.map(|max| cast(&max, &common)).unwrap_or_default();
        }
        // Either zero may stand for the other, so the bounds are drawn as wide as zeros allow.
        let (min, max) = (min.map(|min| zeros(&min, -0.0)), max.map(|max| zeros(&max, 0.0)));
        let order = |bound: &ArrayRef, literals: &ArrayRef| {
            make_comparator(bound, literals, SortOptions::default()).ok()
        };
        let least = min.as_ref().and_then(|min| order(min, &zeros(&literals, 0.0)));
        let greatest = max.as_ref().and_then(|max| order(max, &zeros(&literals, -0.0)));
        // Bounds that contradict each other were written by mistake.
        if let (Some(min), Some(max)) = (&min, &max)
            && order(min, max).is_none_or(|order| order(0, 0) == Ordering::Greater)
        {
            return None;
        }
        let may_be_nan = literals.data_type().is_floating() && !bounds.no_nan;
        Some(Literals { literals, min: least, max: greatest, exact: bounds.exact, may_be_nan })
    }

    fn may_match(&self, compare: Compare, at: usize) -> bool {
        if is_nan(&self.literals, at) {
            // Equal to NaN at most; whether numbers are less than it is the engine's affair.
            return !matches!(compare, Compare::Equal | Compare::In) || self.may_be_nan;
        }
        let min = |passes: fn(Ordering) -> bool| self.min.as_ref().is_none_or(|order| passes(order(0, at)));
        let max = |passes: fn(Ordering) -> bool| self.max.as_ref().is_none_or(|order| passes(order(0, at)));
        match compare {
            Compare::Equal | Compare::In => min(Ordering::is_le) && max(Ordering::is_ge),
            Compare::Less => min(Ordering::is_lt),
            Compare::LessOrEqual => min(Ordering::is_le),
            // NaN may count as greater than any number.
            Compare::Greater => self.may_be_nan || max(Ordering::is_gt),
            Compare::GreaterOrEqual => self.may_be_nan || max(Ordering::is_ge),
            Compare::NotEqual => {
                !self.exact || self.may_be_nan || min(Ordering::is_ne) || max(Ordering::is_ne)
            }
            Compare::IsNull | Compare::IsNotNull => true,
        }
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }).ok()
}

fn is_nan(array: &ArrayRef, at: usize) -> bool {
    match array.data_type() {
        DataType::Float16 => array.as_primitive::<Float16Type>().value(at).is_nan(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(at).is_nan(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(at).is_nan(),
        _ => false,
    }
}

/// Gives every zero the sign of `zero`.
fn zeros(array: &ArrayRef, zero: f32) -> ArrayRef {
    match array.data_type() {
        DataType::Float16 => {
            let zero = half::f16::from_f32(zero);
            let floats = array.as_primitive::<Float16Type>();
            let changed: Float16Array =
                floats.unary(|value| if value.to_f32() == 0.0 { zero } else { value });
            Arc::new(changed)
        }
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            let changed: Float32Array = floats.unary(|value| if value == 0.0 { zero } else { value });
            Arc::new(changed)
        }
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>();
            let changed: Float64Array =
                floats.unary(|value| if value == 0.0 { f64::from(zero) } else { value });
            Arc::new(changed)
        }
        _ => ArrayRef::clone(array),
    }
}

#[cfg(test)]
mod tests;
