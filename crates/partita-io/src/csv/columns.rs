//! Which columns a source has, with which given types, and which field of each file is which of them.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::DataType;

use super::convert::{Decoder, is_supported};
use super::file::{CsvFile, Head, default_name};
use super::infer::{Column, Kinds};
use super::options::CsvOptions;
use crate::listing::nearest;
use crate::{Error, ExtraColumns, ReadContext, Result};

/// The columns of the source, by name, in order.
pub(super) fn schema_names(
    files: &[CsvFile],
    options: &CsvOptions,
    decoder: &Decoder,
    context: &ReadContext,
) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for file in files {
        let head = file.head(options, &decoder.dialect, context)?;
        if head.fields == 0 {
            continue;
        }
        for name in names_in(file, &head, options)? {
            if known.insert(name.clone()) {
                names.push(name);
            }
        }
        if options.extra_columns != ExtraColumns::Union || !options.header {
            break;
        }
    }
    if !names.is_empty() {
        return Ok(names);
    }
    match &options.names {
        Some(names) => Ok(names.clone()),
        None if !options.header && !options.types.is_empty() => {
            Ok(options.types.iter().map(|(name, _)| name.clone()).collect())
        }
        None => Err(empty(files)),
    }
}

fn empty(files: &[CsvFile]) -> Error {
    match files {
        [file] => Error::invalid(
            "the file is empty, so its columns are not known; give names and types, or leave the file out",
        )
        .in_file(&file.info.path),
        _ => Error::invalid(format!(
            "all {} files are empty, so their columns are not known; the first is {}",
            files.len(),
            files[0].info.path.display()
        )),
    }
}

/// The column names of one file, duplicates resolved or refused.
pub(super) fn names_in(file: &CsvFile, head: &Head, options: &CsvOptions) -> Result<Vec<String>> {
    let names = match (&options.names, &head.names) {
        (Some(names), found) => {
            let fits = names.len() == head.fields || found.is_none();
            if !fits {
                return Err(Error::invalid(format!(
                    "{} column names are given but the file has {} columns",
                    names.len(),
                    head.fields
                ))
                .in_file(&file.info.path));
            }
            names.clone()
        }
        (None, Some(names)) => names.clone(),
        (None, None) => (0..head.fields).map(default_name).collect(),
    };
    let taken: HashSet<&str> = names.iter().map(String::as_str).collect();
    let mut used: HashSet<String> = HashSet::new();
    let mut result = Vec::with_capacity(names.len());
    for name in &names {
        let mut own = name.clone();
        if used.contains(&own) {
            if !options.rename_duplicates {
                return Err(duplicate(name, &names).in_file(&file.info.path));
            }
            let mut number = 2;
            while used.contains(&own) || (own != *name && taken.contains(own.as_str())) {
                own = format!("{name}_{number}");
                number += 1;
            }
        }
        used.insert(own.clone());
        result.push(own);
    }
    Ok(result)
}

fn duplicate(name: &str, names: &[String]) -> Error {
    let places: Vec<String> = names
        .iter()
        .enumerate()
        .filter(|(_, other)| *other == name)
        .map(|(field, _)| (field + 1).to_string())
        .collect();
    Error::invalid(format!(
        "the name `{name}` is used for columns {}; rename them in the file, give names, or ask for duplicates \
         to be renamed",
        places.join(" and ")
    ))
}

/// The columns with the types that were given.
pub(super) fn columns_of(names: &[String], options: &CsvOptions) -> Result<Vec<Column>> {
    let mut given: HashMap<&str, &DataType> = HashMap::new();
    for (name, data_type) in &options.types {
        if !is_supported(data_type) {
            return Err(Error::unsupported(format!("reading CSV as {data_type}")).in_column(name));
        }
        if !names.contains(name) {
            let hint = match nearest(name, names.iter().map(String::as_str)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("columns are {}", names.join(", ")),
            };
            return Err(Error::invalid(format!(
                "a type is given for the column `{name}` but there is none; {hint}"
            )));
        }
        if given.insert(name, data_type).is_some_and(|earlier| earlier != data_type) {
            return Err(Error::invalid(format!("two types are given for the column `{name}`")));
        }
    }
    Ok(names
        .iter()
        .map(|name| match given.get(name.as_str()) {
            Some(data_type) => {
                Column { name: name.as_str().into(), data_type: (*data_type).clone(), kinds: None }
            }
            None => Column {
                name: name.as_str().into(),
                data_type: DataType::Utf8View,
                kinds: Some(Kinds::default()),
            },
        })
        .collect())
}

/// Which field of a file is which column of the source.
pub(crate) struct Fields {
    /// Per column of the source its field in this file.
    pub(crate) fields: Vec<Option<usize>>,
    /// Names in the file that the source does not have, where they may be ignored.
    pub(crate) ignored: Vec<String>,
}

/// Matches the columns of a file with those of the source, by name; without a header, by place.
pub(crate) fn fields_of(
    file: &CsvFile,
    head: &Head,
    options: &CsvOptions,
    names: &[String],
) -> Result<Fields> {
    if !options.header {
        return Ok(Fields { fields: (0..names.len()).map(Some).collect(), ignored: Vec::new() });
    }
    let in_file = names_in(file, head, options)?;
    let places: HashMap<&str, usize> =
        in_file.iter().enumerate().map(|(field, name)| (name.as_str(), field)).collect();
    let known: HashSet<&str> = names.iter().map(String::as_str).collect();
    let ignored: Vec<String> =
        in_file.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
    if let (Some(extra), ExtraColumns::Error) = (ignored.first(), options.extra_columns) {
        return Err(Error::invalid(format!(
            "the file has a column `{extra}` that the first file does not have; ask for the union of all \
             columns, or for extra columns to be ignored"
        ))
        .in_column(extra)
        .in_file(&file.info.path));
    }
    let fields = names.iter().map(|name| places.get(name.as_str()).copied()).collect();
    Ok(Fields { fields, ignored })
}
