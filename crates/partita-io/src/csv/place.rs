//! Where a reader of a split is in its file: the first record of its piece, and the lines of what it reports.

use std::ops::Range;
use std::sync::Arc;

use super::block::Block;
use super::dialect::{Dialect, State};
use super::file::{CsvFile, Head, count_lines};
use super::input::Input;
use super::source::Shared;
use crate::{DataFile, Error, Result};

/// Where the reader is, for messages.
pub(super) struct Place {
    pub(super) shared: Arc<Shared>,
    pub(super) file_number: usize,
    pub(super) piece: usize,
    pub(super) file: DataFile,
    pub(super) is_plain: bool,
    pub(super) has_byte_offsets: bool,
    /// An offset and the number of line ends before it.
    pub(super) lines: Option<(u64, u64)>,
}

/// The records of a piece of a file that `input` has opened. A file whose name did not tell that it is compressed has
/// them all in its first piece.
pub(super) fn records_of_piece(
    input: &Input,
    dialect: &Dialect,
    csv_file: &CsvFile,
    piece: usize,
    head: &Head,
) -> Result<Range<u64>> {
    match input.is_plain() {
        true => plain_records_of_piece(input.file(), dialect, csv_file, piece, head),
        false if piece == 0 => Ok(head.data_start..u64::MAX),
        false => Ok(head.data_start..head.data_start),
    }
}

/// From where the piece's first record begins, past one that began in the piece before.
fn plain_records_of_piece(
    file: &DataFile,
    dialect: &Dialect,
    csv_file: &CsvFile,
    piece: usize,
    head: &Head,
) -> Result<Range<u64>> {
    let Some(start) = csv_file.cut(piece, head.data_start, file)? else { return Ok(0..0) };
    let end = csv_file.end(piece, head.data_start, file)?;
    let mut state = csv_file.state(piece, head.data_start, file, dialect)?;
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

impl Place {
    pub(super) fn begin_block(&mut self, block: &Block) {
        // A compressed file cannot be read again cheaply, so its lines are counted as they pass.
        if !self.is_plain {
            let before = self.lines.map_or(0, |(_, lines)| lines);
            self.lines = Some((block.offset, before));
        }
    }

    pub(super) fn end_block(&mut self, block: &Block) -> Result<()> {
        if !self.is_plain {
            self.line(block, block.len)?;
        }
        Ok(())
    }

    /// The line, counted from 1, of an offset in the block.
    pub(super) fn line(&mut self, block: &Block, offset: usize) -> Result<u64> {
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

    pub(super) fn locate(&mut self, error: Error, block: &Block, offset: usize) -> Result<Error> {
        let line = self.line(block, offset)?;
        let error = error.at_line(line).in_file(self.file.path());
        Ok(if self.has_byte_offsets { error.at_byte(block.offset + offset as u64) } else { error })
    }
}
