//! One split: blocks to batches, with the caller's projection, filter and policy for bad rows.
//!
//! A batch is converted a column at a time. Rows that a policy drops and rows that the filter drops are taken
//! out of the table before the other columns are converted, so they cost nothing there. A value is looked
//! at when it is read: under the policies `Error` and `Null` nobody looks at columns that are not asked for;
//! under `Skip` and `Reject` every column with a given type is checked, so that which rows there are does not
//! depend on which columns are read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter, prep_null_mask_filter};
use arrow::datatypes::{Schema, SchemaRef};

use super::block::{Block, BlockReader};
use super::convert::{Field, Text, convert, is_text, missing};
use super::dialect::State;
use super::file::{CsvFile, Head, count_lines};
use super::infer::Column;
use super::input::Input;
use super::rows::{Cells, Ragged, Table};
use super::source::{Fields, Part, Shared, fields_of};
use super::value::unquoted;
use crate::file_columns::repeated;
use crate::reject::BadRows;
use crate::reject::{Reject, RejectFile};
use crate::{BatchReader, DataFile, Error, Notice, ReadContext, Result, RowFilter, ScanRequest};

/// First block when the reader was told that few rows are wanted.
const FIRST_BYTES_OF_FEW: usize = 32 << 10;
/// A value in a message is cut to this many characters.
const SHOWN_CHARACTERS: usize = 100;

/// Reads a split.
pub(crate) struct CsvReader {
    place: Place,
    plan: Plan,
    blocks: BlockReader,
    current: Option<Current>,
    rejects: Option<Rejects>,
    notices: Vec<Notice>,
    rows_left: usize,
    taken_before: u64,
    /// Whether the state after the split is known once its last block was read.
    tells_state: bool,
    finished: bool,
}

struct Current {
    block: Block,
    is_utf8: bool,
    table: Table,
    next_row: usize,
    batch_rows: usize,
}

/// What is wanted of each row.
struct Plan {
    shared: Arc<Shared>,
    /// Columns of the source in the order wanted, and the schema of the batches.
    output: Vec<usize>,
    schema: SchemaRef,
    filter: Option<(Arc<dyn RowFilter>, SchemaRef)>,
    /// Columns that are converted before all others to find bad rows.
    checked: Vec<usize>,
    fields: Vec<Option<usize>>,
    file_fields: usize,
    /// Number of the file in the listing.
    file_number: usize,
    batch_rows: usize,
}

/// Where the reader is, for messages.
struct Place {
    shared: Arc<Shared>,
    file_number: usize,
    piece: usize,
    file: DataFile,
    is_plain: bool,
    has_byte_offsets: bool,
    /// An offset and the number of line ends before it.
    lines: Option<(u64, u64)>,
}

struct Rejects {
    file: Arc<RejectFile>,
    split: usize,
    lines: Vec<u8>,
    /// Lines of the current block with the offsets of their rows.
    of_block: Vec<(u64, Vec<u8>)>,
    finished: bool,
}

impl Rejects {
    /// Puts the lines of a block, whose ragged rows were found before its bad values, in order.
    fn end_block(&mut self) {
        self.of_block.sort_by_key(|(offset, _)| *offset);
        for (_, line) in self.of_block.drain(..) {
            self.lines.extend_from_slice(&line);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        self.finished = true;
        self.end_block();
        std::mem::take(&mut self.lines)
    }
}

impl Drop for Rejects {
    /// A reader that is dropped early hands in what it has.
    fn drop(&mut self) {
        if !self.finished {
            // The run is being abandoned or limited; if its rejects cannot be kept, there is nobody to tell.
            let lines = self.take();
            let _ = self.file.finish(self.split, lines);
        }
    }
}

impl CsvReader {
    pub(crate) fn open(
        shared: &Arc<Shared>,
        schema: &SchemaRef,
        part: &Part,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<Self> {
        let csv_file =
            shared.files.get(part.file).ok_or_else(|| Error::invalid("the split is of another source"))?;
        let (options, dialect) = (&shared.options, &shared.decoder.dialect);
        let head = csv_file.head(options, dialect, context)?;
        let file = csv_file.open(context)?;
        let mut input = Input::open(file.clone(), options.encoding, &context.limits)?;
        let fields = fields_of(csv_file, &head, options, &shared.names)?;
        let mut place = Place {
            shared: Arc::clone(shared),
            file_number: part.file,
            piece: part.piece,
            file,
            is_plain: input.is_plain(),
            has_byte_offsets: input.has_byte_offsets(),
            lines: None,
        };
        let range = match place.is_plain {
            true => place.range_of_piece(&head, csv_file)?,
            false if part.piece == 0 => head.data_start..u64::MAX,
            // The name did not tell that the file is compressed: its first piece is all of it.
            false => head.data_start..head.data_start,
        };
        let lines_skipped = if range.is_empty() { 0 } else { input.skip(range.start)? };
        if !place.is_plain {
            place.lines = Some((range.start, lines_skipped));
        }
        // A piece without a record of its own says nothing about the quotes around it.
        let tells_state = place.is_plain && !range.is_empty();
        let taken_before = if place.is_plain { range.start } else { 0 };
        let notices = notices_of_columns(&head, &fields, shared, part.piece, request);
        let block_bytes = options.block_bytes;
        let first_bytes = if request.limit.is_some() { FIRST_BYTES_OF_FEW } else { block_bytes };
        Ok(CsvReader {
            blocks: BlockReader::new(input, Arc::clone(dialect), range, first_bytes, block_bytes, context),
            plan: Plan::new(shared, schema, fields, &head, part.file, request)?,
            place,
            current: None,
            rejects: part.rejects.as_ref().map(|file| Rejects {
                file: Arc::clone(file),
                split: part.number,
                lines: Vec::new(),
                of_block: Vec::new(),
                finished: false,
            }),
            notices,
            rows_left: request.limit.unwrap_or(usize::MAX),
            taken_before,
            tells_state,
            finished: false,
        })
    }

    fn next_converted(&mut self) -> Result<Option<RecordBatch>> {
        while self.rows_left > 0 {
            let Some(current) = &mut self.current else {
                if !self.next_table()? {
                    self.finish()?;
                    return Ok(None);
                }
                continue;
            };
            let first = current.next_row;
            let rows = current.batch_rows.min(current.table.rows() - first);
            if rows == 0 {
                if let Some(current) = self.current.take() {
                    self.place.end_block(&current.block)?;
                    if let Some(rejects) = &mut self.rejects {
                        rejects.end_block();
                    }
                    self.blocks.recycle(current.block.buffer);
                }
                continue;
            }
            current.next_row += rows;
            let current = &*current;
            let mut judge = Judge {
                place: &mut self.place,
                block: &current.block,
                rejects: self.rejects.as_mut(),
                notices: &mut self.notices,
            };
            let cells = current.table.cells(&current.block.buffer, first, rows);
            let mut batch = self.plan.batch(current, cells, &mut judge)?;
            if batch.num_rows() == 0 {
                continue;
            }
            if batch.num_rows() > self.rows_left {
                batch = batch.slice(0, self.rows_left);
            }
            self.rows_left -= batch.num_rows();
            return Ok(Some(batch));
        }
        self.finish()?;
        Ok(None)
    }

    /// Reads the next block and makes a table of it; false at the end of the split.
    fn next_table(&mut self) -> Result<bool> {
        let Some(mut block) = self.blocks.next_block()? else { return Ok(false) };
        self.place.begin_block(&block);
        if block.unclosed {
            note(&mut self.notices, "a quoted field is not closed before the end of its file".to_owned(), 1);
        }
        let keep_ragged = self.place.shared.options.bad_rows == BadRows::Null;
        let mut found = std::mem::take(&mut block.index);
        let table = Table::new(&mut found, block.text(), self.plan.file_fields, keep_ragged);
        let mut judge = Judge {
            place: &mut self.place,
            block: &block,
            rejects: self.rejects.as_mut(),
            notices: &mut self.notices,
        };
        for ragged in &table.ragged {
            judge.ragged(*ragged, self.plan.file_fields)?;
        }
        let is_utf8 = simdutf8::basic::from_utf8(block.text()).is_ok();
        // Batches of equal size, none above what was asked for.
        let batches = table.rows().div_ceil(self.plan.batch_rows).max(1);
        let batch_rows = table.rows().div_ceil(batches).max(1);
        self.current = Some(Current { block, is_utf8, table, next_row: 0, batch_rows });
        Ok(true)
    }

    fn finish(&mut self) -> Result<()> {
        if self.finished {
            return Ok(());
        }
        self.finished = true;
        if self.tells_state && self.blocks.is_done() && self.rows_left > 0 {
            let file = &self.place.shared.files[self.place.file_number];
            file.note_state_after(self.place.piece, self.blocks.overran());
        }
        if let Some(rejects) = &mut self.rejects {
            let lines = rejects.take();
            rejects.file.finish(rejects.split, lines)?;
        }
        Ok(())
    }
}

impl BatchReader for CsvReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.finished {
            return Ok(None);
        }
        let result = self.next_converted();
        if result.is_err() {
            self.finished = true;
            if let Some(rejects) = &mut self.rejects {
                rejects.finished = true;
                // For want of memory the split may be read once more.
                if !result.as_ref().is_err_and(Error::is_memory) {
                    rejects.file.fail();
                }
            }
        }
        result.map_err(|error| error.in_file(self.place.file.path()))
    }

    fn bytes_read(&self) -> u64 {
        self.blocks.input().taken().saturating_sub(self.taken_before)
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

fn note(notices: &mut Vec<Notice>, message: String, rows: u64) {
    match notices.iter_mut().find(|notice| notice.message == message) {
        Some(notice) => notice.rows += rows,
        None => notices.push(Notice { message, rows }),
    }
}

/// Once per file: which columns it lacks, and which of its columns are not read.
fn notices_of_columns(
    head: &Head,
    fields: &Fields,
    shared: &Shared,
    piece: usize,
    request: &ScanRequest,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    if piece != 0 || head.fields == 0 {
        return notices;
    }
    let is_wanted = |column: &usize| match &request.projection {
        Some(projection) => projection.contains(column),
        None => true,
    };
    for column in (0..shared.columns.len()).filter(is_wanted) {
        if fields.fields[column].is_none() {
            let name = &shared.columns[column].name;
            note(
                &mut notices,
                format!("the column `{name}` is missing in some files; its values are null there"),
                0,
            );
        }
    }
    for name in &fields.ignored {
        note(
            &mut notices,
            format!("the column `{name}` of some files is not read; the first file lacks it"),
            0,
        );
    }
    notices
}

impl Place {
    /// The records of a piece: where its first record begins, past one that began in the piece before.
    fn range_of_piece(&self, head: &Head, csv_file: &CsvFile) -> Result<std::ops::Range<u64>> {
        let (file, dialect) = (&self.file, &self.shared.decoder.dialect);
        let Some(start) = csv_file.cut(self.piece, head.data_start, file)? else { return Ok(0..0) };
        let end = csv_file.end(self.piece, head.data_start, file)?;
        let mut state = csv_file.state(self.piece, head.data_start, file, dialect)?;
        if state == State::RecordStart {
            return Ok(start..end);
        }
        let mut position = start;
        let mut buffer = vec![0; 64 << 10];
        while position < end {
            let count = buffer.len().min(usize::try_from(end - position).unwrap_or(usize::MAX));
            file.read_exact_at(position, &mut buffer[..count])?;
            match dialect.record_end(&buffer[..count], state) {
                Ok(next) => return Ok(position + next as u64..end),
                Err(after) => state = after,
            }
            position += count as u64;
        }
        Ok(end..end)
    }

    fn begin_block(&mut self, block: &Block) {
        // A compressed file cannot be read again cheaply, so its lines are counted as they pass.
        if !self.is_plain {
            let before = self.lines.map_or(0, |(_, lines)| lines);
            self.lines = Some((block.offset, before));
        }
    }

    fn end_block(&mut self, block: &Block) -> Result<()> {
        if !self.is_plain {
            self.line(block, block.len)?;
        }
        Ok(())
    }

    /// The line, counted from 1, of an offset in the block.
    fn line(&mut self, block: &Block, offset: usize) -> Result<u64> {
        let at = block.offset + offset as u64;
        let lines = match self.lines {
            Some((known, lines)) if known >= block.offset && known <= at => {
                let from = (known - block.offset) as usize;
                lines + count_lines(block.text().get(from..offset).unwrap_or_default())
            }
            _ => self.shared.files[self.file_number].lines_before(self.piece, at, &self.file)?,
        };
        self.lines = Some((at, lines));
        Ok(lines + 1)
    }

    fn locate(&mut self, error: Error, block: &Block, offset: usize) -> Result<Error> {
        let line = self.line(block, offset)?;
        let error = error.at_line(line).in_file(self.file.path());
        Ok(if self.has_byte_offsets { error.at_byte(block.offset + offset as u64) } else { error })
    }
}

/// Applies the policy for bad rows.
struct Judge<'a> {
    place: &'a mut Place,
    block: &'a Block,
    rejects: Option<&'a mut Rejects>,
    notices: &'a mut Vec<Notice>,
}

impl Judge<'_> {
    fn ragged(&mut self, row: Ragged, expected: usize) -> Result<()> {
        let Ragged { start, next, fields } = row;
        let reason = format!("the row has {fields} fields instead of {expected}");
        match &self.place.shared.options.bad_rows {
            BadRows::Error => {
                let error = Error::corrupt(format!(
                    "{reason}; mend the file, or choose another policy for bad rows (null, skip, reject)"
                ));
                Err(self.place.locate(error, self.block, start as usize)?)
            }
            BadRows::Null => {
                let what = match (fields as usize) < expected {
                    true => "rows have too few fields; the missing ones are null",
                    false => "rows have too many fields; the surplus is dropped",
                };
                note(self.notices, what.to_owned(), 1);
                Ok(())
            }
            BadRows::Skip => {
                note(self.notices, "rows with too few or too many fields are left out".to_owned(), 1);
                Ok(())
            }
            BadRows::Reject(_) => {
                note(self.notices, "rows with too few or too many fields are rejected".to_owned(), 1);
                let text = self.block.text();
                let line = &text[start as usize..(next as usize).min(text.len())];
                let value = line.strip_suffix(b"\n").unwrap_or(line);
                let value = value.strip_suffix(b"\r").unwrap_or(value);
                self.reject(start as usize, "", value, &reason)
            }
        }
    }

    fn reject(&mut self, offset: usize, column: &str, value: &[u8], reason: &str) -> Result<()> {
        let line = self.place.line(self.block, offset)?;
        let byte = self.block.offset + offset as u64;
        if let Some(rejects) = &mut self.rejects {
            let file = self.place.file.path();
            let mut text = Vec::new();
            Reject { file, line, byte, column, value, reason }.write_to(&mut text);
            rejects.of_block.push((byte, text));
        }
        Ok(())
    }

    /// Rows that are dropped for the first of their bad values.
    fn dropped(&mut self, column: &Column, cells: Cells<'_>, field: Field<'_>, row: u32) -> Result<()> {
        let name = &column.name;
        let cell = cells.cell(row as usize, field.number, field.is_last);
        if self.rejects.is_none() {
            let message = format!("rows with a bad value in the column `{name}` are left out");
            note(self.notices, message, 1);
            return Ok(());
        }
        note(self.notices, format!("rows with a bad value in the column `{name}` are rejected"), 1);
        let value = unquoted(&self.place.shared.decoder.dialect, cell.raw(cells.bytes));
        let reason = reason_of(column);
        self.reject(cell.start, name, &value.bytes, &reason)
    }

    /// Values that a column does not hold: an inferred type is too narrow, or they are bad.
    fn values(&mut self, column: &Column, cells: Cells<'_>, field: Field<'_>, bad: &[u32]) -> Result<()> {
        let Some(&first) = bad.first() else { return Ok(()) };
        let is_narrow = column.kinds.is_some() && !is_text(&column.data_type);
        let policy = &self.place.shared.options.bad_rows;
        if !is_narrow && *policy == BadRows::Null {
            let message = format!("bad values of the column `{}` are null", column.name);
            note(self.notices, message, bad.len() as u64);
            return Ok(());
        }
        let cell = cells.cell(first as usize, field.number, field.is_last);
        let value = unquoted(&self.place.shared.decoder.dialect, cell.raw(cells.bytes));
        let error = if is_narrow {
            Error::type_too_narrow(shown(&value.bytes), column.data_type.to_string())
        } else {
            let shown = shown(&value.bytes);
            Error::corrupt(format!("the value `{shown}` is bad: {}", reason_of(column)))
        };
        Err(self.place.locate(error.in_column(&*column.name), self.block, cell.start)?)
    }
}

fn reason_of(column: &Column) -> String {
    if is_text(&column.data_type) {
        return "it is not UTF-8; give the file's encoding, windows-1252 say, or ask for lossy UTF-8"
            .to_owned();
    }
    format!("it is not of the type {} that was given for the column", column.data_type)
}

/// A value for a message.
pub(super) fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

impl Plan {
    fn new(
        shared: &Arc<Shared>,
        schema: &SchemaRef,
        fields: Fields,
        head: &Head,
        file_number: usize,
        request: &ScanRequest,
    ) -> Result<Self> {
        let (columns, all) = (shared.columns.len(), schema.fields().len());
        let output = request.projection.clone().unwrap_or_else(|| (0..all).collect());
        let needed = output.iter().chain(request.filter.iter().flat_map(|filter| filter.columns()));
        if let Some(column) = needed.copied().find(|&column| column >= all) {
            return Err(Error::invalid(format!("column {column} is asked for but there are {all}")));
        }
        let drops_rows = matches!(shared.options.bad_rows, BadRows::Skip | BadRows::Reject(_));
        let checked = (0..columns)
            .filter(|&column| {
                let Column { data_type, kinds, .. } = &shared.columns[column];
                drops_rows && (kinds.is_none() || is_text(data_type)) && fields.fields[column].is_some()
            })
            .collect();
        let only = |columns: &[usize]| {
            let fields: Vec<_> = columns.iter().map(|&column| Arc::clone(&schema.fields()[column])).collect();
            Arc::new(Schema::new(fields))
        };
        Ok(Plan {
            shared: Arc::clone(shared),
            schema: only(&output),
            filter: request.filter.as_ref().map(|filter| (Arc::clone(filter), only(filter.columns()))),
            output,
            checked,
            file_fields: if shared.options.header { head.fields } else { columns },
            fields: fields.fields,
            file_number,
            batch_rows: request.batch_rows.max(1),
        })
    }

    fn batch(&self, current: &Current, cells: Cells<'_>, judge: &mut Judge<'_>) -> Result<RecordBatch> {
        let good = self.good_rows(current, cells, judge)?;
        let good = good.map(|rows| Table::select(&cells, &rows, self.file_fields));
        let cells = good.as_ref().map_or(cells, |table| table.cells(cells.bytes, 0, table.rows()));
        let mut arrays: Vec<Option<ArrayRef>> =
            vec![None; self.shared.columns.len() + self.shared.listing.partitions.len()];
        let kept = match &self.filter {
            Some((filter, schema)) => {
                self.kept_rows(current, cells, judge, &**filter, schema, &mut arrays)?
            }
            None => None,
        };
        let kept = kept.map(|rows| Table::select(&cells, &rows, self.file_fields));
        let cells = kept.as_ref().map_or(cells, |table| table.cells(cells.bytes, 0, table.rows()));
        let mut columns = Vec::with_capacity(self.output.len());
        for &column in &self.output {
            let array = match &arrays[column] {
                Some(array) => Arc::clone(array),
                None => self.column(current, cells, judge, column)?,
            };
            arrays[column] = Some(Arc::clone(&array));
            columns.push(array);
        }
        record_batch(&self.schema, columns, cells.rows())
    }

    /// Under a policy that drops rows: the rows whose values all fit, if not all do.
    fn good_rows(
        &self,
        current: &Current,
        cells: Cells<'_>,
        judge: &mut Judge<'_>,
    ) -> Result<Option<Vec<u32>>> {
        let mut bad: Vec<(u32, usize)> = Vec::new();
        for &column in &self.checked {
            let data_type = &self.shared.columns[column].data_type;
            let (true, Some(field)) = (!is_text(data_type) || !current.is_utf8, self.field(column)) else {
                continue;
            };
            let converted = convert(&self.shared.decoder, text_of(current), cells, field)?;
            bad.extend(converted.bad.iter().map(|&row| (row, column)));
        }
        if bad.is_empty() {
            return Ok(None);
        }
        bad.sort_unstable();
        bad.dedup_by_key(|(row, _)| *row);
        for &(row, column) in &bad {
            if let Some(field) = self.field(column) {
                judge.dropped(&self.shared.columns[column], cells, field, row)?;
            }
        }
        let mut bad = bad.iter().map(|(row, _)| *row).peekable();
        Ok(Some((0..cells.rows() as u32).filter(|row| bad.next_if_eq(row).is_none()).collect()))
    }

    /// The rows that the filter keeps, if not all; its columns are left in `arrays`, filtered.
    fn kept_rows(
        &self,
        current: &Current,
        cells: Cells<'_>,
        judge: &mut Judge<'_>,
        row_filter: &dyn RowFilter,
        schema: &SchemaRef,
        arrays: &mut [Option<ArrayRef>],
    ) -> Result<Option<Vec<u32>>> {
        let mut columns = Vec::with_capacity(row_filter.columns().len());
        for &column in row_filter.columns() {
            columns.push(self.column(current, cells, judge, column)?);
        }
        let batch = record_batch(schema, columns, cells.rows())?;
        let keep = row_filter.keep(&batch)?;
        let keep = if keep.null_count() > 0 { prep_null_mask_filter(&keep) } else { keep };
        if keep.len() != cells.rows() {
            return Err(Error::invalid("the filter did not answer for every row"));
        }
        let all = !keep.has_false();
        for (&column, array) in row_filter.columns().iter().zip(batch.columns()) {
            arrays[column] = Some(if all { Arc::clone(array) } else { filtered(array, &keep)? });
        }
        Ok((!all).then(|| keep.values().set_indices_u32().collect()))
    }

    fn field(&self, column: usize) -> Option<Field<'_>> {
        let number = self.fields[column]?;
        let Column { data_type, .. } = &self.shared.columns[column];
        let grammar = self.shared.columns[column].grammar();
        Some(Field { number, is_last: number + 1 == self.file_fields, data_type, grammar })
    }

    fn column(
        &self,
        current: &Current,
        cells: Cells<'_>,
        judge: &mut Judge<'_>,
        column: usize,
    ) -> Result<ArrayRef> {
        let Some(described) = self.shared.columns.get(column) else {
            let constant = &self.shared.listing.partitions[column - self.shared.columns.len()];
            return repeated(&constant.values.slice(self.file_number, 1), cells.rows());
        };
        let Some(field) = self.field(column) else { return Ok(missing(&described.data_type, cells.rows())) };
        let converted = convert(&self.shared.decoder, text_of(current), cells, field)
            .map_err(|error| error.in_column(&*described.name))?;
        judge.values(described, cells, field, &converted.bad)?;
        Ok(converted.array)
    }
}

fn text_of(current: &Current) -> Text<'_> {
    Text { buffer: &current.block.buffer, len: current.block.len, is_utf8: current.is_utf8 }
}

fn filtered(array: &ArrayRef, keep: &BooleanArray) -> Result<ArrayRef> {
    filter(array, keep).map_err(|error| Error::filter(Box::new(error)))
}

fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::invalid(format!("a batch does not have the schema of its source ({error})")))
}
