//! Reading Parquet.
//!
//! [`open`] reads the footers of all files; [`Source::splits`] cuts the row groups into pieces of work
//! (`split.rs`) and leaves out what cannot hold a wanted row (`pruning.rs`); [`Source::read`] decodes one
//! split (`read.rs`). Common columns are decoded here (`flat.rs`), others by the `parquet` crate (`decode.rs`); between
//! either and the file stands a layer that believes nothing a file says about itself (`thrift.rs`, `window.rs`,
//! `pages.rs`, `guard.rs`).

mod bloom;
mod column;
mod decode;
mod flat;
mod footer;
mod guard;
mod page_index;
mod pages;
mod piece;
mod pruning;
mod quirks;
mod read;
mod row_group;
mod schema;
mod split;
pub(crate) mod streams;
#[cfg(test)]
mod tests;
mod thrift;
mod window;

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{SchemaRef, TimeUnit};

use crate::file_columns::FileColumns;
use crate::together::in_order;
use crate::unify::{Widening, unify};
use crate::{
    BatchReader, Error, ExtraColumns, FileInfo, Listing, ReadContext, Result, ScanRequest, Source, Split,
    Statistics,
};
use footer::ParquetFile;
use read::{Files, SplitReader, Wish};
use split::Piece;

/// Threads that read footers. Small files are many, and each waits for the disk on its own.
const FOOTERS_AT_ONCE: usize = 8;

/// How Parquet files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParquetOptions {
    /// The unit that INT96 timestamps are read in. The default, microseconds, holds every date but drops
    /// the last three digits; nanoseconds keep them and are wrong beyond the years 1677 to 2262.
    pub int96: TimeUnit,
    /// What happens to columns that the first file does not have.
    pub extra_columns: ExtraColumns,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        ParquetOptions { int96: TimeUnit::Microsecond, extra_columns: ExtraColumns::default() }
    }
}

/// Opens the files of a listing as one source.
///
/// # Errors
/// A file cannot be opened, is not a whole Parquet file, or uses a feature that is not read; or the files'
/// columns do not go together.
pub fn open(listing: Listing, options: &ParquetOptions, context: &ReadContext) -> Result<Arc<dyn Source>> {
    let files = footers(&listing.files, options, context)?;
    let schemas = files.iter().map(|file| (file.info.path.as_path(), &**file.schema()));
    let schema = unify(schemas, &listing.partition_fields(), options.extra_columns, Widening::default())?;
    let columns = files
        .iter()
        .enumerate()
        .map(|(index, file)| FileColumns::new(&schema, &listing, index, file.schema()).map(Arc::new))
        .collect::<Result<Vec<_>>>()?;
    let files = Files { files: Arc::new(files), columns: Arc::new(columns) };
    Ok(Arc::new(ParquetSource { schema, listing, files, statistics: OnceLock::new() }))
}

/// Reads the footers of all files, several at once, in the files' order. The first error in that order is
/// the one that is given.
fn footers(
    files: &[FileInfo],
    options: &ParquetOptions,
    context: &ReadContext,
) -> Result<Vec<Arc<ParquetFile>>> {
    let threads = if files.len() < FOOTERS_AT_ONCE { 1 } else { FOOTERS_AT_ONCE };
    in_order("Parquet", threads, files.len(), |file| {
        context.check()?;
        footer::read(&files[file], options, context).map(Arc::new)
    })
}

#[derive(Debug)]
struct ParquetSource {
    schema: SchemaRef,
    listing: Listing,
    files: Files,
    /// Made when first asked for.
    statistics: OnceLock<Statistics>,
}

impl Source for ParquetSource {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn describe(&self) -> String {
        format!("parquet {}", self.listing.describe())
    }

    fn statistics(&self) -> Statistics {
        let Files { files, columns } = &self.files;
        let made = || Statistics {
            rows: Some(files.iter().map(|file| file.rows()).fold(0, u64::saturating_add)),
            exact_rows: true,
            bytes: self.listing.bytes(),
            columns: pruning::statistics(files, columns, &self.schema, self.own_columns()),
        };
        self.statistics.get_or_init(made).clone()
    }

    fn is_coded(&self, column: usize) -> bool {
        let data_type = self.schema.field(column).data_type();
        let files = self.files.files.iter().zip(self.files.columns.iter());
        let mut of_files = files.map(|(file, columns)| {
            columns.file_index(column).is_some_and(|root| file.is_coded(root, data_type))
        });
        of_files.all(|is_coded| is_coded)
    }

    fn splits(&self, request: &ScanRequest, _context: &ReadContext) -> Result<Vec<Split>> {
        let wish = Wish::new(&self.schema, request)?;
        let mut kept: Vec<Option<Vec<bool>>> = vec![None; self.files.files.len()];
        for file in self.listing.kept(&request.prune, self.own_columns()) {
            let (Some(parquet), Some(columns)) = (self.files.files.get(file), self.files.columns.get(file))
            else {
                continue;
            };
            kept[file] = Some(pruning::kept(parquet, columns, &request.prune));
        }
        let is_kept = |piece: &Piece| {
            let groups = kept.get(piece.file).and_then(Option::as_ref);
            groups.and_then(|groups| groups.get(piece.row_group)).copied().unwrap_or(false)
        };
        let mut splits = Vec::new();
        for mut pieces in split::cut(&self.files.files) {
            pieces.retain(is_kept);
            if !pieces.is_empty() {
                splits.push(self.split(pieces, &wish));
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
        let Some(pieces) = split.part.downcast_ref::<Vec<Piece>>() else {
            return Err(Error::invalid("a split of another source was given to a Parquet source"));
        };
        let wish = Wish::new(&self.schema, request)?;
        Ok(Box::new(SplitReader::new(self.files.clone(), pieces.clone(), wish, context.clone())))
    }
}

impl ParquetSource {
    /// Columns that files give, not directories.
    fn own_columns(&self) -> usize {
        self.schema.fields().len() - self.listing.partitions.len()
    }

    fn split(&self, pieces: Vec<Piece>, wish: &Wish) -> Split {
        let rows = pieces.iter().map(|piece| piece.rows.end - piece.rows.start).sum();
        let bytes = pieces.iter().map(|piece| self.bytes(piece, wish)).fold(0, u64::saturating_add);
        Split { label: self.label(&pieces), bytes, rows: Some(rows), part: Box::new(pieces) }
    }

    fn label(&self, pieces: &[Piece]) -> String {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return String::new() };
        let path = |piece: &Piece| {
            self.files
                .files
                .get(piece.file)
                .map(|file| file.info.path.display().to_string())
                .unwrap_or_default()
        };
        match last.file - first.file {
            0 if first.row_group == last.row_group => {
                format!("{} row group {}", path(first), first.row_group)
            }
            0 => format!("{} row groups {}-{}", path(first), first.row_group, last.row_group),
            more => format!("{} and {more} more", path(first)),
        }
    }

    /// Bytes on disk of the wanted columns of a piece.
    fn bytes(&self, piece: &Piece, wish: &Wish) -> u64 {
        let (Some(file), Some(columns)) =
            (self.files.files.get(piece.file), self.files.columns.get(piece.file))
        else {
            return 0;
        };
        let group = file.metadata.row_group(piece.row_group);
        let leaves = file.reading.leaves_of(&columns.file_indices(&wish.columns()));
        let size = |leaf: &usize| u64::try_from(group.column(*leaf).compressed_size()).unwrap_or(0);
        let bytes: u64 = leaves.iter().map(size).fold(0, u64::saturating_add);
        let all = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
        (u128::from(bytes) * u128::from(piece.rows.end - piece.rows.start) / u128::from(all)) as u64
    }
}
