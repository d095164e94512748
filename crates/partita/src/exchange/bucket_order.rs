//! Reading an exchange by hash: the rows of some buckets, bucket by bucket, in each bucket in the order of
//! partitions. That order does not depend on how the rows were cut into runs, and so not on the memory limit.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use partita_io::Reserve;
use partita_kernels::take::gather_rows;

use super::buckets::BUCKETS;
use super::run::{Run, RunSet};
use crate::error::Result;
use crate::op::{Flow, Held, Out};

/// Stretches of fewer rows are gathered into batches of their own: what is done per batch would outweigh them.
const SHORT: usize = 128;
/// About how many rows a gathered batch has...
const GATHERED: usize = 8_192;
/// ...if they do not have more bytes than this.
const GATHERED_BYTES: u64 = 256 << 10;
/// A stretch of more rows is handed on in several batches.
const LONG: usize = 16_384;

impl RunSet {
    /// Hands on the rows of a range of buckets in bucket order. What of several buckets lies on disk is read
    /// at once and held until the end; a single bucket is read run by run.
    ///
    /// # Errors
    /// A spill file cannot be read, or there is no memory for what is held.
    pub(crate) fn in_bucket_order(
        &self,
        buckets: &Range<usize>,
        memory: &Arc<dyn Reserve>,
        out: &mut Out<'_>,
    ) -> Result<Flow> {
        let mut gather = Gather::new(self.row_bytes(buckets));
        let held: Vec<usize> = buckets.clone().filter(|&bucket| self.has(bucket)).collect();
        if let [_] | [] = held.as_slice() {
            for run in self.runs() {
                let rows = run.bucket_rows(buckets);
                match run.in_memory() {
                    Some(batch) => gather.add(batch, rows, out)?,
                    None => gather.add_all(run.read(rows)?, out)?,
                }
                if gather.done {
                    return Ok(Flow::Done);
                }
            }
            return gather.end(out);
        }
        let mut memory = Held::new(memory);
        let loaded = self.load(buckets, &mut memory)?;
        for bucket in held {
            for Loaded { run, batch } in &loaded {
                let rows = run.bucket_rows(&(bucket..bucket + 1));
                match batch {
                    Some((batch, first)) => gather.add(batch, rows.start - first..rows.end - first, out)?,
                    None => gather.add_all(run.read(rows)?, out)?,
                }
            }
            if gather.done {
                return Ok(Flow::Done);
            }
        }
        gather.end(out)
    }

    /// The runs that have rows of these buckets.
    fn load(&self, buckets: &Range<usize>, memory: &mut Held) -> Result<Vec<Loaded<'_>>> {
        let mut loaded = Vec::new();
        let mut bytes = 0;
        for run in self.runs() {
            let rows = run.bucket_rows(buckets);
            if rows.is_empty() {
                continue;
            }
            if let Some(batch) = run.in_memory() {
                loaded.push(Loaded { run, batch: Some((batch.clone(), 0)) });
                continue;
            }
            // What is unpacked at once should lie in the caches until it is used.
            if run.is_in_memory() && rows.len() >= SHORT * buckets.len() {
                loaded.push(Loaded { run, batch: None });
                continue;
            }
            bytes += run.bytes_of(rows.len());
            memory.set(bytes)?;
            let first = rows.start;
            let parts = run.read(rows)?;
            let batch = match parts.as_slice() {
                [one] => one.clone(),
                many => concat_batches(&many[0].schema(), many)?,
            };
            loaded.push(Loaded { run, batch: Some((batch, first)) });
        }
        Ok(loaded)
    }

    /// About how many bytes a row of these buckets takes.
    fn row_bytes(&self, buckets: &Range<usize>) -> u64 {
        let rows = self.bucket_rows(buckets);
        // Rows as they came, the rows of one hash, lie in no buckets.
        let bytes = match self.bucket_bytes()[buckets.clone()].iter().sum() {
            0 => self.bytes(),
            bytes => bytes,
        };
        bytes / (rows as u64).max(1)
    }

    fn has(&self, bucket: usize) -> bool {
        bucket < BUCKETS && self.runs().any(|run| !run.bucket_rows(&(bucket..bucket + 1)).is_empty())
    }
}

/// A run that has rows of some buckets.
struct Loaded<'a> {
    run: &'a Arc<Run>,
    /// A batch that holds them, and the run's row with which the batch begins; without one they are read bucket by
    /// bucket.
    batch: Option<(RecordBatch, usize)>,
}

/// Hands on long stretches of rows as they are and short ones gathered.
struct Gather {
    /// Shorter stretches are gathered.
    short: usize,
    /// Most rows that are gathered.
    most: usize,
    batches: Vec<RecordBatch>,
    /// A batch and a row of it.
    places: Vec<(usize, usize)>,
    done: bool,
}

impl Gather {
    fn new(row_bytes: u64) -> Gather {
        let most = usize::try_from(GATHERED_BYTES / row_bytes.max(1)).unwrap_or(GATHERED).clamp(1, GATHERED);
        Gather { short: SHORT.min(most), most, batches: Vec::new(), places: Vec::new(), done: false }
    }

    fn add(&mut self, batch: &RecordBatch, rows: Range<usize>, out: &mut Out<'_>) -> Result<()> {
        if rows.is_empty() || self.done {
            return Ok(());
        }
        if rows.len() >= self.short {
            self.hand_on(out)?;
            let mut from = rows.start;
            while from < rows.end && !self.done {
                let part = LONG.min(rows.end - from);
                self.done = out(batch.slice(from, part))? == Flow::Done;
                from += part;
            }
            return Ok(());
        }
        let number = self.batches.len();
        self.batches.push(batch.clone());
        self.places.extend(rows.map(|row| (number, row)));
        if self.places.len() >= self.most { self.hand_on(out) } else { Ok(()) }
    }

    fn add_all(&mut self, batches: Vec<RecordBatch>, out: &mut Out<'_>) -> Result<()> {
        batches.iter().try_for_each(|batch| self.add(batch, 0..batch.num_rows(), out))
    }

    fn hand_on(&mut self, out: &mut Out<'_>) -> Result<()> {
        if !self.places.is_empty() && !self.done {
            self.done = out(gather_rows(&self.batches, &self.places)?)? == Flow::Done;
        }
        self.batches.clear();
        self.places.clear();
        Ok(())
    }

    fn end(mut self, out: &mut Out<'_>) -> Result<Flow> {
        self.hand_on(out)?;
        Ok(if self.done { Flow::Done } else { Flow::Continue })
    }
}
