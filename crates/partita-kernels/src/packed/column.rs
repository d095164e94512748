//! [`PackedColumn`]: the rows of one column in a form that is only kept, and rows taken from it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, UInt32Array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{ArrowNativeType, DataType, UInt32Type};

use super::distances::Distances;
use super::is_coded;
use super::narrowing::Narrowing;
use super::notation::Notation;
use super::short::ShortTexts;
use super::unified::{Part, unified};
use super::width::{code_type, narrowed};
use crate::Result;
use crate::take::take_column;

/// A column of a [`PackedBatch`](super::PackedBatch), or several of them as one.
#[derive(Clone, Debug)]
pub struct PackedColumn(Form);

#[derive(Clone, Debug)]
enum Form {
    /// As it was.
    Array(ArrayRef),
    Distances(Distances),
    Short(ShortTexts),
    /// As numbers of 32 bits, and what they are read as.
    Written {
        numbers: Box<PackedColumn>,
        notation: Notation,
    },
    /// Rows as places among values, which other columns may share.
    Codes {
        codes: ArrayRef,
        values: ArrayRef,
    },
}

impl From<Distances> for PackedColumn {
    fn from(distances: Distances) -> PackedColumn {
        PackedColumn(Form::Distances(distances))
    }
}

impl From<ShortTexts> for PackedColumn {
    fn from(texts: ShortTexts) -> PackedColumn {
        PackedColumn(Form::Short(texts))
    }
}

impl PackedColumn {
    /// Packs a column of a declared type, [as which it may also come](is_coded).
    ///
    /// # Errors
    /// Only if arrow refuses to rebuild a nested array.
    pub fn of(column: &ArrayRef, declared: &DataType) -> Result<PackedColumn> {
        let coded = column.as_dictionary_opt::<UInt32Type>().filter(|_| is_coded(column, declared));
        let Some(coded) = coded else {
            let mut parts = vec![Arc::clone(column)];
            let narrowing = Narrowing::of(&mut parts);
            return Ok(narrowing.column(narrowing.kept(&parts[0])?));
        };
        let (codes, values) = (coded.keys(), coded.values());
        // A dictionary is no larger than the rows for which it is kept.
        if values.len() > codes.len() || !can_be_spread(declared) {
            return PackedColumn::of(&take_column(values, codes)?, declared);
        }
        let places = codes.values().iter().map(|code| code.as_usize());
        let codes = narrowed(places, &code_type(values.len()), codes.nulls().cloned());
        Ok(PackedColumn(Form::Codes { codes, values: Arc::clone(values) }))
    }

    /// Values that are whole numbers in some notation.
    pub(super) fn written(numbers: PackedColumn, notation: Notation) -> PackedColumn {
        PackedColumn(Form::Written { numbers: Box::new(numbers), notation })
    }

    /// A column that is kept as it is.
    pub fn plain(column: ArrayRef) -> PackedColumn {
        PackedColumn(Form::Array(column))
    }

    /// The rows of all parts, of which there is one at least, one after the other; what is a code in most of them is one in
    /// all.
    ///
    /// # Errors
    /// The parts differ in type, or text with 32-bit offsets becomes larger than 2 GiB.
    pub fn concat(parts: &[&PackedColumn]) -> Result<PackedColumn> {
        let distances: Option<Vec<&Distances>> = parts.iter().map(|part| part.as_distances()).collect();
        if let Some(distances) = distances.as_deref().and_then(Distances::concat) {
            return Ok(distances.into());
        }
        let texts: Option<Vec<&ShortTexts>> = parts.iter().map(|part| part.as_short()).collect();
        if let Some(texts) = texts.as_deref().and_then(ShortTexts::concat) {
            return Ok(texts.into());
        }
        if let Some(written) = concat_written(parts)? {
            return Ok(written);
        }
        let coded = parts.iter().filter(|part| matches!(part.0, Form::Codes { .. }));
        if 2 * coded.map(|part| part.len()).sum::<usize>() > parts.iter().map(|part| part.len()).sum() {
            let spread: Vec<ArrayRef> = parts.iter().map(|part| part.spread()).collect();
            let parts = parts.iter().zip(&spread).map(|(part, spread)| match &part.0 {
                Form::Codes { codes, values } => Part::Codes { codes, values },
                _ => Part::Plain(spread),
            });
            if let Some((codes, values)) = unified(&parts.collect::<Vec<_>>())? {
                return Ok(PackedColumn(Form::Codes { codes, values }));
            }
        }
        let arrays: Vec<ArrayRef> = parts.iter().map(|part| part.to_array()).collect();
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        PackedColumn::of(&concat(&arrays)?, parts[0].data_type())
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.kept().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The declared type.
    pub fn data_type(&self) -> &DataType {
        match &self.0 {
            Form::Array(array) => array.data_type(),
            Form::Distances(distances) => distances.data_type(),
            Form::Short(texts) => texts.data_type(),
            Form::Written { notation, .. } => notation.data_type(),
            Form::Codes { values, .. } => values.data_type(),
        }
    }

    /// `len` rows from `offset` on; nothing is copied.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> PackedColumn {
        PackedColumn(match &self.0 {
            Form::Array(array) => Form::Array(array.slice(offset, len)),
            Form::Distances(distances) => Form::Distances(distances.slice(offset, len)),
            Form::Short(texts) => Form::Short(texts.slice(offset, len)),
            Form::Written { numbers, notation } => {
                Form::Written { numbers: Box::new(numbers.slice(offset, len)), notation: notation.clone() }
            }
            Form::Codes { codes, values } => {
                Form::Codes { codes: codes.slice(offset, len), values: Arc::clone(values) }
            }
        })
    }

    /// The rows, if they are kept as an array of the declared type.
    pub fn as_array(&self) -> Option<&ArrayRef> {
        if let Form::Array(array) = &self.0 { Some(array) } else { None }
    }

    /// The rows as an array of the declared type.
    pub fn to_array(&self) -> ArrayRef {
        match &self.0 {
            Form::Array(array) => Arc::clone(array),
            Form::Distances(distances) => distances.to_array(),
            Form::Short(texts) => texts.to_array(),
            Form::Written { numbers, notation } => notation.values(&numbers.to_array()),
            Form::Codes { codes, values } => {
                take(values, codes, None).expect("codes are places among the values, which can be spread")
            }
        }
    }

    /// The rows at `rows`, of the declared type; a null row number gives a null.
    ///
    /// # Errors
    /// As [`take_column`].
    pub fn take(&self, rows: &UInt32Array) -> Result<ArrayRef> {
        match &self.0 {
            Form::Array(array) => take_column(array, rows),
            Form::Distances(distances) => distances.take(rows),
            Form::Short(texts) => texts.take(rows),
            Form::Written { numbers, notation } => Ok(notation.values(&numbers.take(rows)?)),
            Form::Codes { codes, values } => {
                take_column(values, wide(&take(codes, rows, None)?)?.as_primitive())
            }
        }
    }

    /// The same, but what is kept as codes [still is](is_coded).
    ///
    /// # Errors
    /// As [`take_column`].
    pub fn take_coded(&self, rows: &UInt32Array) -> Result<ArrayRef> {
        let Form::Codes { codes, values } = &self.0 else { return self.take(rows) };
        coded(&take(codes, rows, None)?, values)
    }

    /// The arrays that are kept in memory for it, but for those that are kept for another column anyway.
    pub fn kept_beside<'a>(&'a self, other: Option<&'a PackedColumn>) -> impl Iterator<Item = &'a ArrayRef> {
        let values = |column: &'a PackedColumn| match &column.0 {
            Form::Codes { values, .. } => Some(values),
            _ => None,
        };
        let known = other.and_then(values);
        let is_known = move |values: &&ArrayRef| known.is_some_and(|known| Arc::ptr_eq(known, values));
        std::iter::once(self.kept()).chain(values(self).filter(move |values| !is_known(values)))
    }

    /// What is kept of each row.
    fn kept(&self) -> &ArrayRef {
        match &self.0 {
            Form::Array(array) => array,
            Form::Distances(distances) => distances.kept(),
            Form::Short(texts) => texts.kept(),
            Form::Written { numbers, .. } => numbers.kept(),
            Form::Codes { codes, .. } => codes,
        }
    }

    fn as_distances(&self) -> Option<&Distances> {
        if let Form::Distances(distances) = &self.0 { Some(distances) } else { None }
    }

    fn as_short(&self) -> Option<&ShortTexts> {
        if let Form::Short(texts) = &self.0 { Some(texts) } else { None }
    }

    /// The rows as an array of the declared type, unless they are codes: then their values.
    fn spread(&self) -> ArrayRef {
        if let Form::Codes { values, .. } = &self.0 { Arc::clone(values) } else { self.to_array() }
    }
}

/// The rows of all parts, if these have one notation.
fn concat_written(parts: &[&PackedColumn]) -> Result<Option<PackedColumn>> {
    let written = parts.iter().map(|part| match &part.0 {
        Form::Written { numbers, notation } => Some((numbers.as_ref(), notation)),
        _ => None,
    });
    let Some(written) = written.collect::<Option<Vec<_>>>() else { return Ok(None) };
    let (numbers, notations): (Vec<&PackedColumn>, Vec<&Notation>) = written.into_iter().unzip();
    match notations.split_first() {
        Some((first, others)) if others.iter().all(|other| other == first) => {
            Ok(Some(PackedColumn::written(PackedColumn::concat(&numbers)?, (*first).clone())))
        }
        _ => Ok(None),
    }
}

fn wide(codes: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(codes, &DataType::UInt32)?)
}

fn coded(codes: &ArrayRef, values: &ArrayRef) -> Result<ArrayRef> {
    let codes = wide(codes)?.as_primitive::<UInt32Type>().clone();
    Ok(Arc::new(DictionaryArray::try_new(codes, Arc::clone(values))?))
}

/// Whether values of a type can be spread over any number of rows: not if their lengths add up to an offset.
fn can_be_spread(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::BinaryView) || data_type.is_primitive()
}
