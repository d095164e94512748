//! What a task writes into an exchange: batches gathered up to a fixed size, ordered by bucket if the
//! exchange is by hash, and kept as a run.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use partita_kernels::hash::hash_columns;
use partita_kernels::partition::partition_by_hash;
use partita_kernels::take::gather_rows;

use super::buckets::BUCKET_BITS;
use super::ledger::Ledger;
use super::run::Run;
use super::sorted::SortSpec;
use super::spill::{SpillDirectory, SpillFile};
use crate::error::Result;
use crate::op::{Held, logical_bytes};

/// The columns by whose hash rows are spread, and the types that their values are cast to before: the two sides of
/// a join must hash alike.
#[derive(Clone, Debug)]
pub(crate) struct HashKeys {
    pub(crate) columns: Vec<usize>,
    pub(crate) types: Vec<DataType>,
}

/// How the rows of a run are ordered.
#[derive(Clone, Debug)]
pub(crate) enum Arrangement {
    AsTheyCome,
    ByBucket(HashKeys),
    Sorted(Arc<SortSpec>),
}

/// Writes the runs of one partition.
pub(crate) struct RunWriter {
    arrangement: Arrangement,
    /// A run is closed when it holds so many bytes.
    run_bytes: usize,
    ledger: Arc<Ledger>,
    spill: Arc<SpillDirectory>,
    file: Option<SpillFile>,
    gathered: Vec<RecordBatch>,
    bytes: usize,
    held: Held,
    runs: Vec<Run>,
}

impl RunWriter {
    pub(crate) fn new(
        arrangement: Arrangement,
        run_bytes: usize,
        ledger: &Arc<Ledger>,
        spill: &Arc<SpillDirectory>,
    ) -> RunWriter {
        let memory: Arc<dyn partita_io::Reserve> = Arc::clone(ledger) as _;
        RunWriter {
            arrangement,
            run_bytes,
            ledger: Arc::clone(ledger),
            spill: Arc::clone(spill),
            file: None,
            gathered: Vec::new(),
            bytes: 0,
            held: Held::new(&memory),
            runs: Vec::new(),
        }
    }

    /// # Errors
    /// The spill directory cannot be written, or a sort key fails on a value.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.bytes += logical_bytes(&batch);
        self.gathered.push(batch);
        if self.bytes >= self.run_bytes {
            self.close_run()?;
        } else {
            self.held.set(self.bytes)?;
        }
        Ok(())
    }

    /// # Errors
    /// The spill directory cannot be written.
    pub(crate) fn finish(mut self) -> Result<Vec<Run>> {
        self.close_run()?;
        Ok(self.runs)
    }

    fn close_run(&mut self) -> Result<()> {
        let Some(first) = self.gathered.first() else { return Ok(()) };
        let (batch, offsets, samples) = match &self.arrangement {
            Arrangement::AsTheyCome => (concat_batches(&first.schema(), &self.gathered)?, None, Vec::new()),
            Arrangement::ByBucket(keys) => {
                let (batch, offsets) = by_bucket(&self.gathered, keys)?;
                (batch, Some(offsets), Vec::new())
            }
            Arrangement::Sorted(spec) => {
                let (batch, samples) = spec.sorted(&self.gathered)?;
                (batch, None, samples)
            }
        };
        self.gathered.clear();
        self.bytes = 0;
        self.held.set(0)?;
        let run = keep(batch, offsets, &self.ledger, &self.spill, &mut self.file)?;
        self.runs.push(run.with_samples(samples));
        Ok(())
    }
}

/// The rows of some batches in one batch, ordered by bucket, stable, and the offsets of the buckets. Rows go
/// straight to their place: a copy in between would cost as much again.
fn by_bucket(batches: &[RecordBatch], keys: &HashKeys) -> Result<(RecordBatch, Box<[u32]>)> {
    let mut hashes = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut one = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        one.clear();
        if keys.columns.is_empty() {
            one.resize(batch.num_rows(), 0);
        } else {
            let columns =
                keys.columns.iter().zip(&keys.types).map(|(&index, to)| cast(batch.column(index), to));
            hash_columns(&columns.collect::<std::result::Result<Vec<_>, _>>()?, &mut one)?;
        }
        hashes.extend_from_slice(&one);
        places.extend((0..batch.num_rows()).map(|row| (number, row)));
    }
    let partitions = partition_by_hash(&hashes, BUCKET_BITS)?;
    let order: Vec<(usize, usize)> = partitions.order.iter().map(|&row| places[row as usize]).collect();
    Ok((gather_rows(batches, &order)?, partitions.offsets.into()))
}

/// Keeps a run in memory if the ledger has room, else on disk.
fn keep(
    batch: RecordBatch,
    offsets: Option<Box<[u32]>>,
    ledger: &Arc<Ledger>,
    spill: &Arc<SpillDirectory>,
    file: &mut Option<SpillFile>,
) -> Result<Run> {
    let bytes = logical_bytes(&batch);
    if let Some(held) = ledger.reserve_run(bytes) {
        return Ok(Run::in_memory(batch, offsets, held));
    }
    let file = match file {
        Some(file) => file,
        None => file.insert(spill.create_file()?),
    };
    let spilled = file.write(&batch)?;
    ledger.note_spilled(spilled.bytes_on_disk());
    Ok(Run::on_disk(spilled, batch.num_rows(), bytes, offsets))
}
