//! Partition columns: the keys and values in the path of each file -> one typed column per key.
//!
//! How a single name is spelled is in `hive.rs`, which the writer shares.

use std::borrow::Cow;
use std::path::{Component, Path};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field};
use chrono::{Datelike, NaiveDate};

use super::{Found, PartitionColumn};
use crate::hive::{NULL_VALUE, decode_component};
use crate::{Error, Result};

/// The keys and values that the directories of a file's path (relative to the root of the scan) give.
pub(super) fn keys(relative: &Path) -> Result<Vec<(String, Option<String>)>> {
    let mut keys: Vec<(String, Option<String>)> = Vec::new();
    for component in relative.parent().into_iter().flat_map(Path::components) {
        let Component::Normal(name) = component else { continue };
        if !name.as_encoded_bytes().contains(&b'=') {
            continue;
        }
        let text = name.to_str().ok_or_else(|| {
            Error::corrupt("the name of a partition directory is not UTF-8").in_file(relative)
        })?;
        let Some((key, value)) = decode_component(text) else { continue };
        if keys.iter().any(|(known, _)| *known == key) {
            return Err(Error::invalid(format!("two directories give the partition column `{key}`"))
                .in_file(relative));
        }
        keys.push((key.into_owned(), value.map(Cow::into_owned)));
    }
    Ok(keys)
}

/// One typed column per key, with a value per file.
pub(super) fn columns(found: &[Found], declared: &[(String, DataType)]) -> Result<Vec<PartitionColumn>> {
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    let same_keys =
        |file: &Found| file.keys.iter().map(|(key, _)| key).eq(first.keys.iter().map(|(key, _)| key));
    if let Some(other) = found.iter().find(|file| !same_keys(file)) {
        return Err(Error::invalid(format!(
            "files do not lie under the same partition directories: `{}` gives {} but `{}` gives {}; read them \
             apart, or turn partition columns off",
            first.info.path.display(),
            named(first),
            other.info.path.display(),
            named(other),
        )));
    }
    if let Some((name, _)) = declared.iter().find(|(name, _)| !first.keys.iter().any(|(key, _)| key == name))
    {
        return Err(Error::invalid(format!(
            "a type was given for the partition column `{name}`, but the directories give {}",
            named(first)
        )));
    }
    (0..first.keys.len()).map(|index| column(found, index, declared)).collect()
}

fn named(file: &Found) -> String {
    if file.keys.is_empty() {
        return "no partition column".to_string();
    }
    file.keys.iter().map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn column(found: &[Found], index: usize, declared: &[(String, DataType)]) -> Result<PartitionColumn> {
    let name = &found[0].keys[index].0;
    let texts: Vec<Option<&str>> = found.iter().map(|file| file.keys[index].1.as_deref()).collect();
    let data_type = match declared.iter().find(|(declared, _)| declared == name) {
        Some((_, data_type)) => data_type.clone(),
        None => inferred(&texts),
    };
    let text: ArrayRef = Arc::new(StringArray::from(texts.clone()));
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let values = cast_with_options(&text, &data_type, &strict).map_err(|error| {
        // Find the file whose value is at fault, for the message.
        let at_fault = (0..texts.len())
            .find(|&file| cast_with_options(&text.slice(file, 1), &data_type, &strict).is_err());
        let error = match at_fault {
            Some(file) => Error::invalid(format!(
                "the directory's value `{}` is not of the declared type {data_type}",
                texts[file].unwrap_or(NULL_VALUE)
            ))
            .in_file(&found[file].info.path),
            None => Error::invalid(format!("directory names cannot be read as {data_type}: {error}")),
        };
        error.in_column(name)
    })?;
    Ok(PartitionColumn { field: Arc::new(Field::new(name, data_type, true)), values })
}

/// Integers and dates if all values are written as such, else text.
fn inferred(texts: &[Option<&str>]) -> DataType {
    let mut values = texts.iter().flatten().peekable();
    if values.peek().is_none() {
        return DataType::Utf8View;
    }
    if values.clone().all(|text| is_canonical_integer(text)) {
        DataType::Int64
    } else if values.all(|text| is_date(text)) {
        DataType::Date32
    } else {
        DataType::Utf8View
    }
}

/// `7` and `-7`, but not `07`, `+7` or `-0`, whose spelling would be lost.
fn is_canonical_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|value| value.to_string() == text)
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|date| (0..=9999).contains(&date.year()))
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}
