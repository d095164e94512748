//! One split: its blocks become tables, and tables batches.
//!
//! `plan.rs` knows what is wanted of each row, `judge.rs` what becomes of bad ones, `place.rs` where they are.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::block::{Block, BlockReader};
use super::columns::{Fields, fields_of};
use super::convert::Text;
use super::file::Head;
use super::input::Input;
use super::judge::{Judge, Rejects, note};
use super::place::{Place, records_of_piece};
use super::plan::Plan;
use super::rows::{Ragged, Table};
use super::source::{Part, Shared};
use crate::reject::BadRows;
use crate::{BatchReader, Error, Notice, ReadContext, Result, ScanRequest};

/// First block when the reader was told that few rows are wanted.
const FIRST_BYTES_OF_FEW: usize = 32 << 10;

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
    /// The row after the last of the table, if it ends the run.
    fatal: Option<Ragged>,
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
        let range = records_of_piece(&input, dialect, csv_file, part.piece, &head)?;
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
            rejects: part.rejects.as_ref().map(|file| Rejects::new(file, part.number)),
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
                    if let Some(fatal) = current.fatal {
                        let mut judge = Judge {
                            place: &mut self.place,
                            block: &current.block,
                            rejects: self.rejects.as_mut(),
                            notices: &mut self.notices,
                        };
                        judge.ragged(fatal, self.plan.file_fields)?;
                    }
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
            let Block { buffer, len, .. } = &current.block;
            let text = Text { buffer, len: *len, is_utf8: current.is_utf8 };
            let cells = current.table.cells(buffer, first, rows);
            let mut batch = self.plan.batch(text, cells, &mut judge)?;
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
        let policy = &self.place.shared.options.bad_rows;
        let (keep_ragged, is_strict) = (*policy == BadRows::Null, *policy == BadRows::Error);
        let mut found = std::mem::take(&mut block.index);
        let mut table = Table::new(&mut found, block.text(), self.plan.file_fields, keep_ragged);
        // The rows before it come first, because one of them may be bad as well.
        let fatal = table.ragged.first().copied().filter(|_| is_strict);
        if let Some(fatal) = fatal {
            table.truncate(fatal.row as usize);
            table.ragged.clear();
        }
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
        self.current = Some(Current { block, is_utf8, table, next_row: 0, batch_rows, fatal });
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
