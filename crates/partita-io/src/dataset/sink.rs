//! A file being written: buffered, counted, and with its first system error kept.
//!
//! Encoders of other crates turn an [`io::Error`] into text of their own; [`FileSink`] remembers the original,
//! so that the caller gets the path, the operation and the system's error number.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::sync::Syncer;
use crate::{Error, FileSystem, Result, WriteFile};

/// Large enough that a system call costs nothing beside what it writes.
const BUFFER_BYTES: usize = 256 << 10;

/// Where a sink leaves the first error that the system gave it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstError(Arc<Mutex<Option<io::Error>>>);

impl FirstError {
    pub(crate) fn keep(&self, error: &io::Error) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_with(|| match error.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::new(error.kind(), error.to_string()),
        });
    }

    pub(crate) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What an encoder needs to report errors after its sink is buried in another crate's writer.
#[derive(Clone, Debug)]
pub(crate) struct SinkErrors {
    path: PathBuf,
    first: FirstError,
}

impl SinkErrors {
    /// The system's error if there was one, else what the encoder says.
    pub(crate) fn explain(&self, encoder_says: impl std::fmt::Display) -> Error {
        match self.first.take() {
            Some(source) => Error::system("write the file", &self.path, source),
            None => Error::invalid(format!("cannot encode the data: {encoder_says}")).in_file(&self.path),
        }
    }
}

/// A file being written. Dropped without [`FileSink::close`] it is left to be removed.
#[derive(Debug)]
pub(crate) struct FileSink {
    file: Box<dyn WriteFile>,
    buffer: Vec<u8>,
    written: u64,
    errors: SinkErrors,
}

impl FileSink {
    /// Creates the file, which must not exist.
    pub(crate) fn create(files: &dyn FileSystem, path: &Path, private: bool) -> Result<Self> {
        let file = files.create(path, private).map_err(|e| Error::system("create the file", path, e))?;
        let errors = SinkErrors { path: path.to_path_buf(), first: FirstError::default() };
        Ok(FileSink { file, buffer: Vec::with_capacity(BUFFER_BYTES), written: 0, errors })
    }

    /// A handle for errors that outlives moving the sink into an encoder.
    pub(crate) fn errors(&self) -> SinkErrors {
        self.errors.clone()
    }

    /// Bytes written so far, buffered ones included.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes what is buffered and makes the file durable; returns its length.
    pub(crate) fn close(mut self) -> Result<u64> {
        self.flush().map_err(|e| self.errors.explain(e))?;
        self.file.sync().map_err(|e| Error::system("sync the file", &self.errors.path, e))?;
        Ok(self.written)
    }

    /// Writes what is buffered and leaves it to `syncer` to make the file durable; returns its length.
    pub(super) fn hand_over(mut self, syncer: &Syncer) -> Result<u64> {
        self.flush().map_err(|e| self.errors.explain(e))?;
        syncer.sync(self.errors.path, self.file)?;
        Ok(self.written)
    }

    /// Writes what is buffered, without a promise that it is durable: for files that only this run reads.
    pub(crate) fn close_unsynced(mut self) -> Result<u64> {
        self.flush().map_err(|e| self.errors.explain(e))?;
        Ok(self.written)
    }

    fn write_through(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).inspect_err(|e| self.errors.first.keep(e))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let done = self.write_through(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        done
    }
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.drain()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            self.write_through(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.file.flush().inspect_err(|e| self.errors.first.keep(e))
    }
}
