//! Smallest and largest values. Floats are compared as keys of their total order, so that the result does not depend on
//! the order of rows: -0.0 before 0.0, NaN after all numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewBuilder};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{ArrowNativeType, DataType, i256};
use half::f16;

use super::Aggregator;
use super::native::{Parts, for_each, for_each_valid, native_array, natives};
use crate::plain::{canonical_nan_f16, canonical_nan_f32, canonical_nan_f64};
use crate::{Error, Result};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Min,
    Max,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Min => "min",
            Side::Max => "max",
        }
    }
}

/// Native values with a key that compares as they do.
pub(super) trait Ordered: ArrowNativeType {
    type Key: Ord + Copy + Default + Send + 'static;
    const LEAST: Self::Key;
    const MOST: Self::Key;
    fn key(self) -> Self::Key;
    fn value(key: Self::Key) -> Self;

    /// Keys near zero in two bytes, if that saves something: zero bits in `magnitude` say that it can be done.
    const IS_NARROWED: bool = false;
    /// Bits of which those above the lowest 15 are zero if the key fits in two bytes.
    fn magnitude(self) -> u64 {
        u64::MAX
    }
    fn narrow(self) -> i16 {
        0
    }
    fn wide(_narrow: i16) -> Self::Key {
        Self::LEAST
    }
}

macro_rules! ordered {
    ($($native:ty $({ $($narrow:tt)* })?),*) => {$(
        impl Ordered for $native {
            type Key = $native;
            const LEAST: $native = <$native>::MIN;
            const MOST: $native = <$native>::MAX;
            #[inline(always)]
            fn key(self) -> $native {
                self
            }
            #[inline(always)]
            fn value(key: $native) -> $native {
                key
            }
            $($($narrow)*)?
        }
    )*};
}
ordered!(i8, i16, i128, i256, u8, u16);

macro_rules! ordered_narrowed {
    ($($native:ty),*) => {$(
        ordered!($native {
            const IS_NARROWED: bool = true;
            #[inline(always)]
            fn magnitude(self) -> u64 {
                #[allow(unused_comparisons)]
                (if self < 0 { !self as u64 } else { self as u64 })
            }
            #[inline(always)]
            fn narrow(self) -> i16 {
                self as i16
            }
            #[inline(always)]
            fn wide(narrow: i16) -> $native {
                narrow as $native
            }
        });
    )*};
}
ordered_narrowed!(i32, i64, u32, u64);

macro_rules! ordered_floats {
    ($($native:ty, $key:ty, $bits:ty, $canonical:path);*) => {$(
        impl Ordered for $native {
            type Key = $key;
            const LEAST: $key = <$key>::MIN;
            const MOST: $key = <$key>::MAX;
            #[inline(always)]
            fn key(self) -> $key {
                let bits = $canonical(self).to_bits() as $key;
                // Negative floats grow with their bits; flipping all but the sign turns them round.
                bits ^ (((bits >> (<$key>::BITS - 1)) as $bits) >> 1) as $key
            }
            #[inline(always)]
            fn value(key: $key) -> $native {
                <$native>::from_bits((key ^ (((key >> (<$key>::BITS - 1)) as $bits) >> 1) as $key) as $bits)
            }
        }
    )*};
}
ordered_floats!(
    f16, i16, u16, canonical_nan_f16;
    f32, i32, u32, canonical_nan_f32;
    f64, i64, u64, canonical_nan_f64
);

/// Calls `$body` with `$native` as the native type of the ordered fixed-width type `$data_type`.
macro_rules! with_ordered {
    ($data_type:expr, $native:ident => $body:expr, $other:expr) => {{
        macro_rules! with {
            ($type:ty) => {{
                type $native = $type;
                $body
            }};
        }
        match $data_type {
            DataType::Int8 => with!(i8),
            DataType::Int16 => with!(i16),
            DataType::Int32
            | DataType::Date32
            | DataType::Time32(_)
            | DataType::Decimal32(_, _)
            | DataType::Interval(arrow::datatypes::IntervalUnit::YearMonth) => with!(i32),
            DataType::Int64
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Timestamp(_, _)
            | DataType::Duration(_)
            | DataType::Decimal64(_, _) => with!(i64),
            DataType::UInt8 => with!(u8),
            DataType::UInt16 => with!(u16),
            DataType::UInt32 => with!(u32),
            DataType::UInt64 => with!(u64),
            DataType::Float16 => with!(half::f16),
            DataType::Float32 => with!(f32),
            DataType::Float64 => with!(f64),
            DataType::Decimal128(_, _) => with!(i128),
            DataType::Decimal256(_, _) => with!(arrow::datatypes::i256),
            _ => $other,
        }
    }};
}
pub(super) use with_ordered;

/// The type that ordered aggregates work in: booleans as bytes, text and binary as views.
pub(super) fn ordered_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null | DataType::Boolean => DataType::UInt8,
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}

pub(super) fn parts(args: &[DataType], side: Side) -> Result<Parts> {
    let inner = ordered_type(&args[0]);
    if matches!(inner, DataType::Utf8View | DataType::BinaryView) {
        let data_type = inner.clone();
        let make = move || Texts { side, best: Vec::new(), bytes: 0, data_type: data_type.clone() };
        let types = std::slice::from_ref(&inner);
        return Ok(Parts::new(types, types, args[0].clone(), make));
    }
    with_ordered!(
        &inner,
        N => {
            let data_type = inner.clone();
            let make = move || Extreme::<N>::new(side, data_type.clone());
            let types = std::slice::from_ref(&inner);
            Ok(Parts::new(types, types, args[0].clone(), make))
        },
        Err(Error::unsupported(side.name(), &args[0]))
    )
}

struct Extreme<N: Ordered> {
    side: Side,
    best: Best<N::Key>,
    /// Whether a value equal to the starting key was seen, which looks like none.
    at_bound: Vec<bool>,
    data_type: DataType,
}

/// The best key of each group. As long as all are small they take two bytes: more groups then stay in the cache.
enum Best<K> {
    Narrow(Vec<i16>),
    Full(Vec<K>),
}

impl<N: Ordered> Extreme<N> {
    fn new(side: Side, data_type: DataType) -> Self {
        Extreme { side, best: Self::no_groups(), at_bound: Vec::new(), data_type }
    }

    fn no_groups() -> Best<N::Key> {
        if N::IS_NARROWED { Best::Narrow(Vec::new()) } else { Best::Full(Vec::new()) }
    }

    fn start(&self) -> N::Key {
        match self.side {
            Side::Min => N::MOST,
            Side::Max => N::LEAST,
        }
    }

    fn narrow_start(&self) -> i16 {
        match self.side {
            Side::Min => i16::MAX,
            Side::Max => i16::MIN,
        }
    }

    /// The keys of `groups` groups in full width, from now on.
    fn full(&mut self, groups: usize) -> &mut [N::Key] {
        let (start, none) = (self.start(), self.narrow_start());
        if let Best::Narrow(narrow) = &self.best {
            let wide = |&key: &i16| if key == none { start } else { N::wide(key) };
            self.best = Best::Full(narrow.iter().map(wide).collect());
        }
        match &mut self.best {
            Best::Full(best) => {
                best.resize(groups, start);
                best
            }
            Best::Narrow(_) => &mut [],
        }
    }

    fn update_full(&mut self, group_ids: &[u32], groups: usize, values: &[N], nulls: Option<&NullBuffer>) {
        let (side, start) = (self.side, self.start());
        let mut at_bound = std::mem::take(&mut self.at_bound);
        let best = self.full(groups);
        let mut see_bound = |group: usize| {
            at_bound.resize(groups, false);
            at_bound[group] = true;
        };
        match side {
            Side::Min => for_each(group_ids, values, nulls, |group, value| {
                let key = value.key();
                best[group] = best[group].min(key);
                if key == start {
                    see_bound(group);
                }
            }),
            Side::Max => for_each(group_ids, values, nulls, |group, value| {
                let key = value.key();
                best[group] = best[group].max(key);
                if key == start {
                    see_bound(group);
                }
            }),
        }
        self.at_bound = at_bound;
    }
}

/// Whether all values fit in two bytes, the least and the largest of which stand for none.
fn are_narrow<N: Ordered>(values: &[N]) -> bool {
    N::IS_NARROWED && values.iter().fold(0, |bits, value| bits | value.magnitude()) < i16::MAX as u64
}

impl<N: Ordered> Aggregator for Extreme<N> {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        let (values, nulls) = (natives::<N>(&args[0]), args[0].nulls());
        let none = self.narrow_start();
        match &mut self.best {
            Best::Narrow(best) if are_narrow(&values) => {
                best.resize(groups, none);
                let best = best.as_mut_slice();
                match self.side {
                    Side::Min => for_each(group_ids, &values, nulls, |group, value| {
                        best[group] = best[group].min(value.narrow());
                    }),
                    Side::Max => for_each(group_ids, &values, nulls, |group, value| {
                        best[group] = best[group].max(value.narrow());
                    }),
                }
            }
            _ => self.update_full(group_ids, groups, &values, nulls),
        }
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.update(group_ids, groups, states)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (start, none) = (self.start(), self.narrow_start());
        let at_bound = std::mem::take(&mut self.at_bound);
        let best = std::mem::replace(&mut self.best, Self::no_groups());
        let (valid, values): (Vec<bool>, Vec<N>) = match best {
            Best::Narrow(best) => best.iter().map(|&key| (key != none, N::value(N::wide(key)))).unzip(),
            Best::Full(best) => {
                let is_valid = |group, key| key != start || at_bound.get(group) == Some(&true);
                best.iter().enumerate().map(|(group, &key)| (is_valid(group, key), N::value(key))).unzip()
            }
        };
        let nulls = valid.contains(&false).then(|| valid.into());
        native_array(&self.data_type, values, nulls)
    }

    fn size_bytes(&self) -> usize {
        let best = match &self.best {
            Best::Narrow(best) => best.capacity() * size_of::<i16>(),
            Best::Full(best) => best.capacity() * size_of::<N::Key>(),
        };
        best + self.at_bound.capacity()
    }
}

/// Extremes of text and binary, by bytes.
struct Texts {
    side: Side,
    best: Vec<Option<Box<[u8]>>>,
    bytes: usize,
    data_type: DataType,
}

impl Aggregator for Texts {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.best.resize(groups, None);
        let values = cast(&args[0], &DataType::BinaryView)?;
        let values = values.as_binary_view();
        for_each_valid(group_ids, values.nulls(), |group, row| {
            let (value, known) = (values.value(row), &mut self.best[group]);
            let is_better = match (known.as_deref(), self.side) {
                (None, _) => true,
                (Some(known), Side::Min) => value < known,
                (Some(known), Side::Max) => value > known,
            };
            if is_better {
                self.bytes += value.len();
                self.bytes -= known.as_ref().map_or(0, |known| known.len());
                *known = Some(value.into());
            }
        });
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.update(group_ids, groups, states)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.bytes = 0;
        let mut builder = BinaryViewBuilder::with_capacity(self.best.len());
        for best in std::mem::take(&mut self.best) {
            builder.append_option(best);
        }
        let best: ArrayRef = Arc::new(builder.finish());
        Ok(cast(&best, &self.data_type)?)
    }

    fn size_bytes(&self) -> usize {
        self.best.capacity() * size_of::<Option<Box<[u8]>>>() + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::Int64Type;

    use super::*;

    /// Least and largest of each of three groups after each batch of values for them; the last one has none.
    fn of_batches(batches: &[[[Option<i64>; 2]; 3]]) -> [Vec<Option<i64>>; 2] {
        [Side::Min, Side::Max].map(|side| {
            let mut extreme = Extreme::<i64>::new(side, DataType::Int64);
            for batch in batches {
                let values: ArrayRef = Arc::new(batch.iter().flatten().copied().collect::<Int64Array>());
                extreme.update(&[0, 0, 1, 1, 2, 2], 4, &[values]).unwrap();
            }
            extreme.finish().unwrap().as_primitive::<Int64Type>().iter().collect()
        })
    }

    #[test]
    fn keys_of_two_bytes_and_of_eight_give_the_same() {
        let edges = [-32_769, -32_768, -32_767, -1, 0, 1, 32_766, 32_767, 32_768, i64::MIN, i64::MAX];
        for first in edges {
            for second in edges {
                let batches = [
                    [[Some(first), Some(3)], [None, Some(first)], [None, None]],
                    [[Some(second), None], [Some(second), Some(-3)], [None, None]],
                ];
                let [least, largest] = of_batches(&batches);
                let (zeroth, next) = ([first, 3, second], [first, second, -3]);
                assert_eq!(
                    least,
                    [zeroth.iter().min(), next.iter().min(), None, None].map(Option::<&i64>::copied)
                );
                assert_eq!(
                    largest,
                    [zeroth.iter().max(), next.iter().max(), None, None].map(Option::<&i64>::copied)
                );
            }
        }
    }
}
