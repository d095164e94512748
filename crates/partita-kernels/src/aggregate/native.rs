//! What the aggregates share: plain argument types, native values in and out, and the loop over rows that have a value.

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, i256};

use super::{Aggregator, Passes};
pub(super) use crate::plain::natives;
use crate::plain::value_type;
use crate::{Error, Result};

/// What an aggregate's file tells the table of kinds.
pub(super) struct Parts {
    /// The types that arguments are cast to before they reach the states.
    pub(super) inner_types: Vec<DataType>,
    pub(super) state_types: Vec<DataType>,
    pub(super) result_type: DataType,
    pub(super) keeps_values: bool,
    pub(super) make: Box<dyn Fn() -> Result<Box<dyn Aggregator>> + Send + Sync>,
    pub(super) passes: Option<MakePasses>,
}

/// Makes the passes over states that do not fit into memory, given the bytes that one may keep.
pub(super) type MakePasses = Box<dyn Fn(usize) -> Result<Box<dyn Passes>> + Send + Sync>;

impl Parts {
    /// Parts of an aggregate whose states are of fixed size.
    pub(super) fn new<A: Aggregator + 'static>(
        inner_types: &[DataType],
        state_types: &[DataType],
        result_type: DataType,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> Parts {
        Parts {
            inner_types: inner_types.to_vec(),
            state_types: state_types.to_vec(),
            result_type,
            keeps_values: false,
            make: Box::new(move || Ok(Box::new(make()))),
            passes: None,
        }
    }
}

/// The types of the values of dictionaries and runs.
pub(super) fn plain_types(types: &[DataType]) -> Vec<DataType> {
    types.iter().map(|data_type| value_type(data_type).clone()).collect()
}

/// The type of counts among states.
pub(super) const COUNTS: DataType = DataType::UInt32;

/// Counts as a column of states.
///
/// # Errors
/// A count of more than `u32::MAX`: states must be taken out before.
pub(super) fn counts_array(counts: impl Iterator<Item = i64>) -> Result<ArrayRef> {
    let counts: std::result::Result<Vec<u32>, _> = counts.map(u32::try_from).collect();
    native_array(&COUNTS, counts.map_err(|_| Error::overflow("a count among states", &COUNTS))?, None)
}

/// The counts of a column of states.
pub(super) fn counts_of(state: &ArrayRef) -> ScalarBuffer<u32> {
    natives(state)
}

/// A primitive array of type `data_type`, whose native type is `N`.
pub(super) fn native_array<N: ArrowNativeType>(
    data_type: &DataType,
    values: Vec<N>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let data = ArrayData::builder(data_type.clone()).len(values.len()).nulls(nulls);
    Ok(make_array(data.add_buffer(Buffer::from_vec(values)).build()?))
}

/// The values of a column as their own sums, if all of them are there.
pub(super) fn as_sums<I, S>(values: &ArrayRef, sum_type: &DataType) -> Result<Option<ArrayRef>>
where
    I: ArrowNativeType + Into<S>,
    S: ArrowNativeType,
{
    if values.null_count() > 0 {
        return Ok(None);
    }
    if values.data_type() == sum_type {
        return Ok(Some(ArrayRef::clone(values)));
    }
    let sums: Vec<S> = natives::<I>(values).iter().map(|value| (*value).into()).collect();
    native_array(sum_type, sums, None).map(Some)
}

/// The counts of so many rows, each for itself.
pub(super) fn ones(rows: usize) -> Result<ArrayRef> {
    native_array(&COUNTS, vec![1u32; rows], None)
}

/// Calls `row(group, value)` for every row that has a value, in row order.
#[inline(always)]
pub(super) fn for_each<T: Copy>(
    group_ids: &[u32],
    values: &[T],
    nulls: Option<&NullBuffer>,
    mut row: impl FnMut(usize, T),
) {
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => group_ids.iter().zip(values).for_each(|(&group, &value)| row(group as usize, value)),
        Some(nulls) => {
            for (start, end) in nulls.valid_slices() {
                let rows = group_ids[start..end].iter().zip(&values[start..end]);
                rows.for_each(|(&group, &value)| row(group as usize, value));
            }
        }
    }
}

/// As [`for_each`], for what needs no more than the row's number.
#[inline(always)]
pub(super) fn for_each_valid(
    group_ids: &[u32],
    nulls: Option<&NullBuffer>,
    mut row: impl FnMut(usize, usize),
) {
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => group_ids.iter().enumerate().for_each(|(index, &group)| row(group as usize, index)),
        Some(nulls) => nulls.valid_indices().for_each(|index| row(group_ids[index] as usize, index)),
    }
}

/// Numbers that are summed: overflow is reported, not wrapped.
pub(super) trait Number: ArrowNativeType {
    const ZERO: Self;
    const ONE: Self;
    /// Adds; true if the sum left the type.
    fn add(&mut self, value: Self) -> bool;
    /// Multiplies; true if the product left the type.
    fn multiply(&mut self, value: Self) -> bool;
}

macro_rules! integers {
    ($($native:ty),*) => {$(
        impl Number for $native {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            #[inline(always)]
            fn add(&mut self, value: Self) -> bool {
                let (sum, is_over) = self.overflowing_add(value);
                *self = sum;
                is_over
            }
            #[inline(always)]
            fn multiply(&mut self, value: Self) -> bool {
                let (product, is_over) = self.overflowing_mul(value);
                *self = product;
                is_over
            }
        }
    )*};
}
integers!(i64, u64, i128);

impl Number for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    #[inline(always)]
    fn add(&mut self, value: Self) -> bool {
        *self += value;
        false
    }
    #[inline(always)]
    fn multiply(&mut self, value: Self) -> bool {
        *self *= value;
        false
    }
}

impl Number for i256 {
    const ZERO: Self = i256::ZERO;
    const ONE: Self = i256::ONE;
    #[inline(always)]
    fn add(&mut self, value: Self) -> bool {
        let sum = self.checked_add(value);
        *self = sum.unwrap_or(*self);
        sum.is_none()
    }
    #[inline(always)]
    fn multiply(&mut self, value: Self) -> bool {
        let product = self.checked_mul(value);
        *self = product.unwrap_or(*self);
        product.is_none()
    }
}

/// An error unless all decimals fit the precision of `data_type`; other types always do.
pub(super) fn check_precision(what: &str, array: &ArrayRef) -> Result<()> {
    use arrow::array::AsArray;
    use arrow::datatypes::{Decimal128Type, Decimal256Type};
    let checked = match array.data_type() {
        DataType::Decimal128(precision, _) => {
            array.as_primitive::<Decimal128Type>().validate_decimal_precision(*precision)
        }
        DataType::Decimal256(precision, _) => {
            array.as_primitive::<Decimal256Type>().validate_decimal_precision(*precision)
        }
        _ => Ok(()),
    };
    checked.map_err(|_| Error::overflow(what, array.data_type()))
}
