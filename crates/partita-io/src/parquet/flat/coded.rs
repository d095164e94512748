//! Rows of a column as codes of its dictionary, for whoever wants each value only once.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, PrimitiveArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::UInt32Type;

use super::loaded::{Loaded, Part, Picked, SegmentValues};
use super::values::Dictionary;
use crate::{Error, Result};

impl Loaded {
    /// A dictionary of the picked rows, which must all have been read: the same one for all rows whose pages share one,
    /// else one of their own values.
    pub(crate) fn coded(&self, picked: &Picked) -> Result<ArrayRef> {
        let Some(dictionary) = self.dictionary() else { return coded_by_row(self.array(picked)?) };
        let mut codes: Vec<u32> = Vec::with_capacity(picked.len());
        self.each_segment(picked, |segment, part| {
            let SegmentValues::Codes(of_segment, _) = &segment.values else { return };
            match part {
                Part::All(_) => codes.extend_from_slice(of_segment),
                Part::Some(rows, first) => {
                    codes.extend(rows.iter().map(|row| of_segment[(row - first) as usize]));
                }
            }
        });
        let keys = PrimitiveArray::new(ScalarBuffer::from(codes), self.nulls(picked));
        let values = match dictionary.array.get() {
            Some(values) => Arc::clone(values),
            None => {
                let values = dictionary.to_array(self.shape, &self.data_type)?;
                Arc::clone(dictionary.array.get_or_init(|| values))
            }
        };
        // SAFETY: codes were checked when they were read: each is below the number of places.
        Ok(Arc::new(unsafe { DictionaryArray::<UInt32Type>::new_unchecked(keys, values) }))
    }

    /// The dictionary that all rows have in common.
    fn dictionary(&self) -> Option<&Arc<Dictionary>> {
        let mut common: Option<&Arc<Dictionary>> = None;
        for segment in &self.segments {
            let SegmentValues::Codes(_, dictionary) = &segment.values else { return None };
            if common.is_some_and(|common| !Arc::ptr_eq(common, dictionary)) {
                return None;
            }
            common = Some(dictionary);
        }
        common
    }
}

/// Each row as the code of its own value.
pub(crate) fn coded_by_row(values: ArrayRef) -> Result<ArrayRef> {
    let codes = u32::try_from(values.len()).map(|rows| (0..rows).collect::<Vec<u32>>());
    let codes = codes.map_err(|_| Error::invalid("a batch has more rows than codes have numbers"))?;
    let keys = PrimitiveArray::new(ScalarBuffer::from(codes), values.logical_nulls());
    let coded = DictionaryArray::<UInt32Type>::try_new(keys, values);
    coded.map(|coded| Arc::new(coded) as ArrayRef).map_err(|error| Error::invalid(error.to_string()))
}
