//! One schema for files whose schemas differ, and the conversions that it takes.
//!
//! Columns are matched by name. A column that a file lacks is null there, a narrower one is widened, one that
//! the first file lacks goes by [`ExtraColumns`]; anything else is an error that names both files.
//! `file_columns.rs` applies the result to batches.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, MapArray, OffsetSizeTrait, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::{Error, Result};

/// What happens to columns that the first file does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExtraColumns {
    /// They are an error.
    #[default]
    Error,
    /// They become columns of the source, null where a file lacks them.
    Union,
    /// They are not read.
    Ignore,
}

/// Which types may be joined besides those that lose nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Widening {
    /// An integer and a float give float64, which does not hold every int64. For inferred types.
    pub int_to_float: bool,
}

/// The schema of all files, partition columns last.
///
/// # Errors
/// No file, a name twice in one file, types that do not go together, extra columns, or a partition column
/// that is in the files as well.
pub(crate) fn unify<'a>(
    files: impl IntoIterator<Item = (&'a Path, &'a Schema)>,
    partitions: &[FieldRef],
    extra: ExtraColumns,
    widening: Widening,
) -> Result<SchemaRef> {
    let mut files = files.into_iter();
    let Some((first_path, first)) = files.next() else {
        return Err(Error::invalid("there is no file to take a schema from"));
    };
    let mut unified = Unified { first: first_path, columns: Vec::new(), index: HashMap::new() };
    unified.check_names(first_path, first)?;
    for field in first.fields() {
        unified.add(first_path, field);
    }
    for (path, schema) in files {
        unified.check_names(path, schema)?;
        unified.join(path, schema, extra, widening)?;
    }
    unified.finish(partitions)
}

struct Unified<'a> {
    first: &'a Path,
    columns: Vec<Column<'a>>,
    index: HashMap<String, usize>,
}

struct Column<'a> {
    field: FieldRef,
    /// A file that has the column with its type, for messages.
    from: &'a Path,
}

impl<'a> Unified<'a> {
    fn add(&mut self, path: &'a Path, field: &FieldRef) {
        self.index.insert(field.name().clone(), self.columns.len());
        self.columns.push(Column { field: FieldRef::clone(field), from: path });
    }

    fn check_names(&self, path: &Path, schema: &Schema) -> Result<()> {
        let mut seen = std::collections::HashSet::new();
        match schema.fields().iter().find(|field| !seen.insert(field.name())) {
            Some(twice) => {
                Err(Error::invalid(format!("two columns have the name `{}`", twice.name())).in_file(path))
            }
            None => Ok(()),
        }
    }

    fn join(
        &mut self,
        path: &'a Path,
        schema: &Schema,
        extra: ExtraColumns,
        widening: Widening,
    ) -> Result<()> {
        let known = self.columns.len();
        let mut present = vec![false; known];
        for field in schema.fields() {
            match self.index.get(field.name()).copied() {
                Some(at) => {
                    present[at] = true;
                    self.widen(at, path, field, widening)?;
                }
                None => match extra {
                    ExtraColumns::Ignore => {}
                    ExtraColumns::Union => {
                        self.add(path, &nullable(field));
                    }
                    ExtraColumns::Error => {
                        return Err(Error::invalid(format!(
                            "the column `{}` is in `{}` but not in the first file, `{}`; choose to read it \
                             (extra columns: union) or to leave it out (ignore)",
                            field.name(),
                            path.display(),
                            self.first.display()
                        )));
                    }
                },
            }
        }
        for (column, present) in self.columns.iter_mut().zip(present) {
            if !present {
                column.field = nullable(&column.field);
            }
        }
        Ok(())
    }

    fn widen(&mut self, at: usize, path: &'a Path, field: &FieldRef, widening: Widening) -> Result<()> {
        let column = &mut self.columns[at];
        let (old, new) = (column.field.data_type(), field.data_type());
        let Some(common) = common_type(old, new, widening) else {
            return Err(Error::invalid(format!(
                "the column `{}` is {old} in `{}` but {new} in `{}`, and neither holds the values of the other",
                field.name(),
                column.from.display(),
                path.display()
            )));
        };
        if common != *old {
            column.from = path;
        }
        let nullable = column.field.is_nullable() || field.is_nullable();
        if common != *old || nullable != column.field.is_nullable() {
            let wider = Field::clone(&column.field).with_data_type(common).with_nullable(nullable);
            column.field = Arc::new(wider);
        }
        Ok(())
    }

    fn finish(self, partitions: &[FieldRef]) -> Result<SchemaRef> {
        if let Some(twice) = partitions.iter().find(|field| self.index.contains_key(field.name())) {
            let from = self.columns[self.index[twice.name()]].from;
            return Err(Error::invalid(format!(
                "the column `{}` is given by the names of directories and is in the file as well; turn \
                 partition columns off to take the file's",
                twice.name()
            ))
            .in_file(from));
        }
        let columns = self.columns.into_iter().map(|column| column.field);
        Ok(Arc::new(Schema::new(columns.chain(partitions.iter().cloned()).collect::<Vec<_>>())))
    }
}

fn nullable(field: &FieldRef) -> FieldRef {
    if field.is_nullable() {
        FieldRef::clone(field)
    } else {
        Arc::new(Field::clone(field).with_nullable(true))
    }
}

/// The narrowest type that holds every value of both, if there is one.
pub(crate) fn common_type(a: &DataType, b: &DataType, widening: Widening) -> Option<DataType> {
    use DataType::*;
    Some(match (a, b) {
        _ if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Dictionary(_, a), Dictionary(_, b)) => common_type(a, b, widening)?,
        (Dictionary(_, value), other) | (other, Dictionary(_, value)) => common_type(value, other, widening)?,
        _ if a.is_integer() && b.is_integer() => common_integer(a, b)?,
        _ if a.is_floating() && b.is_floating() => {
            if *a == Float64 || *b == Float64 {
                Float64
            } else {
                Float32
            }
        }
        _ if widening.int_to_float
            && a.is_numeric()
            && b.is_numeric()
            && !is_decimal(a)
            && !is_decimal(b) =>
        {
            Float64
        }
        _ if is_decimal(a) && is_decimal(b) => common_decimal(a, b)?,
        _ if is_text(a) && is_text(b) => Utf8View,
        _ if is_binary(a) && is_binary(b) => BinaryView,
        (Timestamp(a, zone), Timestamp(b, other)) if zone == other => Timestamp(*a.max(b), zone.clone()),
        (Duration(a), Duration(b)) => Duration(*a.max(b)),
        (Time32(_), Time32(_)) => Time32(arrow::datatypes::TimeUnit::Millisecond),
        (Time64(_), Time64(_)) => Time64(arrow::datatypes::TimeUnit::Nanosecond),
        (Struct(a), Struct(b)) => Struct(common_fields(a, b, widening)?),
        (List(a), List(b)) => List(common_field(a, b, widening)?),
        (LargeList(a), LargeList(b)) => LargeList(common_field(a, b, widening)?),
        (Map(a, sorted), Map(b, other)) => Map(common_field(a, b, widening)?, *sorted && *other),
        _ => return None,
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

fn common_integer(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    let width = |data_type: &DataType| data_type.primitive_width().unwrap_or(8);
    let signed = match (a.is_signed_integer(), b.is_signed_integer()) {
        (true, true) | (false, false) => {
            return Some(if width(a) >= width(b) { a.clone() } else { b.clone() });
        }
        // Twice the width of the unsigned one holds it.
        (true, false) => width(a).max(2 * width(b)),
        (false, true) => width(b).max(2 * width(a)),
    };
    match signed {
        2 => Some(Int16),
        4 => Some(Int32),
        8 => Some(Int64),
        _ => None,
    }
}

fn decimal_parts(data_type: &DataType) -> Option<(u8, i8, u8)> {
    match data_type {
        DataType::Decimal32(precision, scale) => Some((*precision, *scale, 9)),
        DataType::Decimal64(precision, scale) => Some((*precision, *scale, 18)),
        DataType::Decimal128(precision, scale) => Some((*precision, *scale, 38)),
        DataType::Decimal256(precision, scale) => Some((*precision, *scale, 76)),
        _ => None,
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    decimal_parts(data_type).is_some()
}

fn common_decimal(a: &DataType, b: &DataType) -> Option<DataType> {
    let ((p1, s1, most1), (p2, s2, most2)) = (decimal_parts(a)?, decimal_parts(b)?);
    let scale = s1.max(s2);
    let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
    let precision = u8::try_from(whole + i16::from(scale)).ok()?;
    Some(match precision.max(most1.max(most2)) {
        ..=9 => DataType::Decimal32(precision, scale),
        10..=18 => DataType::Decimal64(precision, scale),
        19..=38 => DataType::Decimal128(precision, scale),
        _ if precision <= 76 => DataType::Decimal256(precision, scale),
        _ => return None,
    })
}

fn common_field(a: &FieldRef, b: &FieldRef, widening: Widening) -> Option<FieldRef> {
    let data_type = common_type(a.data_type(), b.data_type(), widening)?;
    let nullable = a.is_nullable() || b.is_nullable();
    Some(Arc::new(Field::clone(a).with_data_type(data_type).with_nullable(nullable)))
}

/// The fields of both structs by name; one that a side lacks is nullable.
fn common_fields(a: &Fields, b: &Fields, widening: Widening) -> Option<Fields> {
    let find = |fields: &Fields, name: &str| fields.iter().find(|field| field.name() == name).cloned();
    let mut fields = Vec::with_capacity(a.len());
    for field in a {
        fields.push(match find(b, field.name()) {
            Some(other) => common_field(field, &other, widening)?,
            None => nullable(field),
        });
    }
    fields.extend(b.iter().filter(|field| find(a, field.name()).is_none()).map(nullable));
    Some(fields.into())
}

/// Converts an array to a type that [`common_type`] gave for its own type and another.
///
/// # Errors
/// A value does not fit after all (a timestamp in a finer unit).
pub(crate) fn widen(array: &ArrayRef, to: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(ArrayRef::clone(array)),
        (DataType::Null, to) => Ok(new_null_array(to, array.len())),
        (DataType::Dictionary(_, value), to) if value.as_ref() != to => {
            widen(&arrow::compute::cast(array, value)?, to)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => widen_struct(array.as_struct(), fields),
        (DataType::List(_), DataType::List(item)) => widen_list(array.as_list::<i32>(), item),
        (DataType::LargeList(_), DataType::LargeList(item)) => widen_list(array.as_list::<i64>(), item),
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let structs: ArrayRef = Arc::new(map.entries().clone());
            let widened = widen(&structs, entries.data_type())?;
            let map = MapArray::try_new(
                FieldRef::clone(entries),
                map.offsets().clone(),
                widened.as_struct().clone(),
                map.nulls().cloned(),
                *sorted,
            )?;
            Ok(Arc::new(map))
        }
        (_, to) => cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }),
    }
}

fn widen_struct(array: &StructArray, fields: &Fields) -> std::result::Result<ArrayRef, ArrowError> {
    let columns = fields
        .iter()
        .map(|field| match array.column_by_name(field.name()) {
            Some(column) => widen(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), array.len())),
        })
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let nulls = array.nulls().cloned();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())?))
}

fn widen_list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    item: &FieldRef,
) -> std::result::Result<ArrayRef, ArrowError> {
    let values = widen(array.values(), item.data_type())?;
    let list = GenericListArray::try_new(
        FieldRef::clone(item),
        array.offsets().clone(),
        values,
        array.nulls().cloned(),
    )?;
    Ok(Arc::new(list))
}

#[cfg(test)]
mod tests;
