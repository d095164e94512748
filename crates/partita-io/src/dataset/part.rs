//! The rows of one part, written by one thread into files whose names depend on the part alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use arrow::array::RecordBatch;

use super::encode::{self, Encoder};
use super::options::Layout;
use super::partition::{Partitioner, Receiver};
use super::sink::FileSink;
use super::staging::remove_file;
use super::{Part, Shared, WrittenFile};
use crate::Result;

/// A file is looked at for its target size after so many rows.
const SLICE_ROWS: usize = 8 << 10;

/// Writes the rows of one part of a dataset. Dropped without [`PartWriter::finish`] it removes its files.
pub struct PartWriter {
    shared: Arc<Shared>,
    index: usize,
    series: Series,
    partitioner: Option<Partitioner>,
    /// Bytes in temporary files of values that are written.
    spilled: u64,
    finished: bool,
}

impl std::fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartWriter")
            .field("index", &self.index)
            .field("series", &self.series)
            .finish_non_exhaustive()
    }
}

impl PartWriter {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let series = Series::new(Arc::clone(&shared), index);
        PartWriter { shared, index, series, partitioner: None, spilled: 0, finished: false }
    }

    /// Appends rows. Their columns must have the types of the dataset's schema, in its order.
    ///
    /// # Errors
    /// The types differ, a value cannot be written in this format, or the system refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = self.shared.conform(batch)?;
        if self.shared.partition_columns.is_empty() {
            return self.series.rows(&batch);
        }
        if self.partitioner.is_none() {
            self.partitioner = Some(Partitioner::new(Arc::clone(&self.shared), self.index)?);
        }
        self.partitioner.as_mut().map_or(Ok(()), |partitioner| partitioner.write(&batch))
    }

    /// About how many bytes of memory this part holds.
    pub fn memory(&self) -> usize {
        self.series.memory() + self.partitioner.as_ref().map_or(0, Partitioner::memory)
    }

    /// About how many it will hold at most, as far as can be told from the rows so far.
    pub fn most_memory(&self) -> usize {
        self.series.open.as_ref().map_or(0, |open| open.encoder.most_memory()).max(self.memory())
    }

    /// Bytes that this part wrote to temporary files.
    pub fn spilled(&self) -> u64 {
        self.spilled + self.partitioner.as_ref().map_or(0, |partitioner| partitioner.spilled)
    }

    /// Says that the values of the partition columns that came so far will not come again: their rows are written.
    ///
    /// # Errors
    /// As [`PartWriter::write`].
    pub fn end_of_values(&mut self) -> Result<()> {
        if let Some(partitioner) = self.partitioner.take() {
            self.spilled += partitioner.spilled;
            partitioner.finish(&mut self.series)?;
            self.series.leave()?;
        }
        Ok(())
    }

    /// Writes what is left. [`super::DatasetWriter::commit`] makes sure that it is durable.
    ///
    /// # Errors
    /// As [`PartWriter::write`].
    pub fn finish(mut self) -> Result<Part> {
        self.end_of_values()?;
        self.series.close()?;
        self.finished = true;
        Ok(Part { index: self.index, files: std::mem::take(&mut self.series.done) })
    }

    /// Writes one file without rows, so that a dataset without rows keeps its schema.
    pub(super) fn finish_empty(mut self) -> Result<Part> {
        let null_values = self
            .shared
            .partition_columns
            .iter()
            .map(|&at| crate::hive::encode_component(self.shared.schema.field(at).name(), None));
        self.series.directory(null_values.collect())?;
        self.series.open()?;
        self.finish()
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        if !self.finished {
            self.series.discard();
        }
    }
}

/// Files of one part, one after another.
#[derive(Debug)]
struct Series {
    shared: Arc<Shared>,
    part: usize,
    /// Relative to the dataset; empty without partition columns.
    directory: PathBuf,
    next: usize,
    /// Where the numbers of files go on in directories that were left: several values can have one spelling.
    left: HashMap<PathBuf, usize>,
    open: Option<OpenFile>,
    done: Vec<WrittenFile>,
}

struct OpenFile {
    relative: PathBuf,
    encoder: Box<dyn Encoder>,
    rows: u64,
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile")
            .field("relative", &self.relative)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Series {
    fn new(shared: Arc<Shared>, part: usize) -> Self {
        Series {
            shared,
            part,
            directory: PathBuf::new(),
            next: 0,
            left: HashMap::new(),
            open: None,
            done: Vec::new(),
        }
    }

    fn memory(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.encoder.memory())
    }

    fn path(&self, relative: &Path) -> PathBuf {
        match self.shared.options.layout {
            Layout::Directory => self.shared.staging.data().join(relative),
            Layout::SingleFile => self.shared.staging.data(),
        }
    }

    /// Begins the next file of the directory at hand.
    fn open(&mut self) -> Result<&mut OpenFile> {
        let relative = self.directory.join(self.shared.file_name(self.part, self.next));
        if self.shared.options.layout == Layout::SingleFile {
            self.shared.claim_single_file()?;
        }
        self.shared.make_directory(&self.directory)?;
        let path = self.path(&relative);
        let sink = FileSink::create(&*self.shared.files, &path, false)?;
        self.shared.created.lock().unwrap_or_else(PoisonError::into_inner).insert(relative.clone());
        let encoder = match encode::open(&self.shared.options.format, &self.shared.data_schema, sink) {
            Ok(encoder) => encoder,
            Err(error) => {
                let _ = remove_file(&*self.shared.files, &path);
                return Err(error);
            }
        };
        self.next += 1;
        Ok(self.open.insert(OpenFile { relative, encoder, rows: 0 }))
    }

    fn close(&mut self) -> Result<()> {
        let Some(OpenFile { relative, encoder, rows }) = self.open.take() else { return Ok(()) };
        let path = self.path(&relative);
        let closed = encoder.finish().and_then(|sink| sink.hand_over(&self.shared.syncer));
        let closed = closed.map_err(|e| e.in_file(&path));
        // Noted first, so that a failed file is removed with the others.
        self.done.push(WrittenFile { path: relative, rows, bytes: *closed.as_ref().unwrap_or(&0) });
        closed.map(|_| ())
    }

    fn discard(&mut self) {
        if self.shared.options.layout == Layout::SingleFile && self.next > 0 {
            // The part may be written once more.
            self.shared.unclaim_single_file();
        }
        let open = self.open.take().map(|open| open.relative);
        for relative in
            open.into_iter().chain(std::mem::take(&mut self.done).into_iter().map(|file| file.path))
        {
            // What stays is removed with the whole staging directory.
            let _ = remove_file(&*self.shared.files, &self.path(&relative));
        }
    }

    /// Ends the directory at hand.
    fn leave(&mut self) -> Result<()> {
        self.close()?;
        if self.next > 0 && !self.directory.as_os_str().is_empty() {
            self.left.insert(std::mem::take(&mut self.directory), self.next);
        }
        Ok(())
    }
}

impl Receiver for Series {
    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let target = self.shared.options.target_file_bytes;
        let slice_rows = if target.is_some() { SLICE_ROWS } else { batch.num_rows().max(1) };
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = slice_rows.min(batch.num_rows() - from);
            let open = match &mut self.open {
                Some(open) => open,
                None => self.open()?,
            };
            let row = open.rows;
            open.encoder
                .write(&batch.slice(from, rows))
                .map_err(|e| if e.system_error().is_some() { e } else { e.at_row(row) })?;
            open.rows += rows as u64;
            if target.is_some_and(|target| open.encoder.bytes() >= target) {
                self.close()?;
            }
            from += rows;
        }
        Ok(())
    }

    fn directory(&mut self, relative: PathBuf) -> Result<()> {
        self.leave()?;
        self.next = self.left.get(&relative).copied().unwrap_or(0);
        self.directory = relative;
        Ok(())
    }
}
