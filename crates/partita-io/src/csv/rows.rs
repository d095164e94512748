//! The table that an index becomes: rows of equally many cells, each a range of the buffer.
//!
//! Clean files need no work here: their index already is the table. Blank lines, comments and ragged rows
//! are taken out of a copy. `convert.rs` reads the columns of the table.

use super::index::Index;

/// A row with too few or too many fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ragged {
    /// Offset of its first byte in the buffer.
    pub(crate) start: u32,
    /// Offset after its line end.
    pub(crate) next: u32,
    /// How many fields it has.
    pub(crate) fields: u32,
    /// How many rows of the table come before it.
    pub(crate) row: u32,
}

/// Rows of one buffer.
#[derive(Debug, Default)]
pub(crate) struct Table {
    nexts: Vec<u32>,
    stride: usize,
    rows: usize,
    /// Rows with another number of fields, in order.
    pub(crate) ragged: Vec<Ragged>,
}

impl Table {
    /// Makes rows of `fields` cells. A ragged row is left out, or if `keep_ragged` padded with missing
    /// cells and cut to size; either way it is listed.
    pub(crate) fn new(index: &mut Index, bytes: &[u8], fields: usize, keep_ragged: bool) -> Self {
        let regular = index.gaps.is_empty()
            && index.records.iter().enumerate().all(|(row, &entries)| entries as usize == (row + 1) * fields);
        if regular {
            let rows = index.records.len();
            let nexts = std::mem::take(&mut index.nexts);
            return Table { nexts, stride: fields, rows, ragged: Vec::new() };
        }
        let mut table = Table { stride: fields + 1, ..Table::default() };
        let mut gaps = index.gaps.iter().peekable();
        let mut first = 0;
        for (number, &entries) in index.records.iter().enumerate() {
            let last = entries as usize;
            let row = &index.nexts[first..=last];
            first = last;
            if gaps.next_if(|&&gap| gap as usize == number).is_some() {
                continue;
            }
            if row.len() == fields + 1 {
                table.push(row);
                continue;
            }
            let (start, next) = (row[0], row[row.len() - 1]);
            let before = table.rows as u32;
            table.ragged.push(Ragged { start, next, fields: row.len() as u32 - 1, row: before });
            if keep_ragged {
                table.push_fitted(row, bytes);
            }
        }
        table
    }

    fn push(&mut self, row: &[u32]) {
        self.nexts.extend_from_slice(row);
        self.rows += 1;
    }

    fn push_fitted(&mut self, row: &[u32], bytes: &[u8]) {
        let kept = row.len().min(self.stride);
        self.push(&row[..kept]);
        if kept == self.stride {
            return;
        }
        // The last field there is not the row's last cell, so nobody else would take off its CR.
        let (start, next) = (row[kept - 2] as usize, row[kept - 1] as usize);
        let has_return = next >= start + 2 && bytes.get(next - 2..next) == Some(b"\r\n".as_slice());
        let next = if has_return { next - 1 } else { next } as u32;
        let length = self.nexts.len();
        self.nexts[length - 1] = next;
        // A cell that ends before it begins is missing.
        self.nexts.resize(length + self.stride - kept, next);
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Forgets all rows after the first `rows`.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.rows = self.rows.min(rows);
    }

    /// Some of the rows over the buffer that the index was made of.
    pub(crate) fn cells<'a>(&'a self, bytes: &'a [u8], first_row: usize, rows: usize) -> Cells<'a> {
        let nexts = self.nexts.get(first_row * self.stride..).unwrap_or_default();
        Cells { bytes, nexts, stride: self.stride, rows }
    }

    /// The given rows of `cells` alone.
    pub(crate) fn select(cells: &Cells<'_>, rows: &[u32], fields: usize) -> Self {
        let mut nexts = Vec::with_capacity(rows.len() * (fields + 1));
        for &row in rows {
            let first = row as usize * cells.stride;
            nexts.extend_from_slice(&cells.nexts[first..=first + fields]);
        }
        Table { nexts, stride: fields + 1, rows: rows.len(), ragged: Vec::new() }
    }
}

/// A window on a table: cells as ranges of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    pub(crate) bytes: &'a [u8],
    nexts: &'a [u32],
    stride: usize,
    rows: usize,
}

/// A cell: where its raw bytes, quotes included, begin and end. One that ends before it begins is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Cell {
    /// The raw bytes; empty if the cell is missing.
    #[inline]
    pub(crate) fn raw<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
    /// Whether the row ended before this cell.
    pub(crate) fn is_missing(&self) -> bool {
        self.end < self.start
    }
}

/// The cells of one field, row by row.
pub(crate) struct Column<'a> {
    bytes: &'a [u8],
    nexts: &'a [u32],
    /// Of the next cell's start in `nexts`; its end follows.
    at: usize,
    stride: usize,
    left: usize,
    is_last: bool,
}

impl Iterator for Column<'_> {
    type Item = Cell;

    #[inline(always)]
    fn next(&mut self) -> Option<Cell> {
        if self.left == 0 {
            return None;
        }
        // SAFETY: `Cells::column` counted the rows whose two entries lie within `nexts`, `stride` apart.
        let (start, next) =
            unsafe { (*self.nexts.get_unchecked(self.at), *self.nexts.get_unchecked(self.at + 1)) };
        self.at += self.stride;
        self.left -= 1;
        let (start, mut end) = (start as usize, (next as usize).wrapping_sub(1));
        if self.is_last && end > start && self.bytes.get(end - 1..=end) == Some(b"\r\n".as_slice()) {
            end -= 1;
        }
        Some(Cell { start, end })
    }
}

impl<'a> Cells<'a> {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The first `rows` of the rows.
    pub(crate) fn first(self, rows: usize) -> Self {
        Cells { rows: self.rows.min(rows), ..self }
    }

    /// The cells of one field; `is_last` if it is the last of a row, whose line end may be CRLF.
    #[inline]
    pub(crate) fn column(&self, field: usize, is_last: bool) -> Column<'a> {
        let stride = self.stride.max(1);
        // A row has its first cell in the table only with the entry after it.
        let fitting = self.nexts.len().checked_sub(field + 2).map_or(0, |room| room / stride + 1);
        let rows = self.rows.min(fitting);
        Column { bytes: self.bytes, nexts: self.nexts, at: field, stride, left: rows, is_last }
    }

    /// One cell.
    pub(crate) fn cell(&self, row: usize, field: usize, is_last: bool) -> Cell {
        let one = Cells { nexts: self.nexts.get(row * self.stride..).unwrap_or_default(), rows: 1, ..*self };
        one.column(field, is_last).next().unwrap_or(Cell { start: 1, end: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_ends_with_the_last_whole_cell() {
        // Two rows of two cells in "a,b\nc,d\r\n".
        let (bytes, nexts) = (b"a,b\nc,d\r\n", [0, 2, 4, 6, 9]);
        let cells = |nexts, rows| Cells { bytes, nexts, stride: 2, rows };
        let column = |nexts: &'static [u32], rows, field, is_last| -> Vec<(usize, usize)> {
            cells(nexts, rows).column(field, is_last).map(|cell| (cell.start, cell.end)).collect()
        };
        static NEXTS: [u32; 5] = [0, 2, 4, 6, 9];
        assert_eq!(nexts, NEXTS);
        assert_eq!(column(&NEXTS, 2, 0, false), [(0, 1), (4, 5)]);
        assert_eq!(column(&NEXTS, 2, 1, true), [(2, 3), (6, 7)]);
        // However many rows are asked for, and whichever field.
        assert_eq!(column(&NEXTS, 9, 0, false).len(), 2);
        assert_eq!(column(&NEXTS[..4], 9, 1, true).len(), 1);
        assert_eq!(column(&NEXTS, 9, 3, true).len(), 1);
        assert_eq!(column(&NEXTS, 9, 4, true).len(), 0);
        assert_eq!(column(&[], 9, 0, true).len(), 0);
    }
}
