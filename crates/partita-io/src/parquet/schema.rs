//! Which Arrow types the columns of a file are read as.
//!
//! Text and binary become views whatever the file's writer used, dictionaries become their values, INT96
//! becomes microseconds (nanoseconds would silently wrap beyond the year 2262). Types that the decoder would
//! misread are refused by name.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema};
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor, Type};

use super::ParquetOptions;
use crate::{Error, Limits, Result};

/// How the columns of one file are read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What batches of all columns look like.
    pub(crate) schema: SchemaRef,
    /// Leaf columns of each column: `leaves[i]..leaves[i + 1]`.
    leaves: Vec<usize>,
}

impl Reading {
    /// The leaf columns of the columns `roots`, ascending.
    pub(crate) fn leaves_of(&self, roots: &[usize]) -> Vec<usize> {
        let range = |root: &usize| match (self.leaves.get(*root), self.leaves.get(root + 1)) {
            (Some(from), Some(to)) => *from..*to,
            _ => 0..0,
        };
        roots.iter().flat_map(range).collect()
    }

    /// The leaf column of a column that has no parts.
    pub(crate) fn single_leaf(&self, root: usize) -> Option<usize> {
        let nested = self.schema.fields().get(root).is_none_or(|field| field.data_type().is_nested());
        match (self.leaves.get(root), self.leaves.get(root + 1)) {
            (Some(from), Some(to)) if !nested && *to == *from + 1 => Some(*from),
            _ => None,
        }
    }

    /// What the decoder needs in order to read the columns `roots`.
    pub(crate) fn levels(&self, metadata: &ParquetMetaData, roots: &[usize]) -> Result<FieldLevels> {
        let descriptor = metadata.file_metadata().schema_descr();
        let mask = ProjectionMask::roots(descriptor, roots.iter().copied());
        parquet_to_arrow_field_levels(descriptor, mask, Some(self.schema.fields())).map_err(unreadable)
    }
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("the schema cannot be read: {error}"))
}

/// Decides the types of all columns.
pub(crate) fn read_as(
    metadata: &Arc<ParquetMetaData>,
    options: &ParquetOptions,
    limits: &Limits,
) -> Result<Reading> {
    let file = metadata.file_metadata();
    let descriptor = file.schema_descr();
    refuse(descriptor.root_schema(), "")?;
    let declared = parquet_to_arrow_schema(descriptor, file.key_value_metadata())
        .or_else(|_| parquet_to_arrow_schema(descriptor, None))
        .map_err(unreadable)?;
    let mut leaf = 0;
    let fields: Vec<FieldRef> =
        declared.fields().iter().map(|field| wanted(field, descriptor, options, &mut leaf)).collect();
    // Arrow types that span no or several leaves would shift the count: then nothing is known of INT96.
    let mut schema = Arc::new(Schema::new(fields));
    if leaf != descriptor.num_columns() {
        let plain = ParquetOptions { int96: TimeUnit::Nanosecond, ..options.clone() };
        let fields = declared.fields().iter().map(|field| wanted(field, descriptor, &plain, &mut 0));
        schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    }
    let hinted = ArrowReaderOptions::new().with_schema(Arc::clone(&schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata), hinted).map_err(unreadable)?;
    for field in schema.fields() {
        let depth = nesting(field.data_type());
        if depth > limits.nesting {
            let (asked, limit) = (depth as u64, limits.nesting as u64);
            return Err(Error::limit("the nesting", asked, limit, "nesting").in_column(field.name()));
        }
    }
    Ok(Reading { schema, leaves: first_leaves(descriptor) })
}

fn first_leaves(descriptor: &SchemaDescriptor) -> Vec<usize> {
    let roots = descriptor.root_schema().get_fields().len();
    let mut first = vec![descriptor.num_columns(); roots + 1];
    for leaf in (0..descriptor.num_columns()).rev() {
        if let Some(slot) = first.get_mut(descriptor.get_column_root_idx(leaf)) {
            *slot = leaf;
        }
    }
    // A group without leaves begins where the next one does.
    for root in (0..roots).rev() {
        first[root] = first[root].min(first[root + 1]);
    }
    first
}

/// Logical types that came after this reader: their bytes may mean anything.
fn refuse(node: &Type, above: &str) -> Result<()> {
    let name = if above.is_empty() { node.name().to_owned() } else { format!("{above}.{}", node.name()) };
    if let Some(LogicalType::_Unknown { field_id }) = node.get_basic_info().logical_type_ref() {
        return Err(
            Error::unsupported(format!("a logical type with the unknown number {field_id}")).in_column(name)
        );
    }
    if node.is_group() {
        let above = if node.get_basic_info().has_repetition() { name.as_str() } else { "" };
        node.get_fields().iter().try_for_each(|child| refuse(child, above))?;
    }
    Ok(())
}

fn wanted(field: &Field, file: &SchemaDescriptor, options: &ParquetOptions, leaf: &mut usize) -> FieldRef {
    let data_type = wanted_type(field.data_type(), file, options, leaf);
    // Field ids and the like would make equal schemas of two files differ.
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

fn wanted_type(
    data_type: &DataType,
    file: &SchemaDescriptor,
    options: &ParquetOptions,
    leaf: &mut usize,
) -> DataType {
    let mut inner = |field: &Field| wanted(field, file, options, leaf);
    match data_type {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| inner(field)).collect::<Fields>())
        }
        DataType::List(field) => DataType::List(inner(field)),
        DataType::LargeList(field) => DataType::LargeList(inner(field)),
        DataType::ListView(field) => DataType::List(inner(field)),
        DataType::LargeListView(field) => DataType::LargeList(inner(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(inner(field), *size),
        DataType::Map(field, sorted) => DataType::Map(inner(field), *sorted),
        leaf_type => {
            let column = (*leaf < file.num_columns()).then(|| file.column(*leaf));
            *leaf += 1;
            leaf_as(leaf_type, column.as_deref(), options)
        }
    }
}

fn leaf_as(data_type: &DataType, column: Option<&ColumnDescriptor>, options: &ParquetOptions) -> DataType {
    match data_type {
        // An enumeration's values are text by definition.
        DataType::Binary if column.is_some_and(|column| column.converted_type() == ConvertedType::ENUM) => {
            DataType::Utf8View
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::BinaryView,
        DataType::Dictionary(_, values) => leaf_as(values, column, options),
        DataType::Timestamp(TimeUnit::Nanosecond, None)
            if column.is_some_and(|column| column.physical_type() == PhysicalType::INT96) =>
        {
            DataType::Timestamp(options.int96, None)
        }
        other => other.clone(),
    }
}

fn nesting(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => {
            1 + fields.iter().map(|field| nesting(field.data_type())).max().unwrap_or(0)
        }
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => 1 + nesting(field.data_type()),
        _ => 0,
    }
}
