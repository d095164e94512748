//! CSV files as a [`Source`]: one schema over all files, and splits of them.
//!
//! Headers and a sample give the schema; `file.rs` says where large files are cut; `reader.rs` reads a split;
//! `widen.rs` answers when the sample was wrong.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};

use super::columns::{columns_of, fields_of, schema_names};
use super::convert::Decoder;
use super::file::CsvFile;
use super::infer::{Column, Kinds, Sampler};
use super::options::{CsvOptions, Encoding};
use super::reader::CsvReader;
use super::value::Nulls;
use super::widen;
use crate::adapter::{Chained, grouped};
use crate::reject::BadRows;
use crate::reject::RejectFile;
use crate::{
    BatchReader, Compression, Error, FileInfo, Listing, Notice, ReadContext, Result, ScanRequest, Source,
    Split, Statistics,
};

/// Neighbouring small files share a split up to this part of [`CsvOptions::split_bytes`].
const GROUPED_PART: u64 = 4;

/// Opens CSV files as one source. The order of the listing is the order of the rows; the columns that its
/// directories give come last.
///
/// The schema is that of the first file that has a record (of all files for [`ExtraColumns::Union`](crate::ExtraColumns::Union)); types
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
    let sample = sampler.sample(&files, columns.len(), |file| {
        let head = file.head(options, &decoder.dialect, context)?;
        let mut fields = fields_of(file, &head, options, &names)?.fields;
        for (field, column) in fields.iter_mut().zip(&columns) {
            *field = field.filter(|_| column.kinds.is_some() && !options.all_text);
        }
        Ok(fields)
    })?;
    // Of compressed files nobody knows how long their text is.
    let plain = listing.files.iter().all(|file| Compression::of_name(&file.path) == Compression::None);
    let rows = if plain { sample.rows_of(listing.bytes()) } else { None };
    for (column, kinds) in columns.iter_mut().zip(sample.kinds) {
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
    let shared = Shared { options: options.clone(), decoder, listing, files, columns, names, rows };
    Ok(Arc::new(CsvSource::new(shared)))
}

/// How many pieces a file is cut into: by its size and name alone.
fn pieces(info: &FileInfo, options: &CsvOptions) -> usize {
    if Compression::of_name(&info.path) != Compression::None || !options.encoding.is_utf8() {
        return 1;
    }
    usize::try_from(info.len / options.split_bytes).unwrap_or(usize::MAX).max(1)
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
    /// About how many rows there are.
    pub(crate) rows: Option<u64>,
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
        let shared = &self.shared;
        Statistics { bytes: shared.listing.bytes(), rows: shared.rows, ..Statistics::default() }
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
        let files = parts.iter().map(|part| self.shared.files[part.file].info.path.clone());
        Ok(Box::new(Chained::new(openers).of_files(files)))
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
        let (listing, rows) = (shared.listing.clone(), shared.rows);
        Ok((
            Arc::new(CsvSource::new(Shared { options, decoder, listing, files, columns, names, rows })),
            notices,
        ))
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
