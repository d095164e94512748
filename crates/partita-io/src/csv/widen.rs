//! The second look: all values of the columns that are read, after a sample was found to be wrong.
//!
//! Only the kinds of values are wanted, so nothing is converted twice and a column that is text already is
//! not looked at any more. The result holds every value of these columns; other columns keep their types.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::block::{Block, BlockReader};
use super::file::{CsvFile, count_lines};
use super::infer::{Column, Kinds, kind_of_cell};
use super::input::Input;
use super::reader::shown;
use super::rows::{Cells, Table};
use super::source::{Shared, fields_of};
use super::value::unquoted;
use crate::{Notice, ReadContext, Result, ScanRequest};

/// A column under inspection.
struct Watched {
    column: usize,
    kinds: Kinds,
    /// A sentence on the first value that did not fit.
    first: Option<String>,
}

/// The columns with types that hold every value of the columns that `request` needs, and what changed.
pub(crate) fn columns(
    shared: &Arc<Shared>,
    schema: &SchemaRef,
    request: &ScanRequest,
    context: &ReadContext,
) -> Result<(Vec<Column>, Vec<Notice>)> {
    let mut wanted = request.projection.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
    wanted.extend(request.filter.iter().flat_map(|filter| filter.columns()));
    wanted.extend(request.prune.iter().map(|prune| prune.column));
    wanted.sort_unstable();
    wanted.dedup();
    let mut watched: Vec<Watched> = wanted
        .into_iter()
        .filter_map(|column| Some((column, shared.columns.get(column)?.kinds?)))
        .filter(|(_, kinds)| !kinds.is_text())
        .map(|(column, kinds)| Watched { column, kinds, first: None })
        .collect();
    for file in &shared.files {
        if watched.iter().all(|watched| watched.kinds.is_text()) {
            break;
        }
        look_at_file(shared, file, context, &mut watched)?;
    }
    let mut columns = shared.columns.clone();
    let mut notices = Vec::new();
    for Watched { column, kinds, first } in watched {
        let column = &mut columns[column];
        let (old, new) = (column.data_type.clone(), kinds.data_type());
        (column.data_type, column.kinds) = (new.clone(), Some(kinds));
        if let Some(first) = first.filter(|_| old != new) {
            let name = &column.name;
            let message = format!("the column `{name}` is read as {new} instead of {old}, because {first}");
            notices.push(Notice { message, rows: 0 });
        }
    }
    Ok((columns, notices))
}

fn look_at_file(
    shared: &Shared,
    file: &CsvFile,
    context: &ReadContext,
    watched: &mut [Watched],
) -> Result<()> {
    let (options, dialect) = (&shared.options, &shared.decoder.dialect);
    let head = file.head(options, dialect, context)?;
    let fields = fields_of(file, &head, options, &shared.names)?.fields;
    let mut input = Input::open(file.open(context)?, options.encoding, &context.limits)?;
    let head_lines = input.skip(head.data_start)?;
    let head_lines = if input.is_plain() { None } else { Some(head_lines) };
    let range = head.data_start..u64::MAX;
    let bytes = options.block_bytes;
    let mut blocks = BlockReader::new(input, Arc::clone(dialect), range, bytes, bytes, context);
    let file_fields = if options.header { head.fields } else { shared.columns.len() };
    let mut lines = LinesSeen { counted: head_lines.map(|lines| (head.data_start, lines)) };
    while let Some(mut block) = blocks.next_block()? {
        let mut found = std::mem::take(&mut block.index);
        let table = Table::new(&mut found, block.text(), file_fields, false);
        let cells = table.cells(&block.buffer, 0, table.rows());
        for watched in watched.iter_mut() {
            let Some(field) = fields[watched.column] else { continue };
            if watched.kinds.is_text() {
                continue;
            }
            let at = look_at_column(shared, cells, field, field + 1 == file_fields, watched);
            let Some((start, value)) = at.filter(|_| watched.first.is_none()) else { continue };
            let line = lines.line(&block, start, file, blocks.input())?;
            let path = file.info.path.display();
            watched.first = Some(format!("`{value}` is not of that type (line {line} of {path})"));
        }
        lines.pass(&block);
        blocks.recycle(block.buffer);
    }
    Ok(())
}

/// Adds the kinds of a column's cells; the first cell that changed the type.
fn look_at_column(
    shared: &Shared,
    cells: Cells<'_>,
    field: usize,
    is_last: bool,
    watched: &mut Watched,
) -> Option<(usize, String)> {
    let before = watched.kinds.data_type();
    let mut first = None;
    for cell in cells.column(field, is_last) {
        let kind = kind_of_cell(&shared.decoder, cell.raw(cells.bytes), shared.options.infer_dates);
        let Some(kind) = kind.filter(|kind| watched.kinds.with(*kind) != watched.kinds) else { continue };
        watched.kinds = watched.kinds.with(kind);
        if first.is_none() && watched.kinds.data_type() != before {
            let value = unquoted(&shared.decoder.dialect, cell.raw(cells.bytes));
            first = Some((cell.start, shown(&value.bytes)));
        }
        if watched.kinds.is_text() {
            watched.kinds = Kinds::TEXT;
            break;
        }
    }
    first
}

/// Line numbers: counted as text passes where it cannot be read again, else read again when asked.
struct LinesSeen {
    counted: Option<(u64, u64)>,
}

impl LinesSeen {
    fn line(&self, block: &Block, start: usize, file: &CsvFile, input: &Input) -> Result<u64> {
        match self.counted {
            Some((_, lines)) => Ok(lines + count_lines(&block.text()[..start]) + 1),
            None => {
                let offset = block.offset + start as u64;
                let piece = (0..file.pieces).rev().find(|&piece| file.nominal(piece) <= offset).unwrap_or(0);
                Ok(file.lines_before(piece, offset, input.file())? + 1)
            }
        }
    }

    fn pass(&mut self, block: &Block) {
        if let Some((offset, lines)) = &mut self.counted {
            *offset += block.len as u64;
            *lines += count_lines(block.text());
        }
    }
}
