//! CSV files as a [`Source`]: one schema over all files, and splits of them.
//!
//! Headers and a sample give the schema; `file.rs` says where large files are cut; `reader.rs` reads a split;
//! `widen.rs` answers when the sample was wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::convert::{Decoder, is_supported};
use super::file::{CsvFile, Head, default_name};
use super::infer::{Column, Kinds, Sampler};
use super::options::{CsvOptions, Encoding};
use super::reader::CsvReader;
use super::value::Nulls;
use super::widen;
use crate::adapter::{Chained, grouped};
use crate::listing::nearest;
use crate::reject::BadRows;
use crate::reject::RejectFile;
use crate::{
    BatchReader, Compression, Error, ExtraColumns, FileInfo, Listing, Notice, ReadContext, Result,
    ScanRequest, Source, Split, Statistics,
};

/// Neighbouring small files share a split up to this part of [`CsvOptions::split_bytes`].
const GROUPED_PART: u64 = 4;

/// Opens CSV files as one source. The order of the listing is the order of the rows; the columns that its
/// directories give come last.
///
/// The schema is that of the first file that has a record (of all files for [`ExtraColumns::Union`]); types
/// that [`CsvOptions::types`] does not give are inferred from a sample of up to ten files.
///
/// # Errors
/// Options contradict each other, a file cannot be read, a name is used for two columns,
/// a type is given for a column that does not exist, or all files are empty.
pub fn open(listing: Listing, options: &CsvOptions, context: &ReadContext) -> Result<Arc<dyn Source>> {
    let dialect = Arc::new(options.dialect()?);
    let decoder = Decoder {
        dialect,
        nulls: Nulls::new(&options.nulls),
        lossy: options.encoding == Encoding::Utf8Lossy,
    };
    let files: Vec<CsvFile> =
        listing.files.iter().map(|info| CsvFile::new(info.clone(), pieces(info, options))).collect();
    let names = schema_names(&files, options, &decoder, context)?;
    let mut columns = columns_of(&names, options)?;
    let sampler = Sampler { options, decoder: &decoder, context };
    let mut kinds = vec![Kinds::default(); columns.len()];
    sampler.sample(&files, &mut kinds, |file| {
        let head = file.head(options, &decoder.dialect, context)?;
        let mut fields = fields_of(file, &head, options, &names)?.fields;
        for (field, column) in fields.iter_mut().zip(&columns) {
            *field = field.filter(|_| column.kinds.is_some() && !options.all_text);
        }
        Ok(fields)
    })?;
    for (column, kinds) in columns.iter_mut().zip(kinds) {
        if column.kinds.is_some() {
            let kinds = if options.all_text { Kinds::TEXT } else { kinds };
            (column.data_type, column.kinds) = (kinds.data_type(), Some(kinds));
        }
    }
    if let Some(both) = listing.partition_fields().iter().find(|field| names.contains(field.name())) {
        return Err(Error::invalid(format!(
            "the column `{0}` is in the files and in the names of their directories as well; rename one, or read \
             without partition columns",
            both.name()
        )));
    }
    let shared = Shared { options: options.clone(), decoder, listing, files, columns, names };
    Ok(Arc::new(CsvSource::new(shared)))
}

/// How many pieces a file is cut into: by its size and name alone.
fn pieces(info: &FileInfo, options: &CsvOptions) -> usize {
    if Compression::of_name(&info.path) != Compression::None || !options.encoding.is_utf8() {
        return 1;
    }
    usize::try_from(info.len / options.split_bytes).unwrap_or(usize::MAX).max(1)
}

/// The columns of the source, by name, in order.
fn schema_names(
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
fn columns_of(names: &[String], options: &CsvOptions) -> Result<Vec<Column>> {
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

/// What a source and its readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: CsvOptions,
    pub(crate) decoder: Decoder,
    pub(crate) listing: Listing,
    /// As in the listing.
    pub(crate) files: Vec<CsvFile>,
    /// The files' own columns; those of the listing follow in the schema.
    pub(crate) columns: Vec<Column>,
    pub(crate) names: Vec<String>,
}

#[derive(Debug)]
struct CsvSource {
    shared: Arc<Shared>,
    schema: SchemaRef,
}

/// A piece of a file within one run over the source. A split is one, or several whole files.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) file: usize,
    pub(crate) piece: usize,
    pub(crate) number: usize,
    pub(crate) rejects: Option<Arc<RejectFile>>,
}

impl CsvSource {
    fn new(shared: Shared) -> Self {
        let own = shared
            .columns
            .iter()
            .map(|column| Arc::new(Field::new(&*column.name, column.data_type.clone(), true)));
        let fields: Vec<FieldRef> = own.chain(shared.listing.partition_fields()).collect();
        CsvSource { shared: Arc::new(shared), schema: Arc::new(Schema::new(fields)) }
    }
}

impl Source for CsvSource {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn describe(&self) -> String {
        format!("csv {}", self.shared.listing.describe())
    }

    fn statistics(&self) -> Statistics {
        Statistics { bytes: self.shared.listing.bytes(), ..Statistics::default() }
    }

    fn splits(&self, request: &ScanRequest, context: &ReadContext) -> Result<Vec<Split>> {
        let shared = &self.shared;
        let kept = shared.listing.kept(&request.prune, shared.columns.len());
        let parts = kept.iter().map(|&file| shared.files[file].pieces).sum();
        let rejects = match &shared.options.bad_rows {
            BadRows::Reject(path) => {
                Some(Arc::new(RejectFile::new(path, parts, &context.files, &context.memory)))
            }
            _ => None,
        };
        let lengths: Vec<u64> = kept.iter().map(|&file| shared.files[file].info.len).collect();
        let mut splits = Vec::with_capacity(parts);
        let mut number = 0;
        for group in grouped(&lengths, shared.options.split_bytes / GROUPED_PART) {
            let group = &kept[group];
            let in_pieces =
                group.iter().flat_map(|&file| (0..shared.files[file].pieces).map(move |piece| (file, piece)));
            let mut parts: Vec<Part> = Vec::new();
            for (file, piece) in in_pieces {
                parts.push(Part { file, piece, number, rejects: rejects.clone() });
                number += 1;
            }
            if group.len() > 1 {
                splits.push(self.split(parts));
            } else {
                splits.extend(parts.into_iter().map(|part| self.split(vec![part])));
            }
        }
        Ok(splits)
    }

    fn read(
        &self,
        split: &Split,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<Box<dyn BatchReader>> {
        let parts = match split.part.downcast_ref::<Vec<Part>>() {
            Some(parts) if parts.iter().all(|part| part.file < self.shared.files.len()) => parts,
            _ => return Err(Error::invalid("the split belongs to another source")),
        };
        if let [part] = parts.as_slice() {
            return Ok(Box::new(CsvReader::open(&self.shared, &self.schema, part, request, context)?));
        }
        let openers = parts.iter().cloned().map(|part| {
            let (shared, schema) = (Arc::clone(&self.shared), Arc::clone(&self.schema));
            let (request, context) = (request.clone(), context.clone());
            let open = move || -> Result<Box<dyn BatchReader>> {
                Ok(Box::new(CsvReader::open(&shared, &schema, &part, &request, &context)?))
            };
            Box::new(open) as Box<dyn FnOnce() -> Result<Box<dyn BatchReader>> + Send>
        });
        Ok(Box::new(Chained::new(openers)))
    }

    fn widened(
        &self,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<(Arc<dyn Source>, Vec<Notice>)> {
        let (columns, notices) = widen::columns(&self.shared, &self.schema, request, context)?;
        let shared = &self.shared;
        let decoder = Decoder {
            dialect: Arc::clone(&shared.decoder.dialect),
            nulls: shared.decoder.nulls.clone(),
            lossy: shared.decoder.lossy,
        };
        let files = shared.files.iter().map(|file| CsvFile::new(file.info.clone(), file.pieces)).collect();
        let (options, names) = (shared.options.clone(), shared.names.clone());
        let listing = shared.listing.clone();
        Ok((Arc::new(CsvSource::new(Shared { options, decoder, listing, files, columns, names })), notices))
    }
}

impl CsvSource {
    fn split(&self, parts: Vec<Part>) -> Split {
        let mut bytes = 0;
        for part in &parts {
            let file = &self.shared.files[part.file];
            bytes += file.nominal(part.piece + 1) - file.nominal(part.piece);
        }
        let label = match parts.as_slice() {
            [part] => {
                let file = &self.shared.files[part.file];
                let path = file.info.path.display();
                match file.pieces {
                    1 => path.to_string(),
                    pieces => format!("{path} piece {} of {pieces}", part.piece + 1),
                }
            }
            [first, ..] => {
                format!("{} and {} more", self.shared.files[first.file].info.path.display(), parts.len() - 1)
            }
            [] => String::new(),
        };
        Split { label, bytes, rows: None, part: Box::new(parts) }
    }
}
