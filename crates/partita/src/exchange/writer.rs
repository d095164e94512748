//! What a task writes into an exchange: batches gathered up to some size, put in the order that the exchange
//! wants, and kept as a run.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use partita_kernels::partition::{BUCKET_BITS, BUCKETS, Scatter};
use partita_kernels::sort::SortKeys;
use partita_kernels::take::compact_batch;

use super::COPIES;
use super::buckets::HashKeys;
use super::ledger::Ledger;
use super::packed::{PackedRows, Packing};
use super::run::{Body, Offsets, Run, Runs};
use super::sorted::{SortSpec, concat_columns};
use super::spill::{SpillDirectory, SpillFile, block_rows};
use crate::error::Result;
use crate::op::{Held, PackedBatch, column_bytes, fixed_bytes, logical_bytes};

/// In an exchange by hash a run is kept in pieces of about so many bytes...
const PIECE_BYTES: usize = 512 << 10;
/// ...and so many at most.
const MOST_PIECES: usize = 32;

/// How the rows of a run are ordered.
#[derive(Clone, Debug)]
pub(crate) enum Arrangement {
    /// In one batch, for who reads them again and again.
    AsTheyCome,
    /// As they come too, but packed, for other stages. Columns of the schema may come as codes.
    Packed(SchemaRef),
    /// By a bucket of the keys' hash: on level 0 by its highest bits, on the next by those below, and so on.
    ByBucket(HashKeys, u32),
    Sorted(Arc<SortSpec>),
}

/// Where runs are kept: in memory, or on disk.
#[derive(Clone, Debug)]
pub(crate) struct RunStore {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) spill: Arc<SpillDirectory>,
    /// A run is closed when it holds so many bytes. What is computed does not depend on it.
    pub(crate) run_bytes: usize,
    /// The same of a sort, which takes more memory beside its rows.
    pub(crate) sorted_run_bytes: usize,
    /// What the blocks of runs may take that are merged at once.
    pub(crate) merge_bytes: usize,
}

/// Writes the runs of one partition.
pub(crate) struct RunWriter {
    arrangement: Arrangement,
    store: RunStore,
    file: Option<SpillFile>,
    gathered: Vec<RecordBatch>,
    /// The same of rows that are packed.
    packing: Option<Packing>,
    bytes: usize,
    held: Held,
    sampled: Vec<Vec<ArrayRef>>,
    rows: u64,
    written: Runs,
}

impl RunStore {
    pub(crate) fn writer(&self, arrangement: Arrangement) -> RunWriter {
        let memory: Arc<dyn partita_io::Reserve> = Arc::clone(&self.ledger) as _;
        let bucket_bytes = matches!(arrangement, Arrangement::ByBucket(..)).then(|| Arc::new([0; BUCKETS]));
        let packing = match &arrangement {
            Arrangement::Packed(schema) => Some(Packing::new(schema)),
            _ => None,
        };
        RunWriter {
            arrangement,
            store: self.clone(),
            file: None,
            gathered: Vec::new(),
            packing,
            bytes: 0,
            held: Held::new(&memory),
            sampled: Vec::new(),
            rows: 0,
            written: Runs { bucket_bytes, ..Runs::default() },
        }
    }

    /// Writes a run of so many rows and bytes to disk.
    fn spill(
        &self,
        batches: impl Iterator<Item = RecordBatch>,
        size: (usize, usize),
        offsets: Option<&Offsets>,
        file: &mut Option<SpillFile>,
    ) -> Result<Body> {
        let file = match file {
            Some(file) => file,
            None => file.insert(self.spill.create_file()?),
        };
        let ends = offsets.map_or(&[][..], Offsets::ends);
        let spilled = file.write(batches, size, ends)?;
        self.ledger.note_spilled(spilled.bytes_on_disk());
        let held = self.ledger.hold_run(size_of::<Run>() + size_of_val(ends) + spilled.own_bytes());
        Ok(Body::Disk { rows: spilled, _held: held })
    }
}

impl RunWriter {
    /// # Errors
    /// The spill directory cannot be written, or a sort key fails on a value.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if let Arrangement::Sorted(spec) = &self.arrangement {
            self.sampled.extend(spec.sampled(&batch, self.rows)?);
        }
        self.rows += batch.num_rows() as u64;
        let bytes = logical_bytes(&batch);
        self.bytes += bytes;
        match &mut self.packing {
            Some(packing) => packing.push(batch)?,
            // A few rows of each of many pages must not keep all of them.
            None => self.gathered.push(compact_batch(&batch)?),
        }
        let held = self.copies() * self.bytes;
        // A batch that is small beside the limit makes a run with others, which need no more.
        let whole = if bytes > self.run_bytes() { COPIES * self.bytes } else { held };
        self.held.set_of(held, whole)?;
        if self.bytes >= self.run_bytes() { self.close_run() } else { Ok(()) }
    }

    /// The rows are there, and soon their copy in order; a sort has their keys and the order itself beside.
    fn copies(&self) -> usize {
        if matches!(self.arrangement, Arrangement::Sorted(_)) { 3 } else { 2 }
    }

    fn run_bytes(&self) -> usize {
        let is_sorted = matches!(self.arrangement, Arrangement::Sorted(_));
        if is_sorted { self.store.sorted_run_bytes } else { self.store.run_bytes }
    }

    /// # Errors
    /// The spill directory cannot be written.
    pub(crate) fn finish(mut self) -> Result<Runs> {
        self.close_run()?;
        let parts: Vec<&[ArrayRef]> = self.sampled.iter().map(Vec::as_slice).collect();
        self.written.sampled = concat_columns(&parts)?;
        Ok(self.written)
    }

    fn close_run(&mut self) -> Result<()> {
        if let Some(packing) = &mut self.packing {
            let (packed, _) = packing.take()?;
            let packed = PackedRows::new(packed, self.bytes);
            if packed.rows() > 0 {
                self.keep_packed(packed, None, None)?;
            }
            return self.close();
        }
        let Some(schema) = self.gathered.first().map(RecordBatch::schema) else { return Ok(()) };
        match self.arrangement.clone() {
            Arrangement::ByBucket(keys, level) => self.close_buckets(&keys, level),
            Arrangement::Sorted(spec) => self.close_sorted(&spec, &schema),
            Arrangement::AsTheyCome | Arrangement::Packed(_) => {
                let batch = concat_batches(&schema, &std::mem::take(&mut self.gathered))?;
                self.held.set(self.bytes)?;
                self.keep(batch, self.bytes)?;
                self.close()
            }
        }
    }

    /// A merge of many runs holds a block of each, so that these are small.
    fn close_sorted(&mut self, spec: &SortSpec, schema: &SchemaRef) -> Result<()> {
        let sorted = spec.sorted(std::mem::take(&mut self.gathered))?;
        let blocks = sorted.blocks(block_rows(sorted.rows(), self.bytes));
        let packed =
            blocks.map(|block| Ok(PackedBatch::pack(&block?, schema)?)).collect::<Result<Vec<_>>>()?;
        let samples = sorted.samples(spec)?;
        drop(sorted);
        self.held.set(self.bytes)?;
        self.keep_packed(PackedRows::new(packed, self.bytes), None, Some(samples))?;
        self.close()
    }

    fn keep_packed(
        &mut self,
        packed: PackedRows,
        offsets: Option<Offsets>,
        samples: Option<SortKeys>,
    ) -> Result<()> {
        let rows = packed.rows();
        let body = match self.store.ledger.reserve_run(packed.kept_bytes()) {
            Some(held) => Body::Packed { rows: packed, _held: held },
            None => {
                let size = (rows, packed.bytes());
                self.store.spill(packed.unpacked(), size, offsets.as_ref(), &mut self.file)?
            }
        };
        self.written.runs.push(Arc::new(Run::new(rows, body, offsets, samples)));
        Ok(())
    }

    fn close_buckets(&mut self, keys: &HashKeys, level: u32) -> Result<()> {
        let (mut scatter, mut hashes) = (Scatter::default(), Vec::new());
        for batch in self.gathered.drain(..) {
            keys.hashes(&batch, &mut hashes)?;
            hashes.iter_mut().for_each(|hash| *hash <<= level * BUCKET_BITS);
            scatter.push(batch, &hashes)?;
        }
        let (offsets, pieces) = (scatter.offsets(), pieces(self.bytes));
        let batches = scatter.into_pieces(&pieces)?;
        let mut kept = 0;
        for (buckets, batch) in pieces.into_iter().zip(batches) {
            if batch.num_rows() == 0 {
                continue;
            }
            let offsets = Offsets::of(&buckets, &offsets);
            let of_buckets = self.written.bucket_bytes.get_or_insert_with(|| Arc::new([0; BUCKETS]));
            let bytes = add_bucket_bytes(&batch, &offsets, Arc::make_mut(of_buckets));
            // What is kept has a place of its own in the ledger.
            kept += bytes;
            let packed = PackedRows::new(vec![batch], bytes);
            self.held.set(self.bytes.saturating_sub(kept))?;
            self.keep_packed(packed, Some(offsets), None)?;
        }
        self.close()
    }

    fn close(&mut self) -> Result<()> {
        self.written.bytes += std::mem::take(&mut self.bytes) as u64;
        self.held.set(0)
    }

    /// Keeps a run in memory if the ledger has room, else on disk.
    fn keep(&mut self, batch: RecordBatch, bytes: usize) -> Result<()> {
        let rows = batch.num_rows();
        let body = match self.store.ledger.reserve_run(bytes) {
            Some(held) => Body::Memory { batch, _held: held },
            None => self.store.spill(std::iter::once(batch), (rows, bytes), None, &mut self.file)?,
        };
        self.written.runs.push(Arc::new(Run::new(rows, body, None, None)));
        Ok(())
    }
}

/// The buckets that are kept together of rows with so many bytes: a piece is given up when its last reader is done, so
/// that the memory of a large exchange comes free while it is read.
fn pieces(bytes: usize) -> Vec<Range<usize>> {
    let each = BUCKETS.div_ceil((bytes / PIECE_BYTES).clamp(1, MOST_PIECES));
    (0..BUCKETS).step_by(each).map(|start| start..BUCKETS.min(start + each)).collect()
}

/// Counts the bytes of each bucket's rows unpacked, and says how many there are in all.
fn add_bucket_bytes(batch: &PackedBatch, offsets: &Offsets, bytes: &mut [u64; BUCKETS]) -> usize {
    let buckets = || offsets.iter().filter(|(_, rows)| !rows.is_empty());
    let (mut of_row, mut sum) = (0, 0);
    for column in batch.columns() {
        match (fixed_bytes(column.data_type()), column.as_array()) {
            (Some(fixed), _) => of_row += fixed,
            (None, Some(array)) => buckets().for_each(|(bucket, rows)| {
                let more = column_bytes(array.slice(rows.start, rows.len()).as_ref());
                bytes[bucket] += more as u64;
                sum += more;
            }),
            // Texts that are so short that they lie in their views.
            (None, None) => of_row += size_of::<u128>(),
        }
    }
    buckets().for_each(|(bucket, rows)| bytes[bucket] += (rows.len() * of_row) as u64);
    sum + batch.num_rows() * of_row
}

#[cfg(test)]
mod tests;
