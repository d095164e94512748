//! What becomes of a bad row, by the caller's policy: an error with its place, a null, or a line of the reject file.

use std::sync::Arc;

use super::block::Block;
use super::convert::{Field, is_text};
use super::infer::Column;
use super::place::Place;
use super::rows::{Cells, Ragged};
use super::value::unquoted;
use crate::reject::{BadRows, Reject, RejectFile};
use crate::{Error, Notice, Result};

/// A value in a message is cut to this many characters.
const SHOWN_CHARACTERS: usize = 100;

/// The rejected rows of a split.
pub(super) struct Rejects {
    pub(super) file: Arc<RejectFile>,
    pub(super) split: usize,
    lines: Vec<u8>,
    /// Lines of the current block with the offsets of their rows.
    of_block: Vec<(u64, Vec<u8>)>,
    pub(super) finished: bool,
}

impl Rejects {
    pub(super) fn new(file: &Arc<RejectFile>, split: usize) -> Self {
        Rejects { file: Arc::clone(file), split, lines: Vec::new(), of_block: Vec::new(), finished: false }
    }

    /// Puts the lines of a block, whose ragged rows were found before its bad values, in order.
    pub(super) fn end_block(&mut self) {
        self.of_block.sort_by_key(|(offset, _)| *offset);
        for (_, line) in self.of_block.drain(..) {
            self.lines.extend_from_slice(&line);
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
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

/// Adds rows to a notice.
pub(super) fn note(notices: &mut Vec<Notice>, message: String, rows: u64) {
    match notices.iter_mut().find(|notice| notice.message == message) {
        Some(notice) => notice.rows += rows,
        None => notices.push(Notice { message, rows }),
    }
}

/// Applies the policy for bad rows.
pub(super) struct Judge<'a> {
    pub(super) place: &'a mut Place,
    pub(super) block: &'a Block,
    pub(super) rejects: Option<&'a mut Rejects>,
    pub(super) notices: &'a mut Vec<Notice>,
}

impl Judge<'_> {
    pub(super) fn ragged(&mut self, row: Ragged, expected: usize) -> Result<()> {
        let Ragged { start, next, fields, .. } = row;
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
    pub(super) fn dropped(
        &mut self,
        column: &Column,
        cells: Cells<'_>,
        field: Field<'_>,
        row: u32,
    ) -> Result<()> {
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
    pub(super) fn values(
        &mut self,
        column: &Column,
        cells: Cells<'_>,
        field: Field<'_>,
        bad: &[u32],
    ) -> Result<()> {
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
