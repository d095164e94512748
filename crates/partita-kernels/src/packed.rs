//! [`PackedBatch`]: rows that are only kept, in less memory than as arrays.
//!
//! A result is often larger than all that was held to compute it, and memory that was never used before costs more than
//! what is written to it: the system has to clear it. So whole numbers are kept as their distance from the least of
//! their batch, and columns that came as dictionaries stay codes, each with as few bytes as do. [`PackedBatch::unpack`]
//! gives the same values back as arrays of the declared types. (Zukowski, Héman, Nes, Boncz: "Super-Scalar RAM-CPU Cache
//! Compression", ICDE 2006, without its exceptions.)

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, downcast_primitive,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{max, min, take};
use arrow::datatypes::{
    ArrowNativeType, DataType, Fields, Schema, SchemaRef, UInt8Type, UInt16Type, UInt32Type,
};

use crate::Result;
use crate::take::compact_views;

/// Rows in a form that is only kept.
#[derive(Clone, Debug)]
pub struct PackedBatch {
    schema: SchemaRef,
    columns: Vec<Packed>,
    rows: usize,
}

#[derive(Clone, Debug)]
enum Packed {
    /// As it was.
    Array(ArrayRef),
    /// Whole numbers as their distance from the least, itself in an array of one row of their type.
    Distances { least: ArrayRef, distances: ArrayRef },
    /// Rows as places among values, which other batches may share.
    Codes { codes: ArrayRef, values: ArrayRef },
}

impl PackedBatch {
    /// Packs rows of a schema; a column of theirs may also [be a dictionary](is_coded) of its type in the schema.
    ///
    /// # Errors
    /// Only if arrow refuses to rebuild a nested array.
    pub fn pack(batch: &RecordBatch, schema: &SchemaRef) -> Result<PackedBatch> {
        let rows = batch.num_rows();
        let fields = batch.columns().iter().zip(schema.fields());
        let columns = fields.map(|(column, field)| Packed::of(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let declared = batch.columns().iter().zip(batch.schema_ref().fields().iter().zip(schema.fields()));
        let fields = declared.map(|(column, (own, field))| {
            Arc::clone(if is_coded(column, field.data_type()) { field } else { own })
        });
        let fields: Fields = fields.collect();
        let schema = match (fields == batch.schema_ref().fields, fields == schema.fields) {
            (true, _) => batch.schema(),
            (_, true) => Arc::clone(schema),
            _ => Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())),
        };
        Ok(PackedBatch { schema, columns, rows })
    }

    /// The rows as they were, with the declared types.
    pub fn unpack(&self) -> RecordBatch {
        let columns = self.columns.iter().map(Packed::to_array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        batch.expect("every column has been one of this schema and as long")
    }

    /// The columns and their types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.rows
    }

    /// The arrays that are kept in memory for it, but for those that are kept for another batch anyway.
    pub fn kept_beside<'a>(&'a self, other: Option<&'a PackedBatch>) -> impl Iterator<Item = &'a ArrayRef> {
        self.columns.iter().enumerate().flat_map(move |(index, column)| {
            let (own, shared) = match column {
                Packed::Array(array) => (array, None),
                Packed::Distances { distances, .. } => (distances, None),
                Packed::Codes { codes, values } => (codes, Some(values)),
            };
            let known = match other.and_then(|other| other.columns.get(index)) {
                Some(Packed::Codes { values, .. }) => Some(values),
                _ => None,
            };
            let is_known = |values: &&ArrayRef| known.is_some_and(|known| Arc::ptr_eq(known, values));
            std::iter::once(own).chain(shared.filter(|values| !is_known(values)))
        })
    }
}

impl Packed {
    fn of(column: &ArrayRef, declared: &DataType) -> Result<Packed> {
        let coded = column.as_dictionary_opt::<UInt32Type>().filter(|_| is_coded(column, declared));
        let Some(coded) = coded else {
            return packed_numbers(column).map_or_else(|| Ok(Packed::Array(compact_views(column)?)), Ok);
        };
        let (codes, values) = (coded.keys(), coded.values());
        // A dictionary is no larger than the rows for which it is kept.
        if values.len() > codes.len() || !can_be_spread(declared) {
            return Ok(Packed::Array(compact_views(&take(values, codes, None)?)?));
        }
        let places = codes.values().iter().map(|code| code.as_usize());
        let codes = narrowed(places, values.len(), codes.nulls().cloned());
        Ok(Packed::Codes { codes, values: Arc::clone(values) })
    }

    fn to_array(&self) -> ArrayRef {
        match self {
            Packed::Array(array) => Arc::clone(array),
            Packed::Distances { least, distances } => {
                macro_rules! of_type {
                    ($type:ty) => {
                        Some(with_distances(least.as_primitive::<$type>(), distances))
                    };
                }
                let numbers = downcast_primitive!(least.data_type() => (of_type), _ => None);
                numbers.expect("distances are between numbers")
            }
            Packed::Codes { codes, values } => {
                take(values, codes, None).expect("codes are places among the values, which can be spread")
            }
        }
    }
}

/// Whether a column came as a dictionary, with codes of 32 bits, of the values that it is declared to have.
pub fn is_coded(column: &ArrayRef, declared: &DataType) -> bool {
    let coded = |codes: &DataType, values: &DataType| *codes == DataType::UInt32 && values == declared;
    column.data_type() != declared
        && matches!(column.data_type(), DataType::Dictionary(codes, values) if coded(codes, values))
}

/// Whether values of a type can be spread over any number of rows: not if their lengths add up to an offset.
fn can_be_spread(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::BinaryView) || data_type.is_primitive()
}

fn packed_numbers(column: &ArrayRef) -> Option<Packed> {
    let data_type = column.data_type();
    let is_whole = data_type.is_primitive()
        && !data_type.is_floating()
        && !matches!(data_type, DataType::Interval(_) | DataType::Decimal256(..));
    macro_rules! of_type {
        ($type:ty) => {
            packed_distances(column.as_primitive::<$type>())
        };
    }
    if is_whole { downcast_primitive!(data_type => (of_type), _ => None) } else { None }
}

/// Numbers as distances from the least, if these take fewer bytes.
fn packed_distances<T: ArrowPrimitiveType>(numbers: &PrimitiveArray<T>) -> Option<Packed> {
    let least = min(numbers).unwrap_or_default();
    let most = max(numbers).unwrap_or_default().sub_wrapping(least).to_usize()?;
    if code_bytes(most)? >= size_of::<T::Native>() {
        return None;
    }
    let distances = numbers.values().iter().map(|number| number.sub_wrapping(least).as_usize());
    let distances = narrowed(distances, most, numbers.nulls().cloned());
    let least = PrimitiveArray::<T>::from_value(least, 1).with_data_type(numbers.data_type().clone());
    Some(Packed::Distances { least: Arc::new(least), distances })
}

/// The bytes of each code of numbers up to `most`.
fn code_bytes(most: usize) -> Option<usize> {
    match most {
        0..=0xFF => Some(1),
        0x100..=0xFFFF => Some(2),
        0x1_0000..=0xFFFF_FFFF => Some(4),
        _ => None,
    }
}

/// Numbers up to `most` with as few bytes as do; places of nulls may have any.
fn narrowed(numbers: impl Iterator<Item = usize>, most: usize, nulls: Option<NullBuffer>) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(
        numbers: impl Iterator<Item = usize>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        let numbers: Vec<T::Native> = numbers.map(T::Native::usize_as).collect();
        Arc::new(PrimitiveArray::<T>::new(numbers.into(), nulls))
    }
    match code_bytes(most) {
        Some(1) => of::<UInt8Type>(numbers, nulls),
        Some(2) => of::<UInt16Type>(numbers, nulls),
        _ => of::<UInt32Type>(numbers, nulls),
    }
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
    match distances.data_type() {
        DataType::UInt8 => of(least, distances.as_primitive::<UInt8Type>()),
        DataType::UInt16 => of(least, distances.as_primitive::<UInt16Type>()),
        _ => of(least, distances.as_primitive::<UInt32Type>()),
    }
}

#[cfg(test)]
mod tests;
