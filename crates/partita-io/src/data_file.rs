//! A listed file opened for reading: every read says which file failed, and a file that changed since it
//! was listed is an error instead of rows from two versions.
//!
//! All formats read through this; `compression.rs` puts a decompressor on top.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::{Error, FileInfo, FileSystem, ReadFile, Result, read_full_at, retried};

/// A file that is read at any offset, with errors that name it.
#[derive(Clone, Debug)]
pub struct DataFile {
    file: Arc<dyn ReadFile>,
    listed: Arc<FileInfo>,
}

impl DataFile {
    /// Opens a file as it was listed.
    ///
    /// # Errors
    /// It cannot be opened, or is not the file any more that was listed.
    pub fn open(files: &dyn FileSystem, listed: &FileInfo) -> Result<Self> {
        let file = retried(|| files.open(&listed.path))
            .map_err(|source| Error::system("open the file", &listed.path, source))?;
        let opened = DataFile { file, listed: Arc::new(listed.clone()) };
        opened.check_unchanged()?;
        Ok(opened)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.listed.path
    }

    /// Its length in bytes, as listed.
    pub fn len(&self) -> u64 {
        self.listed.len
    }

    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.listed.len == 0
    }

    /// Compares the file with what was listed; readers call it once more after the last byte.
    ///
    /// # Errors
    /// Length, time of change or identity differ.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = retried(|| self.file.info())
            .map_err(|source| Error::system("look at the file", self.path(), source))?;
        let same = now.len == self.listed.len
            && now.modified == self.listed.modified
            && now.identity == self.listed.identity;
        if same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Error {
        Error::invalid(
            "the file was changed while it was read, so its rows may come from two versions; \
             run again when nothing writes to it",
        )
        .in_file(self.path())
    }

    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    ///
    /// # Errors
    /// The system refuses.
    pub fn read_full_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        read_full_at(&*self.file, offset, buffer).map_err(|source| self.read_failed(offset, source))
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    /// The system refuses, or the file ends before.
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let count = self.read_full_at(offset, buffer)?;
        if count == buffer.len() {
            Ok(())
        } else if offset.saturating_add(buffer.len() as u64) <= self.len() {
            Err(self.changed())
        } else {
            Err(Error::corrupt(format!(
                "the file is cut off: {} bytes are needed at byte {offset} but it is {} bytes long",
                buffer.len(),
                self.len()
            ))
            .in_file(self.path()))
        }
    }

    /// A range as a fresh vector. The length must come from the caller or lie within the file: a range
    /// beyond the end is an error before memory is taken.
    ///
    /// # Errors
    /// As [`DataFile::read_exact_at`], or the allocator refuses.
    pub fn read_range(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let within = offset.checked_add(len).is_some_and(|end| end <= self.len());
        let (true, Ok(len)) = (within, usize::try_from(len)) else {
            return Err(Error::corrupt(format!(
                "the file is cut off: {len} bytes are needed at byte {offset} but it is {} bytes long",
                self.len()
            ))
            .in_file(self.path()));
        };
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| {
            Error::memory(format!("no memory for {len} bytes of the file")).in_file(self.path())
        })?;
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            let read = retried(|| self.file.append_at(at, &mut bytes));
            if read.map_err(|source| self.read_failed(at, source))? == 0 {
                return Err(self.changed());
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn read_failed(&self, offset: u64, source: std::io::Error) -> Error {
        let doing = match source.kind() {
            ErrorKind::IsADirectory => "read a directory as a file",
            _ => "read the file",
        };
        Error::system(doing, self.path(), source).at_byte(offset)
    }
}
