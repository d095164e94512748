//! [`TopK`]: the first k rows of a sort, without the sort.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;

use super::prefix::check_keys;
use super::{SortKeys, SortOptions};
use crate::Result;
use crate::take::{compact_views, gather_rows};

/// Candidates are cut down to k when there are this many times k of them...
const CANDIDATES_PER_ROW: usize = 2;
/// ...and this many more, so that a small k is not cut after every few rows.
const CANDIDATES_FREE: usize = 1024;
/// Batches are rewritten to the rows still needed when they hold this many times as many rows...
const HELD_PER_CANDIDATE: usize = 4;
/// ...and this many more.
const HELD_FREE: usize = 64 * 1024;

/// Keeps the first `k` rows, in sorted order, of the batches pushed so far. Of equal rows the earlier stays.
#[derive(Debug)]
pub struct TopK {
    k: usize,
    schema: SchemaRef,
    options: Vec<SortOptions>,
    batches: Vec<Held>,
    candidates: Vec<Place>,
    /// The last of k rows that qualified: later rows must come before it.
    threshold: Option<Place>,
}

#[derive(Debug)]
struct Held {
    rows: RecordBatch,
    key_columns: Vec<ArrayRef>,
    keys: SortKeys,
}

/// A row of a held batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    batch: usize,
    row: usize,
}

impl TopK {
    /// Keeps `k` rows of `schema`.
    pub fn new(schema: SchemaRef, options: &[SortOptions], k: usize) -> TopK {
        let options = options.to_vec();
        TopK { k, schema, options, batches: Vec::new(), candidates: Vec::new(), threshold: None }
    }

    /// Looks at every row of a batch; `key_columns` are its sort keys.
    ///
    /// # Errors
    /// As [`SortKeys::encode`].
    pub fn push(&mut self, key_columns: &[ArrayRef], rows: &RecordBatch) -> Result<()> {
        let keys = SortKeys::encode(key_columns, &self.options)?;
        if self.k == 0 || keys.is_empty() {
            return Ok(());
        }
        let batch = self.batches.len();
        self.batches.push(Held { rows: rows.clone(), key_columns: key_columns.to_vec(), keys });
        let enough = self.k.saturating_mul(CANDIDATES_PER_ROW).saturating_add(CANDIDATES_FREE);
        let mut added = false;
        for row in 0..rows.num_rows() {
            let place = Place { batch, row };
            if self.threshold.is_none_or(|threshold| self.compare(place, threshold).is_lt()) {
                added = true;
                self.candidates.push(place);
                if self.candidates.len() >= enough {
                    self.cut();
                }
            }
        }
        if !added {
            self.batches.pop();
        }
        self.release()
    }

    /// Which rows of a batch may still qualify: `None` while all may. Rows that tie with the last one do not.
    ///
    /// # Errors
    /// As [`SortKeys::encode`].
    pub fn could_qualify(&self, key_columns: &[ArrayRef]) -> Result<Option<BooleanBuffer>> {
        check_keys(key_columns, &self.options)?;
        if self.k == 0 {
            return Ok(Some(BooleanBuffer::new_unset(key_columns[0].len())));
        }
        let Some(threshold) = self.threshold else { return Ok(None) };
        let keys = SortKeys::encode(key_columns, &self.options)?;
        let last = &self.batches[threshold.batch].keys;
        Ok(Some(BooleanBuffer::collect_bool(keys.len(), |row| {
            keys.compare(row, last, threshold.row).is_lt()
        })))
    }

    /// The first k rows, in order.
    ///
    /// # Errors
    /// Rows cannot be gathered, because text with 32-bit offsets becomes too large.
    pub fn finish(mut self) -> Result<RecordBatch> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_unstable_by(|left, right| self.compare(*left, *right));
        candidates.truncate(self.k);
        if candidates.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema));
        }
        let batches: Vec<RecordBatch> = self.batches.into_iter().map(|held| held.rows).collect();
        let places: Vec<_> = candidates.iter().map(|place| (place.batch, place.row)).collect();
        gather_rows(&batches, &places)
    }

    /// The bytes that the candidates and their batches hold.
    pub fn size_bytes(&self) -> usize {
        let batch_bytes = |held: &Held| held.rows.get_array_memory_size() + held.keys.size_bytes();
        self.batches.iter().map(batch_bytes).sum::<usize>() + self.candidates.capacity() * size_of::<Place>()
    }

    /// Compares by key, then by arrival.
    fn compare(&self, left: Place, right: Place) -> Ordering {
        let (left_keys, right_keys) = (&self.batches[left.batch].keys, &self.batches[right.batch].keys);
        left_keys.compare(left.row, right_keys, right.row).then_with(|| left.cmp(&right))
    }

    /// Cuts the candidates down to the first k and raises the threshold.
    fn cut(&mut self) {
        if self.candidates.len() < self.k {
            return;
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        let (_, last, _) =
            candidates.select_nth_unstable_by(self.k - 1, |left, right| self.compare(*left, *right));
        self.threshold = Some(*last);
        candidates.truncate(self.k);
        self.candidates = candidates;
    }

    /// Rewrites the held batches to the candidates' rows when most of what they hold is not needed.
    fn release(&mut self) -> Result<()> {
        let held: usize = self.batches.iter().map(|held| held.keys.len()).sum();
        if held <= self.candidates.len().saturating_mul(HELD_PER_CANDIDATE).saturating_add(HELD_FREE) {
            return Ok(());
        }
        self.cut();
        // In order of arrival, so that the earlier of equal rows stays the earlier.
        self.candidates.sort_unstable();
        let places: Vec<_> = self.candidates.iter().map(|place| (place.batch, place.row)).collect();
        let batches: Vec<RecordBatch> = self.batches.iter().map(|held| held.rows.clone()).collect();
        let rows = gather_rows(&batches, &places)?;
        let key_columns = (0..self.options.len())
            .map(|key| {
                let parts: Vec<&dyn Array> =
                    self.batches.iter().map(|held| held.key_columns[key].as_ref()).collect();
                compact_views(&interleave(&parts, &places)?)
            })
            .collect::<Result<Vec<_>>>()?;
        let keys = SortKeys::encode(&key_columns, &self.options)?;
        // The threshold is one of the first k, all of which are still candidates.
        let threshold = self.threshold.and_then(|last| self.candidates.binary_search(&last).ok());
        self.threshold = threshold.map(|row| Place { batch: 0, row });
        self.candidates = (0..places.len()).map(|row| Place { batch: 0, row }).collect();
        self.batches = vec![Held { rows, key_columns, keys }];
        Ok(())
    }
}
