//! Runs of rows sorted by partition, in temporary files: Arrow IPC streams with LZ4, read back in order.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec::IntoIter;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use super::partition::Stretch;
use super::sink::{FileSink, FirstError};
use super::staging::remove_file;
use crate::filesystem::retried;
use crate::{Error, FileSystem, ReadFile, Result};

/// A run on disk.
#[derive(Debug)]
pub(super) struct Run {
    path: PathBuf,
    stretches: Vec<Stretch>,
    /// On disk.
    pub(super) bytes: u64,
}

impl Run {
    /// Writes blocks of rows whose keys are as in `stretches`, ascending.
    pub(super) fn write(
        files: &dyn FileSystem,
        path: PathBuf,
        schema: &SchemaRef,
        blocks: impl Iterator<Item = Result<RecordBatch>>,
        stretches: Vec<Stretch>,
    ) -> Result<Self> {
        let sink = FileSink::create(files, &path, true)?;
        let errors = sink.errors();
        let mut writer = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .and_then(|options| StreamWriter::try_new_with_options(sink, schema, options))
            .map_err(|e| errors.explain(e))?;
        for block in blocks {
            writer.write(&block?).map_err(|e| errors.explain(e))?;
        }
        let bytes = writer.into_inner().map_err(|e| errors.explain(e))?.close_unsynced()?;
        Ok(Run { path, stretches, bytes })
    }

    /// Begins to read the run.
    pub(super) fn open(self, files: &dyn FileSystem) -> Result<RunReader> {
        let file =
            files.open(&self.path).map_err(|e| Error::system("open the temporary file", &self.path, e))?;
        let refused = FirstError::default();
        let source = Sequential { file, offset: 0, refused: refused.clone() };
        let bytes = io::BufReader::with_capacity(64 << 10, source);
        let reader = StreamReader::try_new(bytes, None).map_err(|e| damaged(&self.path, &refused, e))?;
        let stretches = self.stretches.into_iter();
        Ok(RunReader { path: self.path, stretches, at: None, reader, refused, block: None })
    }
}

/// Reads a run once, from its first key to its last.
pub(super) struct RunReader {
    path: PathBuf,
    stretches: IntoIter<Stretch>,
    /// What is left of the stretch at hand.
    at: Option<Stretch>,
    reader: StreamReader<io::BufReader<Sequential>>,
    refused: FirstError,
    /// What is left of the block at hand.
    block: Option<RecordBatch>,
}

impl RunReader {
    /// The next rows of `key`, `None` after the last. Keys must be asked for in ascending order.
    pub(super) fn rows_of(&mut self, key: u32) -> Result<Option<RecordBatch>> {
        if self.at.is_none() {
            self.at = self.stretches.next();
        }
        let Some(stretch) = self.at.filter(|stretch| stretch.key == key) else { return Ok(None) };
        let block = match self.block.take() {
            Some(block) => block,
            None => match self.reader.next() {
                Some(block) => block.map_err(|e| damaged(&self.path, &self.refused, e))?,
                None => return Err(Error::corrupt("a temporary file ends too early").in_file(&self.path)),
            },
        };
        let rows = stretch.rows.min(block.num_rows());
        if rows < block.num_rows() {
            self.block = Some(block.slice(rows, block.num_rows() - rows));
        }
        let left = stretch.rows - rows;
        self.at = (left > 0).then_some(Stretch { key, rows: left });
        Ok(Some(block.slice(0, rows)))
    }

    /// Deletes the file.
    pub(super) fn remove(self, files: &dyn FileSystem) -> Result<()> {
        remove_file(files, &self.path)
    }
}

/// The system's error if there was one, else what the decoder says.
fn damaged(path: &Path, refused: &FirstError, decoder_says: impl std::fmt::Display) -> Error {
    match refused.take() {
        Some(source) => Error::system("read the temporary file", path, source),
        None => Error::corrupt(format!("cannot read back a temporary file: {decoder_says}")).in_file(path),
    }
}

/// A file read from its beginning to its end.
struct Sequential {
    file: Arc<dyn ReadFile>,
    offset: u64,
    refused: FirstError,
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read =
            retried(|| self.file.read_at(self.offset, &mut *buffer)).inspect_err(|e| self.refused.keep(e))?;
        self.offset += read as u64;
        Ok(read)
    }
}
