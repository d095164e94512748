//! Where a task's rows go: its stage's sink, opened. Comes from `task.rs`; for partitioned datasets `write.rs` says which of
//! two sinks it is to be.

use std::sync::Arc;

use arrow::array::RecordBatch;
use partita_io::PartWriter;

use super::write::Waiting;
use super::{Output, RunEnvironment};
use crate::error::{Error, Result};
use crate::exchange::{Arrangement, Ledger, Packing, RunWriter};
use crate::op::{Held, compact_batch, logical_bytes};
use crate::stage::Sink;

/// A stage's sink, opened by one task.
pub(super) enum OpenSink {
    Runs(Box<RunWriter>),
    Keep {
        batches: Vec<RecordBatch>,
        held: Held,
    },
    Collect(Collected),
    Write {
        writer: Box<PartWriter>,
        held: Held,
    },
    /// Nothing yet: rows wait until it is known which of the others it is to be.
    Choose {
        waiting: Waiting,
        environment: Arc<RunEnvironment>,
        part: usize,
    },
}

impl OpenSink {
    pub(super) fn open(sink: &Sink, part: usize, environment: &Arc<RunEnvironment>) -> Result<OpenSink> {
        let runs = |arrangement| OpenSink::Runs(Box::new(environment.store.writer(arrangement)));
        Ok(match sink {
            Sink::Hash(keys) | Sink::Build(keys) => runs(Arrangement::ByBucket(keys.clone(), 0)),
            Sink::Rows(schema) => runs(Arrangement::Packed(Arc::clone(schema))),
            Sink::Sort(spec) => runs(Arrangement::Sorted(Arc::clone(spec))),
            Sink::Keep => {
                OpenSink::Keep { batches: Vec::new(), held: Held::new(&environment.workspace.memory) }
            }
            Sink::Collect(schema) => {
                let (packing, held) = (Packing::new(schema), Held::new(&environment.workspace.memory));
                OpenSink::Collect(Collected { packing, bytes: 0, held })
            }
            Sink::Write { by: Some(by), .. } => OpenSink::Choose {
                waiting: Waiting::new(sink, by, &environment.workspace.memory),
                environment: Arc::clone(environment),
                part,
            },
            Sink::Write { writer, by: None, .. } => OpenSink::Write {
                writer: Box::new(writer.part(part)),
                held: Held::new(&environment.workspace.memory),
            },
        })
    }

    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        match self {
            OpenSink::Runs(writer) => writer.push(batch),
            OpenSink::Keep { batches, held } => {
                // What was read in pages must not keep more of them than its rows.
                let batch = compact_batch(&batch)?;
                held.set(held.bytes() + logical_bytes(&batch)).map_err(too_large)?;
                batches.push(batch);
                Ok(())
            }
            OpenSink::Collect(collected) => collected.push(batch),
            OpenSink::Write { writer, held } => {
                writer.write(&batch)?;
                held.set_of(writer.memory(), writer.most_memory())
            }
            OpenSink::Choose { waiting, .. } => {
                if waiting.push(batch)? {
                    self.choose()
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The keys that came so far will not come again.
    pub(super) fn end_of_keys(&mut self) -> Result<()> {
        if let OpenSink::Write { writer, held } = self {
            writer.end_of_values()?;
            held.set(writer.memory())?;
        }
        Ok(())
    }

    /// Becomes what the rows that wait ask for, and takes them.
    fn choose(&mut self) -> Result<()> {
        let OpenSink::Choose { waiting, environment, part } = self else { return Ok(()) };
        let mut chosen = OpenSink::open(&waiting.sink(), *part, environment)?;
        for batch in waiting.take() {
            chosen.push(batch)?;
        }
        *self = chosen;
        Ok(())
    }

    pub(super) fn finish(mut self, ledger: &Ledger) -> Result<Output> {
        self.choose()?;
        Ok(match self {
            OpenSink::Runs(writer) => Output::Runs(Arc::new(writer.finish()?)),
            OpenSink::Keep { batches, held } => Output::Batches { batches, held },
            OpenSink::Collect(collected) => collected.finish()?,
            OpenSink::Write { writer, held: _held } => {
                ledger.note_spilled(writer.spilled());
                Output::Part(writer.finish()?)
            }
            OpenSink::Choose { .. } => return Err(Error::internal("a task did not choose where it writes")),
        })
    }
}

/// A result that is collected, packed.
pub(super) struct Collected {
    packing: Packing,
    /// Of the rows as they came, which alone count for what is told.
    bytes: u64,
    held: Held,
}

impl Collected {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.bytes += logical_bytes(&batch) as u64;
        self.packing.push(batch)?;
        self.held.set(self.packing.bytes()).map_err(too_large)
    }

    fn finish(mut self) -> Result<Output> {
        let (batches, kept) = self.packing.take()?;
        self.held.set(kept)?;
        Ok(Output::Packed { batches, bytes: self.bytes, _held: self.held })
    }
}

fn too_large(error: Error) -> Error {
    error.context("while collecting a result in memory; a larger one can be written with `to_parquet`")
}
