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
            table.ragged.push(Ragged { start, next, fields: row.len() as u32 - 1 });
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

impl<'a> Cells<'a> {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The cells of one field; `is_last` if it is the last of a row, whose line end may be CRLF.
    #[inline]
    pub(crate) fn column(&self, field: usize, is_last: bool) -> impl Iterator<Item = Cell> + use<'a> {
        let bytes = self.bytes;
        let starts = self.nexts.get(field..).unwrap_or_default().iter().step_by(self.stride);
        let ends = self.nexts.get(field + 1..).unwrap_or_default().iter().step_by(self.stride);
        starts.zip(ends).take(self.rows).map(move |(&start, &next)| {
            let (start, mut end) = (start as usize, next as usize - 1);
            if is_last && end > start && bytes[end - 1] == b'\r' && bytes.get(end) == Some(&b'\n') {
                end -= 1;
            }
            Cell { start, end }
        })
    }

    /// One cell.
    pub(crate) fn cell(&self, row: usize, field: usize, is_last: bool) -> Cell {
        let one = Cells { nexts: self.nexts.get(row * self.stride..).unwrap_or_default(), rows: 1, ..*self };
        one.column(field, is_last).next().unwrap_or(Cell { start: 1, end: 0 })
    }
}
