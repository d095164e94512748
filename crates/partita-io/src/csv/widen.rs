//! The second look: all values of the columns that are read, after a sample was found to be wrong.
//!
//! Only the kinds of values are wanted, so nothing is converted twice and a column that is text already is
//! not looked at any more. The pieces of all files are looked at by several threads; what they find is put
//! together in the files' order, so that result and messages are always the same. The result holds every value
//! of these columns; other columns keep their types.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;

use super::block::BlockReader;
use super::columns::fields_of;
use super::file::{CsvFile, count_lines};
use super::infer::{Column, Kinds, kind_of_cell};
use super::input::Input;
use super::judge::shown;
use super::place::records_of_piece;
use super::rows::{Cells, Table};
use super::source::Shared;
use super::value::unquoted;
use crate::together::in_order;
use crate::{Notice, ReadContext, Result, ScanRequest};

/// A column under inspection.
#[derive(Debug)]
struct Watched {
    column: usize,
    kinds: Kinds,
    /// The first piece in which it was found to be text, for the pieces behind to pass it over.
    text_since: AtomicUsize,
}

/// What a piece holds of a column.
#[derive(Clone)]
struct Found {
    kinds: Kinds,
    first: Option<First>,
}

/// The first value that does not fit.
#[derive(Clone)]
struct First {
    value: String,
    /// Where it begins in the file's text.
    offset: u64,
    /// Lines before it, where they were counted because the text cannot be read again.
    lines: Option<u64>,
}

/// The columns with types that hold every value of the columns that `request` needs, and what changed.
pub(crate) fn columns(
    shared: &Arc<Shared>,
    schema: &SchemaRef,
    request: &ScanRequest,
    context: &ReadContext,
) -> Result<(Vec<Column>, Vec<Notice>)> {
    let watched = watched(shared, schema, request);
    let pieces: Vec<(usize, usize)> = (0..shared.files.len())
        .flat_map(|file| (0..shared.files[file].pieces).map(move |piece| (file, piece)))
        .collect();
    let found = in_order("CSV", context.threads, pieces.len(), |number| {
        let (file, piece) = pieces[number];
        Look { shared, context, watched: &watched, number }.look_at(&shared.files[file], piece)
    })?;
    let mut columns = shared.columns.clone();
    let mut notices = Vec::new();
    for (at, Watched { column, kinds, .. }) in watched.iter().enumerate() {
        let all = found.iter().fold(*kinds, |all, of_piece| all.with(of_piece[at].kinds));
        let described = &mut columns[*column];
        let (old, new) = (described.data_type.clone(), all.data_type());
        (described.data_type, described.kinds) = (new.clone(), Some(all));
        let first = found
            .iter()
            .zip(&pieces)
            .find_map(|(of_piece, piece)| Some((piece, of_piece[at].first.as_ref()?)));
        if let Some(((file, piece), first)) = first.filter(|_| old != new) {
            let file = &shared.files[*file];
            let lines = match first.lines {
                Some(lines) => lines,
                None => file.lines_before(*piece, first.offset, &file.open(context)?)?,
            };
            let (name, value, path) = (&described.name, &first.value, file.info.path.display());
            let message = format!(
                "the column `{name}` is read as {new} instead of {old}, because `{value}` is not of that type (line \
                 {} of {path})",
                lines + 1
            );
            notices.push(Notice { message, rows: 0 });
        }
    }
    Ok((columns, notices))
}

/// The columns that are read, whose types were inferred, and that are not text yet.
fn watched(shared: &Shared, schema: &SchemaRef, request: &ScanRequest) -> Vec<Watched> {
    let mut wanted = request.projection.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
    wanted.extend(request.filter.iter().flat_map(|filter| filter.columns()));
    wanted.extend(request.prune.iter().map(|prune| prune.column));
    wanted.sort_unstable();
    wanted.dedup();
    wanted
        .into_iter()
        .filter_map(|column| Some((column, shared.columns.get(column)?.kinds?)))
        .filter(|(_, kinds)| !kinds.is_text())
        .map(|(column, kinds)| Watched { column, kinds, text_since: AtomicUsize::new(usize::MAX) })
        .collect()
}

/// A look at one piece.
struct Look<'a> {
    shared: &'a Shared,
    context: &'a ReadContext,
    watched: &'a [Watched],
    /// Of the piece among all.
    number: usize,
}

impl Look<'_> {
    fn look_at(&self, file: &CsvFile, piece: usize) -> Result<Vec<Found>> {
        let Look { shared, context, watched, .. } = *self;
        let mut found: Vec<Found> =
            watched.iter().map(|watched| Found { kinds: watched.kinds, first: None }).collect();
        let (options, dialect) = (&shared.options, &shared.decoder.dialect);
        let head = file.head(options, dialect, context)?;
        let fields = fields_of(file, &head, options, &shared.names)?.fields;
        let mut input = Input::open(file.open(context)?, options.encoding, &context.limits)?;
        let range = records_of_piece(&input, dialect, file, piece, &head)?;
        if range.is_empty() {
            return Ok(found);
        }
        let head_lines = input.skip(range.start)?;
        let mut lines = (!input.is_plain()).then_some(head_lines);
        let bytes = options.block_bytes;
        let mut blocks = BlockReader::new(input, Arc::clone(dialect), range, bytes, bytes, context);
        let file_fields = if options.header { head.fields } else { shared.columns.len() };
        while let Some(mut block) = blocks.next_block()? {
            let mut index = std::mem::take(&mut block.index);
            let table = Table::new(&mut index, block.text(), file_fields, false);
            let cells = table.cells(&block.buffer, 0, table.rows());
            for (watched, found) in watched.iter().zip(&mut found) {
                let Some(field) = fields[watched.column] else { continue };
                if watched.text_since.load(Ordering::Relaxed) < self.number || found.kinds.is_text() {
                    continue;
                }
                let first = self.look_at_column(cells, field, field + 1 == file_fields, &mut found.kinds);
                if found.kinds.is_text() {
                    watched.text_since.fetch_min(self.number, Ordering::Relaxed);
                }
                if let (Some((start, value)), None) = (first, &found.first) {
                    let lines = lines.map(|lines| lines + count_lines(&block.text()[..start]));
                    found.first = Some(First { value, offset: block.offset + start as u64, lines });
                }
            }
            lines = lines.map(|lines| lines + count_lines(block.text()));
            blocks.recycle(block.buffer);
        }
        Ok(found)
    }

    /// Adds the kinds of a column's cells; the first cell that changed the type.
    fn look_at_column(
        &self,
        cells: Cells<'_>,
        field: usize,
        is_last: bool,
        kinds: &mut Kinds,
    ) -> Option<(usize, String)> {
        let decoder = &self.shared.decoder;
        let before = kinds.data_type();
        let mut first = None;
        for cell in cells.column(field, is_last) {
            let kind = kind_of_cell(decoder, cell.raw(cells.bytes), self.shared.options.infer_dates);
            let Some(kind) = kind.filter(|kind| kinds.with(*kind) != *kinds) else { continue };
            *kinds = kinds.with(kind);
            if first.is_none() && kinds.data_type() != before {
                let value = unquoted(&decoder.dialect, cell.raw(cells.bytes));
                first = Some((cell.start, shown(&value.bytes)));
            }
            if kinds.is_text() {
                *kinds = Kinds::TEXT;
                break;
            }
        }
        first
    }
}
