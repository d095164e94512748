//! What can be known to go wrong before any data is computed: options out of range, and schemas that the
//! format cannot hold.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Schema};

use super::encode::{check_parquet, check_text_compression};
use super::options::{CsvWriteOptions, Layout, Mode, WriteFormat, WriteOptions};
use crate::{Error, Result};

/// Checks options and schema, and returns the indices of data columns and of partition columns, the latter
/// in the order of `partition_by`.
pub(super) fn check(schema: &Schema, options: &WriteOptions) -> Result<(Vec<usize>, Vec<usize>)> {
    check_names(schema)?;
    check_layout(options)?;
    let partition_columns = partition_columns(schema, options)?;
    let data_columns: Vec<usize> =
        (0..schema.fields().len()).filter(|at| !partition_columns.contains(at)).collect();
    if data_columns.is_empty() {
        return Err(Error::invalid(if partition_columns.is_empty() {
            "there are no columns to write"
        } else {
            "every column is a partition column; leave at least one to be written into the files"
        }));
    }
    let data = schema.project(&data_columns).map_err(|e| Error::invalid(e.to_string()))?;
    check_format(&data, &options.format)?;
    Ok((data_columns, partition_columns))
}

fn check_names(schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    for (at, field) in schema.fields().iter().enumerate() {
        if field.name().is_empty() {
            return Err(Error::invalid(format!("the name of column {} is empty; rename it", at + 1)));
        }
        if !seen.insert(field.name()) {
            return Err(
                Error::invalid("two columns have one name; rename one of them").in_column(field.name())
            );
        }
    }
    Ok(())
}

fn check_layout(options: &WriteOptions) -> Result<()> {
    if options.target_file_bytes == Some(0) {
        return Err(Error::invalid("the target size of files cannot be 0 bytes"));
    }
    if options.layout == Layout::Directory {
        return Ok(());
    }
    let clash = match options {
        WriteOptions { mode: Mode::Append, .. } => "a single file cannot be appended to",
        WriteOptions { target_file_bytes: Some(_), .. } => "a single file has no target size",
        WriteOptions { success_marker: true, .. } => "a single file has no place for a success marker",
        WriteOptions { partition_by, .. } if !partition_by.is_empty() => {
            "a single file cannot be partitioned"
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(format!("{clash}; write a directory instead")))
}

fn partition_columns(schema: &Schema, options: &WriteOptions) -> Result<Vec<usize>> {
    let mut columns = Vec::with_capacity(options.partition_by.len());
    for name in &options.partition_by {
        let Some((at, field)) = schema.column_with_name(name) else {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            return Err(Error::invalid(format!(
                "there is no column `{name}` to partition by; the columns are {}",
                names.join(", ")
            )));
        };
        if columns.contains(&at) {
            return Err(Error::invalid("a column is named twice in `partition_by`").in_column(name));
        }
        if !spells_directories(field.data_type()) {
            return Err(Error::invalid(format!(
                "cannot partition by values of type {}; cast the column to text first",
                field.data_type()
            ))
            .in_column(name));
        }
        columns.push(at);
    }
    Ok(columns)
}

/// Types whose values have a short spelling that is read back as the same value.
fn spells_directories(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => spells_directories(values),
        DataType::Interval(_) | DataType::Duration(_) => false,
        other => !other.is_nested() && !is_binary(other),
    }
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}

fn check_format(schema: &Schema, format: &WriteFormat) -> Result<()> {
    match format {
        WriteFormat::Parquet(options) => check_parquet(options, schema),
        WriteFormat::Csv(options) => {
            check_csv(options)?;
            check_text_compression(options.compression)?;
            refuse(schema, format, |data_type| match data_type {
                other if is_binary(other) => {
                    Some("binary values; cast the column to text, or write Parquet or Arrow IPC")
                }
                other if other.is_nested() => {
                    Some("nested values; select their fields, or write Parquet, Arrow IPC or NDJSON")
                }
                _ => None,
            })
        }
        WriteFormat::Ndjson(options) => {
            check_text_compression(options.compression)?;
            refuse(schema, format, |data_type| {
                any_type(data_type, &is_binary)
                    .then_some("binary values; cast the column to text, or write Parquet or Arrow IPC")
                    .or(any_type(data_type, &|t| matches!(t, DataType::Union(..) | DataType::Interval(_)))
                        .then_some("unions and intervals; cast the column, or write Arrow IPC"))
            })
        }
        WriteFormat::Ipc(_) => Ok(()),
    }
}

fn refuse(
    schema: &Schema,
    format: &WriteFormat,
    why_not: impl Fn(&DataType) -> Option<&'static str>,
) -> Result<()> {
    for field in schema.fields() {
        let mut data_type = field.data_type();
        while let DataType::Dictionary(_, values) = data_type {
            data_type = values;
        }
        if let Some(what) = why_not(data_type) {
            return Err(
                Error::invalid(format!("{} cannot hold {what}", format.name())).in_column(field.name())
            );
        }
    }
    Ok(())
}

/// Whether a type, or a type inside it, is so.
fn any_type(data_type: &DataType, is: &dyn Fn(&DataType) -> bool) -> bool {
    is(data_type)
        || match data_type {
            DataType::Dictionary(_, values) => any_type(values, is),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _)
            | DataType::Map(item, _) => any_type(item.data_type(), is),
            DataType::RunEndEncoded(_, values) => any_type(values.data_type(), is),
            DataType::Struct(fields) => fields.iter().any(|field| any_type(field.data_type(), is)),
            _ => false,
        }
}

fn check_csv(options: &CsvWriteOptions) -> Result<()> {
    let (delimiter, quote) = (options.delimiter, options.quote);
    for (what, byte) in [("delimiter", delimiter), ("quote", quote)] {
        if matches!(byte, b'\n' | b'\r' | 0) || !byte.is_ascii() {
            return Err(Error::invalid(format!(
                "the {what} of a CSV file must be one ASCII character and no line end"
            )));
        }
    }
    if delimiter == quote {
        return Err(Error::invalid("the delimiter and the quote of a CSV file must differ"));
    }
    if options.null.bytes().any(|b| b == delimiter || b == quote || b == b'\n' || b == b'\r') {
        return Err(Error::invalid(
            "the spelling of null in a CSV file cannot hold a delimiter, quote or line end",
        ));
    }
    Ok(())
}
