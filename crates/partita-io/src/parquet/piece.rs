//! Reading one piece, the filter's columns first.
//!
//! A filter falls into parts. Of each batch the first part's columns are read, then those of the next one for the rows
//! that passed, and at last the other columns for the rows that are left. A part over one column is asked about the
//! column's dictionary where it has one. `column.rs` reads columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat_batches, prep_null_mask_filter};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchOptions;
use parquet::arrow::arrow_reader::RowSelector;

use super::column::{self, Column, Rowful};
use super::decode::{Place, Rows};
use super::flat::{Picked, Verdicts, coded_by_row};
use super::read::Wish;
use super::split::Piece;
use super::{bloom, page_index};
use crate::{Error, Result, RowFilter};

/// Reads one piece.
pub(crate) struct PieceReader {
    wish: Arc<Wish>,
    place: Place,
    columns: Columns,
    parts: Vec<Part>,
    /// Wanted rows that are still to be looked at, and of how many.
    left: usize,
    rows: usize,
    batch_rows: usize,
    /// Small batches of rows that passed, given out as one.
    waiting: Vec<RecordBatch>,
}

/// A part of the filter.
struct Part {
    filter: Arc<dyn RowFilter>,
    /// What it says of the dictionary of its only column.
    verdicts: Option<Verdicts>,
}

/// The columns of the file that are needed, and what has been read of the present batch.
struct Columns {
    /// Of the file, ascending.
    roots: Vec<usize>,
    columns: Vec<Column>,
    loaded: Vec<Option<Rowful>>,
}

impl PieceReader {
    pub(crate) fn new(place: Place, piece: &Piece, wish: &Arc<Wish>) -> Result<Self> {
        let rows = rows_of(&place, piece, wish)?;
        let columns = Columns::open(&place, wish, &rows)?;
        let own = columns.columns.iter().map(Column::batch_rows).min();
        let batch_rows = own.map_or(wish.batch_rows, |own| own.min(wish.batch_rows)).max(1);
        let part = |filter: &Arc<dyn RowFilter>| Part { filter: Arc::clone(filter), verdicts: None };
        let parts = wish.parts.iter().map(part).collect();
        let (wish, left) = (Arc::clone(wish), rows.selected);
        Ok(PieceReader { wish, place, columns, parts, left, rows: left, batch_rows, waiting: Vec::new() })
    }

    /// The next rows that pass; `None` at the end of the piece.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut waiting: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
        while self.left > 0 {
            let Some(batch) = self.step()? else { continue };
            // Without columns there is nothing to put together.
            if batch.num_columns() == 0 || (batch.num_rows() > self.batch_rows / 2 && waiting == 0) {
                return Ok(Some(batch));
            }
            if waiting + batch.num_rows() > self.batch_rows {
                let full = self.together()?;
                self.waiting.push(batch);
                return Ok(full);
            }
            waiting += batch.num_rows();
            self.waiting.push(batch);
        }
        self.together()
    }

    /// The batches that wait, as one.
    fn together(&mut self) -> Result<Option<RecordBatch>> {
        let batches = std::mem::take(&mut self.waiting);
        match batches.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            some => concat_batches(&self.wish.output, some).map(Some).map_err(internal),
        }
    }

    /// Those of the next wanted rows that pass; `None` if none does.
    fn step(&mut self) -> Result<Option<RecordBatch>> {
        let rows = self.left.min(self.batch_rows);
        self.left -= rows;
        if let Some(filter) = &self.wish.filter {
            filter.looks_at(rows);
        }
        let mut picked = Picked::All(rows);
        for index in 0..self.parts.len() {
            if picked.len() == 0 {
                break;
            }
            picked = self.sift(index, rows, picked)?;
        }
        let batch = match picked.len() {
            0 => None,
            _ => Some(self.assemble(rows, &picked)?),
        };
        self.columns.pass(rows);
        Ok(batch)
    }

    /// The picked rows that pass a part of the filter.
    fn sift(&mut self, index: usize, rows: usize, picked: Picked) -> Result<Picked> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(picked) };
        let filter = Arc::clone(&part.filter);
        if filter.passes_all() {
            return Ok(picked);
        }
        let wanted = filter.columns();
        self.columns.load(&self.place, wanted, rows, &picked)?;
        let schema = self.place.columns.schema(wanted)?;
        let ask = |columns: Vec<ArrayRef>, rows: usize| -> Result<BooleanBuffer> {
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options);
            let mask = filter.keep(&batch.map_err(internal)?)?;
            if mask.len() != rows {
                return Err(Error::invalid("the filter did not answer for every row"));
            }
            let mask = if mask.null_count() > 0 { prep_null_mask_filter(&mask) } else { mask };
            Ok(mask.values().clone())
        };
        let place = &self.place;
        if let [column] = wanted
            && filter.is_pure()
            && let Some((of, Rowful::Flat(loaded))) = self.columns.loaded(place, *column)
        {
            let keep = |array: &ArrayRef| {
                ask(vec![place.columns.column(*column, Some(array), array.len())?], array.len())
            };
            part.verdicts = loaded.verdicts(part.verdicts.take(), self.rows, of.is_nullable(), keep)?;
            if let Some(verdicts) = &part.verdicts {
                return loaded.narrowed(&picked, verdicts, keep);
            }
        }
        let columns = wanted.iter().map(|column| self.columns.array(place, *column, &picked));
        let mask = ask(columns.collect::<Result<Vec<_>>>()?, picked.len())?;
        Ok(picked.narrowed(&mask))
    }

    /// The output columns of the picked rows.
    fn assemble(&mut self, rows: usize, picked: &Picked) -> Result<RecordBatch> {
        self.columns.load(&self.place, &self.wish.projection, rows, picked)?;
        let columns = self.wish.projection.iter().map(|column| match self.wish.coded.contains(column) {
            true => self.columns.coded(&self.place, *column, picked),
            false => self.columns.array(&self.place, *column, picked),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(picked.len()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new_with_options(Arc::clone(&self.wish.output), columns, &options).map_err(internal)
    }
}

impl Columns {
    fn open(place: &Place, wish: &Wish, rows: &Rows) -> Result<Columns> {
        // The filter's columns are read first; small ones that lie close in one go, without the others.
        let of_filter: Vec<usize> =
            wish.parts.iter().flat_map(|part| part.columns().iter().copied()).collect();
        let front = place.columns.file_indices(&of_filter);
        let mut late = place.columns.file_indices(&wish.projection);
        late.retain(|root| !front.contains(root));
        let mut columns: Vec<(usize, Column)> = Vec::new();
        for roots in [front, late] {
            let opened = column::open(place, &roots, rows, wish.batch_rows)?;
            columns.extend(roots.into_iter().zip(opened));
        }
        columns.sort_by_key(|(root, _)| *root);
        let loaded = columns.iter().map(|_| None).collect();
        let (roots, columns) = columns.into_iter().unzip();
        Ok(Columns { roots, columns, loaded })
    }

    /// Reads these columns of the source, if they have not been read, for the picked ones of so many rows.
    fn load(&mut self, place: &Place, wanted: &[usize], rows: usize, picked: &Picked) -> Result<()> {
        let range = match picked {
            Picked::All(rows) => 0..*rows,
            Picked::Some(picked) => match (picked.first(), picked.last()) {
                (Some(first), Some(last)) => *first as usize..*last as usize + 1,
                _ => 0..0,
            },
        };
        for root in wanted.iter().filter_map(|column| place.columns.file_index(*column)) {
            let Ok(at) = self.roots.binary_search(&root) else { continue };
            if let (Some(column), Some(loaded @ None)) = (self.columns.get_mut(at), self.loaded.get_mut(at)) {
                *loaded = Some(column.load(rows, range.clone())?);
            }
        }
        Ok(())
    }

    /// What has been read of a column of the source, if the file has it.
    fn loaded(&self, place: &Place, column: usize) -> Option<(&Column, &Rowful)> {
        let at = self.roots.binary_search(&place.columns.file_index(column)?).ok()?;
        Some((self.columns.get(at)?, self.loaded.get(at)?.as_ref()?))
    }

    /// The picked rows of a column of the source.
    fn array(&self, place: &Place, column: usize, picked: &Picked) -> Result<ArrayRef> {
        let decoded = self.loaded(place, column).map(|(_, loaded)| loaded.array(picked)).transpose()?;
        place.columns.column(column, decoded.as_ref(), picked.len())
    }

    /// The same as a dictionary, of a column that the source says is coded.
    fn coded(&self, place: &Place, column: usize, picked: &Picked) -> Result<ArrayRef> {
        match self.loaded(place, column) {
            Some((_, loaded)) => loaded.coded(picked),
            None => coded_by_row(place.columns.column(column, None, picked.len())?),
        }
    }

    /// Done with a batch of so many rows.
    fn pass(&mut self, rows: usize) {
        for (column, loaded) in self.columns.iter_mut().zip(&mut self.loaded) {
            if loaded.take().is_none() {
                column.skip(rows);
            }
        }
    }
}

/// The rows of a piece that may be wanted.
fn rows_of(place: &Place, piece: &Piece, wish: &Wish) -> Result<Rows> {
    let group = place.parquet.metadata.row_group(place.row_group);
    let total = u64::try_from(group.num_rows()).unwrap_or(0);
    let mut ranges = vec![piece.rows.clone()];
    if !wish.prune.is_empty() {
        if bloom::excludes(place, &wish.prune)? {
            ranges.clear();
        } else if let Some(pages) = page_index::rows_that_may_pass(place, &wish.prune)? {
            ranges = page_index::intersection(&ranges, &pages);
        }
    }
    if matches!(ranges.as_slice(), [all] if *all == (0..total)) {
        return Ok(Rows { selection: None, selected: count(total)? });
    }
    let (mut selection, mut selected, mut at) = (Vec::new(), 0, 0);
    for range in &ranges {
        if range.start > at {
            selection.push(RowSelector::skip(count(range.start - at)?));
        }
        let rows = count(range.end - range.start)?;
        selection.push(RowSelector::select(rows));
        selected += rows;
        at = range.end;
    }
    Ok(Rows { selection: Some(selection), selected })
}

fn count(rows: u64) -> Result<usize> {
    usize::try_from(rows)
        .map_err(|_| Error::limit("the rows of a row group", rows, usize::MAX as u64, "the address space"))
}

fn internal(error: ArrowError) -> Error {
    Error::invalid(format!("columns of a Parquet file do not fit together: {error}"))
}
