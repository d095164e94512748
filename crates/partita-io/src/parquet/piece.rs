//! Reading one piece, the filter's columns first.
//!
//! A sample at the start of each piece tells how many rows pass; from that, and from nothing else, it follows
//! how the other columns are decoded ([`Plan`]): along with the filter's columns and then filtered, or
//! afterwards and only where rows have passed. Both give the same rows. `decode.rs` does the decoding.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{BatchCoalescer, filter_record_batch, prep_null_mask_filter};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchOptions;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::columns::Columns;
use super::decode::{Decoder, Place, Rows};
use super::read::{From, Wish};
use super::split::Piece;
use super::{bloom, page_index};
use crate::reserved::Reserved;
use crate::{Error, Result};

/// Batches of the filter's columns that are decoded before the rest is planned.
const SAMPLE: usize = 4;
/// From this share of passing rows on (in eighths), decoding all rows costs less than picking them.
const MOST_PASS: usize = 6;
/// Picking costs per run of passing rows: it pays if there are at least so many rows to a run. Measured: at
/// one row in ten, picking took nearly twice as long as decoding all.
const ROWS_PER_RUN: usize = 32;

/// Reads one piece.
pub(crate) struct PieceReader {
    wish: Arc<Wish>,
    place: Place,
    rows: Rows,
    front: Columns,
    front_decoder: Decoder,
    late: Columns,
    /// Batches of the sample that are still to be given out, with what the filter said.
    sample: VecDeque<Sifted>,
    plan: Plan,
}

/// A batch of the filter's columns and which of its rows pass.
struct Sifted {
    batch: RecordBatch,
    mask: BooleanArray,
    passing: usize,
}

enum Plan {
    /// There is no filter.
    All,
    /// The sample has not been taken yet.
    Undecided,
    /// Batch by batch the filter's columns and the others side by side, then filtered.
    Together(Decoder),
    /// Nothing but the filter's columns is wanted; batches are filled up with rows that pass.
    Packed { filled: BatchCoalescer, done: bool },
    /// The filter was applied to the whole piece; the other columns follow, only where rows have passed.
    Afterwards { kept: BatchCoalescer, late: Decoder, _reserved: Reserved },
}

impl PieceReader {
    pub(crate) fn new(place: Place, piece: &Piece, wish: &Arc<Wish>) -> Result<Self> {
        let rows = rows_of(&place, piece, wish)?;
        let front = Columns::new(&place.columns, &wish.front);
        let late = Columns::new(&place.columns, &wish.late);
        let front_decoder = Decoder::new(&place, front.roots().to_vec(), rows.clone(), wish.batch_rows)?;
        let plan = if wish.filter.is_some() { Plan::Undecided } else { Plan::All };
        let (wish, sample) = (Arc::clone(wish), VecDeque::new());
        Ok(PieceReader { wish, place, rows, front, front_decoder, late, sample, plan })
    }

    /// The next rows that pass; `None` at the end of the piece.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        if matches!(self.plan, Plan::Undecided) {
            self.plan = self.decide()?;
        }
        match &self.plan {
            Plan::All | Plan::Undecided => self.next_unfiltered(),
            Plan::Together(_) => self.next_together(),
            Plan::Packed { .. } => self.next_packed(),
            Plan::Afterwards { .. } => self.next_afterwards(),
        }
    }

    fn decide(&mut self) -> Result<Plan> {
        let mut sample = VecDeque::with_capacity(SAMPLE);
        while sample.len() < SAMPLE {
            let Some(sifted) = self.sift()? else { break };
            sample.push_back(sifted);
        }
        self.sample = sample;
        let rows: usize = self.sample.iter().map(|sifted| sifted.batch.num_rows()).sum();
        let passing: usize = self.sample.iter().map(|sifted| sifted.passing).sum();
        if self.wish.late.is_empty() {
            let filled = BatchCoalescer::new(Arc::clone(&self.wish.output), self.wish.batch_rows);
            return Ok(Plan::Packed { filled, done: false });
        }
        let late = self.late.roots().to_vec();
        let runs: usize = self.sample.iter().map(|sifted| sifted.mask.values().set_slices().count()).sum();
        let scattered = runs.saturating_mul(ROWS_PER_RUN) > rows;
        if passing >= rows / 8 * MOST_PASS || scattered || late.is_empty() {
            return Ok(Plan::Together(Decoder::new(
                &self.place,
                late,
                self.rows.clone(),
                self.front_decoder.batch_rows(),
            )?));
        }
        self.afterwards(late)
    }

    /// The next batch of the filter's columns, from the sample first.
    fn sift(&mut self) -> Result<Option<Sifted>> {
        if let Some(sifted) = self.sample.pop_front() {
            return Ok(Some(sifted));
        }
        let Some(batch) = self.front_decoder.next()? else { return Ok(None) };
        let batch = self.front.finish(&batch)?;
        let mask = match &self.wish.filter {
            Some(filter) => filter.keep(&batch)?,
            None => BooleanArray::from(vec![true; batch.num_rows()]),
        };
        if mask.len() != batch.num_rows() {
            return Err(Error::invalid("the filter did not answer for every row"));
        }
        let mask = if mask.null_count() > 0 { prep_null_mask_filter(&mask) } else { mask };
        let passing = mask.true_count();
        Ok(Some(Sifted { batch, mask, passing }))
    }

    /// Filters the whole piece, then sets out to decode the other columns for the rows that passed.
    fn afterwards(&mut self, late: Vec<usize>) -> Result<Plan> {
        let schema = Arc::new(self.kept_schema()?);
        let batch_rows = self.wish.batch_rows;
        let mut kept = BatchCoalescer::new(schema, batch_rows);
        let (mut masks, mut passing) = (Vec::new(), 0);
        while let Some(sifted) = self.sift()? {
            passing += sifted.passing;
            if sifted.passing > 0 {
                kept.push_batch_with_filter(self.kept(&sifted.batch)?, &sifted.mask).map_err(internal)?;
            }
            masks.push(sifted.mask);
        }
        kept.finish_buffered_batch().map_err(internal)?;
        let reserved = Reserved::new(&self.place.context.memory, kept.size())?;
        let rows = self.passing_rows(&masks, passing);
        let late = Decoder::new(&self.place, late, rows, batch_rows)?;
        if late.batch_rows() != batch_rows && passing > 0 {
            kept = cut_to(kept, late.batch_rows())?;
        }
        Ok(Plan::Afterwards { kept, late, _reserved: reserved })
    }

    /// The rows of the row group that passed.
    fn passing_rows(&self, masks: &[BooleanArray], passing: usize) -> Rows {
        let passed = RowSelection::from_filters(masks);
        let selection = match &self.rows.selection {
            Some(selectors) => RowSelection::from(selectors.clone()).and_then(&passed),
            None => passed,
        };
        Rows { selection: Some(selection.into()), selected: passing }
    }

    fn next_unfiltered(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.front_decoder.next()? else { return Ok(None) };
        let front = self.front.finish(&batch)?;
        self.assemble(&self.kept(&front)?, None).map(Some)
    }

    fn next_together(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(sifted) = self.sift()? else { return Ok(None) };
            let Plan::Together(late) = &mut self.plan else { return Ok(None) };
            let rest = late.next()?.ok_or_else(|| self.place.out_of_step())?;
            let rest = self.late.finish(&rest)?;
            if rest.num_rows() != sifted.batch.num_rows() {
                return Err(self.place.out_of_step());
            }
            if sifted.passing == 0 {
                continue;
            }
            let batch = self.assemble(&self.kept(&sifted.batch)?, Some(&rest))?;
            if sifted.passing == batch.num_rows() {
                return Ok(Some(batch));
            }
            return filter_record_batch(&batch, &sifted.mask).map(Some).map_err(internal);
        }
    }

    fn next_packed(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Plan::Packed { filled, done } = &mut self.plan {
                if let Some(batch) = filled.next_completed_batch() {
                    return Ok(Some(batch));
                }
                if *done {
                    return Ok(None);
                }
            }
            let sifted = self.sift()?;
            let batch = match &sifted {
                Some(sifted) if sifted.passing > 0 => Some(self.assemble(&self.kept(&sifted.batch)?, None)?),
                _ => None,
            };
            let Plan::Packed { filled, done } = &mut self.plan else { return Ok(None) };
            match (sifted, batch) {
                (None, _) => {
                    *done = true;
                    filled.finish_buffered_batch().map_err(internal)?;
                }
                (Some(sifted), Some(batch)) => {
                    filled.push_batch_with_filter(batch, &sifted.mask).map_err(internal)?;
                }
                (Some(_), None) => {}
            }
        }
    }

    fn next_afterwards(&mut self) -> Result<Option<RecordBatch>> {
        let Plan::Afterwards { kept, late, .. } = &mut self.plan else { return Ok(None) };
        let Some(rest) = late.next()? else { return Ok(None) };
        let kept = kept.next_completed_batch();
        let kept = kept.filter(|kept| kept.num_rows() == rest.num_rows());
        let kept = kept.ok_or_else(|| self.place.out_of_step())?;
        let rest = self.late.finish(&rest)?;
        self.assemble(&kept, Some(&rest)).map(Some)
    }

    /// Of the columns decoded first, those that the output needs.
    fn kept(&self, front: &RecordBatch) -> Result<RecordBatch> {
        front.project(&self.wish.kept).map_err(internal)
    }

    fn kept_schema(&self) -> Result<arrow::datatypes::Schema> {
        let columns: Vec<usize> =
            self.wish.kept.iter().filter_map(|position| self.wish.front.get(*position).copied()).collect();
        self.wish.schema.project(&columns).map_err(internal)
    }

    /// Puts output columns into their order.
    fn assemble(&self, kept: &RecordBatch, late: Option<&RecordBatch>) -> Result<RecordBatch> {
        let column = |from: &From| match (from, late) {
            (From::Kept(position), _) => Ok(Arc::clone(kept.column(*position))),
            (From::Late(position), Some(late)) => Ok(Arc::clone(late.column(*position))),
            (From::Late(_), None) => Err(self.place.out_of_step()),
        };
        let columns = self.wish.from.iter().map(column).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(kept.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.wish.output), columns, &options).map_err(internal)
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

/// The same rows in batches of another size.
fn cut_to(mut from: BatchCoalescer, rows: usize) -> Result<BatchCoalescer> {
    let mut to = BatchCoalescer::new(from.schema(), rows);
    while let Some(batch) = from.next_completed_batch() {
        to.push_batch(batch).map_err(internal)?;
    }
    to.finish_buffered_batch().map_err(internal)?;
    Ok(to)
}

fn internal(error: ArrowError) -> Error {
    Error::invalid(format!("columns of a Parquet file do not fit together: {error}"))
}
