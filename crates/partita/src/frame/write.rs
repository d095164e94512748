//! The ways out of a frame that leave its rows on disk. A dataset appears whole or not at all: parts are
//! written beside the target by the run's tasks and put in place here when all are done.

use std::path::Path;
use std::sync::Arc;

use partita_io::{
    CsvWriteOptions, DatasetWriter, IpcWriteOptions, Layout, NdjsonWriteOptions, ParquetWriteOptions,
    WriteFormat, WriteOptions,
};

use super::PartitionedFrame;
use super::collect::run_plans;
use crate::error::{Error, Result, Step};
use crate::report::Report;
use crate::run::Output;
use crate::stage::Sink;
use crate::watch::Closely;

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Files, partition directories counted by the files in them.
    pub files: usize,
    /// Rows in all of them.
    pub rows: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What the run did.
    pub report: Report,
}

impl PartitionedFrame {
    /// Writes a directory of Parquet files, one per partition. The directory must not exist or be empty; see
    /// [`PartitionedFrame::write`] for other modes and layouts.
    ///
    /// # Errors
    /// A step could not be bound, a value or file is bad, the target exists or cannot be written, or the run
    /// was cancelled. Nothing is left at the target then.
    #[track_caller]
    pub fn to_parquet(&self, path: impl AsRef<Path>) -> Result<Written> {
        let format = WriteFormat::Parquet(ParquetWriteOptions::default());
        self.write_step(Step::here("to_parquet"), path.as_ref(), WriteOptions::new(format))
    }

    /// Writes a directory of CSV files, one per partition.
    ///
    /// # Errors
    /// As [`PartitionedFrame::to_parquet`].
    #[track_caller]
    pub fn to_csv(&self, path: impl AsRef<Path>) -> Result<Written> {
        let format = WriteFormat::Csv(CsvWriteOptions::default());
        self.write_step(Step::here("to_csv"), path.as_ref(), WriteOptions::new(format))
    }

    /// Writes a directory of Arrow IPC files, one per partition.
    ///
    /// # Errors
    /// As [`PartitionedFrame::to_parquet`].
    #[track_caller]
    pub fn to_ipc(&self, path: impl AsRef<Path>) -> Result<Written> {
        let format = WriteFormat::Ipc(IpcWriteOptions::default());
        self.write_step(Step::here("to_ipc"), path.as_ref(), WriteOptions::new(format))
    }

    /// Writes a directory of newline-delimited JSON files, one per partition.
    ///
    /// # Errors
    /// As [`PartitionedFrame::to_parquet`].
    #[track_caller]
    pub fn to_ndjson(&self, path: impl AsRef<Path>) -> Result<Written> {
        let format = WriteFormat::Ndjson(NdjsonWriteOptions::default());
        self.write_step(Step::here("to_ndjson"), path.as_ref(), WriteOptions::new(format))
    }

    /// Writes a dataset with every choice given: format, mode, partitioning, file sizes, layout.
    ///
    /// With partition columns each partition writes a file for each of its values. A partition whose first 65,536 rows
    /// have more than 256 values would write many small ones: its rows are exchanged by the hash of the values
    /// instead, and those of one value from all such partitions, in order, become one file.
    ///
    /// # Errors
    /// As [`PartitionedFrame::to_parquet`].
    #[track_caller]
    pub fn write(&self, path: impl AsRef<Path>, options: WriteOptions) -> Result<Written> {
        self.write_step(Step::here("write"), path.as_ref(), options)
    }

    fn write_step(&self, step: Step, path: &Path, options: WriteOptions) -> Result<Written> {
        let run = || {
            let one_partition = options.layout == Layout::SingleFile;
            // How many rows wait before they are sorted by partition value changes no file.
            let mut options = options.clone();
            options.partition_buffer_bytes =
                options.partition_buffer_bytes.min(2 * self.session.settings().share());
            let files = Arc::clone(&self.session.settings().files);
            let mut writer = None;
            let (executed, report) =
                run_plans(&[self.plan.clone()?], &self.session, Closely::Tasks, &mut |plans, lowering| {
                    // A second attempt, after a column was widened, begins a dataset of its own.
                    drop(writer.take());
                    let plan = &plans[0];
                    let begun = Arc::new(DatasetWriter::begin(
                        Arc::clone(&files),
                        path,
                        Arc::clone(&plan.schema),
                        options.clone(),
                    )?);
                    writer = Some(Arc::clone(&begun));
                    let sink = Sink::dataset(begun, path, &plan.schema, &options.partition_by)?;
                    Ok(vec![lowering.stage(plan, sink, one_partition)?])
                })?;
            let mut parts = Vec::new();
            for part in executed.roots.into_iter().flatten() {
                match Arc::try_unwrap(part) {
                    Ok(Output::Part(part)) => parts.push(part),
                    _ => return Err(Error::internal("a part of the dataset is still in use")),
                }
            }
            let writer = writer
                .and_then(Arc::into_inner)
                .ok_or_else(|| Error::internal("the dataset is still in use"))?;
            let done = writer.commit(parts)?;
            Ok(Written { files: done.files.len(), rows: done.rows, bytes: done.bytes, report })
        };
        run().map_err(|error: Error| error.at_step(step))
    }
}
