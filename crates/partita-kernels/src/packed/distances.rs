//! [`Distances`]: whole numbers as their distance from the least of them, in as few bytes as do.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, PrimitiveArray, UInt32Array,
    downcast_primitive,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{max, min, take};
use arrow::datatypes::{ArrowNativeType, DataType};

use super::bounds::bounds;
use super::width::{code_type, narrowed, of_width};
use crate::Result;
use crate::keys::concat_nulls;

/// Distances take four bytes at most.
const MOST: usize = u32::MAX as usize;

/// Numbers as distances from the least, which is itself an array of one row of their type.
#[derive(Clone, Debug)]
pub(super) struct Distances {
    least: ArrayRef,
    distances: ArrayRef,
}

/// What is known of some whole numbers.
#[derive(Clone, Debug)]
pub(crate) struct NumberSpan {
    /// The least, as an array of one row of their type.
    least: ArrayRef,
    /// The largest distance from it.
    most: usize,
}

impl NumberSpan {
    /// Whole numbers in several parts of one type, if their distances take fewer bytes.
    pub(super) fn of(parts: &[ArrayRef]) -> Option<NumberSpan> {
        let data_type = parts.first()?.data_type();
        let is_whole = data_type.is_primitive()
            && !data_type.is_floating()
            && !matches!(data_type, DataType::Interval(_) | DataType::Decimal256(..));
        macro_rules! of_type {
            ($type:ty) => {
                NumberSpan::of_numbers::<$type>(parts)
            };
        }
        if is_whole { downcast_primitive!(data_type => (of_type), _ => None) } else { None }
    }

    fn of_numbers<T: ArrowPrimitiveType>(parts: &[ArrayRef]) -> Option<NumberSpan> {
        let parts_of = || parts.iter().map(|part| part.as_primitive::<T>());
        // What has only nulls is no distance from anything.
        let bounds = parts_of().filter_map(|part| match part.null_count() {
            0 => bounds(part.values()),
            _ => Some((min(part)?, max(part)?)),
        });
        NumberSpan::between::<T>(bounds, parts.first()?.data_type())
    }

    /// All numbers of parts with these least and largest ones.
    fn between<T: ArrowPrimitiveType>(
        bounds: impl Iterator<Item = (T::Native, T::Native)>,
        data_type: &DataType,
    ) -> Option<NumberSpan> {
        let (least, largest) = bounds
            .reduce(|(least, largest), (low, high)| {
                (if low.is_lt(least) { low } else { least }, if high.is_gt(largest) { high } else { largest })
            })
            .unwrap_or_default();
        let most = largest.sub_wrapping(least).to_usize()?;
        if most > MOST || code_type(most).primitive_width()? >= size_of::<T::Native>() {
            return None;
        }
        let least = PrimitiveArray::<T>::from_value(least, 1).with_data_type(data_type.clone());
        Some(NumberSpan { least: Arc::new(least), most })
    }

    /// The type of distances.
    pub(crate) fn code_type(&self) -> DataType {
        code_type(self.most)
    }

    /// The least number as an array of one row.
    pub(crate) fn least(&self) -> &ArrayRef {
        &self.least
    }

    /// The distances of all numbers of a column.
    pub(super) fn distances(&self, column: &ArrayRef) -> Option<ArrayRef> {
        macro_rules! of_type {
            ($type:ty) => {
                Some(self.distances_of(column.as_primitive::<$type>()))
            };
        }
        downcast_primitive!(column.data_type() => (of_type), _ => None)
    }

    fn distances_of<T: ArrowPrimitiveType>(&self, numbers: &PrimitiveArray<T>) -> ArrayRef {
        let least = self.least.as_primitive::<T>().value(0);
        let distances = numbers.values().iter().map(|number| number.sub_wrapping(least).as_usize());
        narrowed(distances, &self.code_type(), numbers.nulls().cloned())
    }

    /// Numbers of which these are the distances.
    pub(super) fn with(&self, distances: ArrayRef) -> Distances {
        Distances { least: Arc::clone(&self.least), distances }
    }
}

impl Distances {
    /// The numbers of all parts, of which there is one at least, one after the other; `None` if their distances take as
    /// many bytes as they.
    pub(super) fn concat(parts: &[&Distances]) -> Option<Distances> {
        macro_rules! of_type {
            ($type:ty) => {
                concat_of::<$type>(parts)
            };
        }
        let first = parts.first()?;
        downcast_primitive!(first.least.data_type() => (of_type), _ => None)
    }

    /// The numbers at `rows`; null where a row is null.
    pub(super) fn take(&self, rows: &UInt32Array) -> Result<ArrayRef> {
        Ok(self.numbers(&take(&self.distances, rows, None)?))
    }

    pub(super) fn slice(&self, offset: usize, len: usize) -> Distances {
        Distances { least: Arc::clone(&self.least), distances: self.distances.slice(offset, len) }
    }

    pub(super) fn to_array(&self) -> ArrayRef {
        self.numbers(&self.distances)
    }

    /// What it keeps of the rows.
    pub(super) fn kept(&self) -> &ArrayRef {
        &self.distances
    }

    pub(super) fn data_type(&self) -> &DataType {
        self.least.data_type()
    }

    fn numbers(&self, distances: &ArrayRef) -> ArrayRef {
        macro_rules! of_type {
            ($type:ty) => {
                Some(with_distances(self.least.as_primitive::<$type>(), distances))
            };
        }
        let numbers = downcast_primitive!(self.least.data_type() => (of_type), _ => None);
        numbers.expect("distances are between numbers")
    }

    /// The largest distance, if any number is not null.
    fn most(&self) -> Option<usize> {
        fn of<T: ArrowPrimitiveType>(distances: &ArrayRef) -> Option<usize> {
            max(distances.as_primitive::<T>()).map(|most| most.as_usize())
        }
        of_width!(self.distances.data_type(), Width => of::<Width>(&self.distances))
    }
}

fn concat_of<T: ArrowPrimitiveType>(parts: &[&Distances]) -> Option<Distances> {
    let least_of = |part: &Distances| part.least.as_primitive::<T>().value(0);
    // What has only nulls is no distance from anything.
    let bounds = parts.iter().filter_map(|part| {
        let low = least_of(part);
        Some((low, low.add_wrapping(T::Native::usize_as(part.most()?))))
    });
    let span = NumberSpan::between::<T>(bounds, parts.first()?.data_type())?;
    let least = span.least.as_primitive::<T>().value(0);
    let nulls = concat_nulls(parts.iter().map(|part| (part.distances.nulls(), part.distances.len())));
    let shifted =
        || parts.iter().map(|part| (&part.distances, least_of(part).sub_wrapping(least).as_usize()));
    Some(span.with(of_width!(&span.code_type(), Width => widened::<Width>(shifted(), nulls))))
}

/// Distances of several parts, each with what is to be added to them.
fn widened<'a, T: ArrowPrimitiveType>(
    parts: impl Iterator<Item = (&'a ArrayRef, usize)> + Clone,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    fn add<T: ArrowPrimitiveType, D: ArrowPrimitiveType>(
        distances: &ArrayRef,
        by: usize,
        out: &mut Vec<T::Native>,
    ) {
        let distances = distances.as_primitive::<D>().values().iter();
        out.extend(distances.map(|distance| T::Native::usize_as(distance.as_usize().wrapping_add(by))));
    }
    let mut out = Vec::with_capacity(parts.clone().map(|(distances, _)| distances.len()).sum());
    for (distances, by) in parts {
        of_width!(distances.data_type(), Width => add::<T, Width>(distances, by, &mut out));
    }
    Arc::new(PrimitiveArray::<T>::new(out.into(), nulls))
}

fn with_distances<T: ArrowPrimitiveType>(least: &PrimitiveArray<T>, distances: &ArrayRef) -> ArrayRef {
    fn of<T: ArrowPrimitiveType, D: ArrowPrimitiveType>(
        least: &PrimitiveArray<T>,
        distances: &PrimitiveArray<D>,
    ) -> ArrayRef {
        let (from, nulls) = (least.value(0), distances.nulls().cloned());
        let number = |distance: &D::Native| from.add_wrapping(T::Native::usize_as(distance.as_usize()));
        let numbers: Vec<T::Native> = distances.values().iter().map(number).collect();
        let numbers = PrimitiveArray::<T>::new(numbers.into(), nulls);
        Arc::new(numbers.with_data_type(least.data_type().clone()))
    }
    of_width!(distances.data_type(), Width => of(least, distances.as_primitive::<Width>()))
}
