//! The one small trait through which all files are touched.
//!
//! The real implementation is in `filesystem/local.rs`; `filesystem/faulty.rs` wraps another one, counts
//! calls, and makes the N-th call of a kind fail, which is how the tests prove that no failure leaves
//! anything behind.

use std::fmt::Debug;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

mod faulty;
mod local;

pub use faulty::{Call, Fault, Faulty, JournalEntry};
pub use local::Local;

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A device, pipe or socket, or a link to nothing: never read by a directory scan.
    Other,
}

/// What is known of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Where it is.
    pub path: PathBuf,
    /// File or directory.
    pub kind: FileKind,
    /// Length in bytes; 0 for a directory.
    pub len: u64,
    /// Time of the last change; with `len` and `identity` it tells that a file changed while it was read.
    pub modified: Option<SystemTime>,
    /// Device and inode where the system has them.
    pub identity: Option<(u64, u64)>,
}

/// A file opened for reading at any offset, shared by threads.
pub trait ReadFile: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes from `offset`; 0 means the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Appends bytes from `offset` to `bytes`, as many as it has room for at most, and says how many; 0 means the end of the
    /// file. An implementation may have a way to do this without setting the room to zeros first.
    fn append_at(&self, offset: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let start = bytes.len();
        bytes.resize(bytes.capacity(), 0);
        let count = self.read_at(offset, &mut bytes[start..]);
        bytes.truncate(start + count.as_ref().map_or(0, |count| *count));
        count
    }
    /// The file's state now (not when it was opened).
    fn info(&self) -> io::Result<FileInfo>;
    /// The whole file mapped into memory, where the implementation offers it.
    fn mapped(&self) -> Option<&[u8]> {
        None
    }
}

/// A file being written. Dropping it without [`WriteFile::sync`] gives no promise about its content.
pub trait WriteFile: Write + Send + Debug {
    /// Flushes to the disk itself.
    fn sync(&mut self) -> io::Result<()>;
}

/// Every way in which Partita touches the outside.
pub trait FileSystem: Send + Sync + Debug {
    /// What is at `path`; links are followed.
    fn info(&self, path: &Path) -> io::Result<FileInfo>;
    /// The entries of a directory, in any order.
    fn list(&self, directory: &Path) -> io::Result<Vec<FileInfo>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Creates a file that must not exist yet. `private` gives mode 0600 instead of what the umask leaves.
    fn create(&self, path: &Path, private: bool) -> io::Result<Box<dyn WriteFile>>;
    /// Creates one directory that must not exist yet. `private` gives mode 0700.
    fn create_dir(&self, path: &Path, private: bool) -> io::Result<()>;
    /// Renames a file or directory, replacing a file at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Swaps two names in one step; an error of kind `Unsupported` where the system cannot.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;
    /// Makes everything durable that was written so far to the file system in which a directory is, names too; an
    /// error of kind `Unsupported` where the system cannot.
    fn sync_all(&self, directory: &Path) -> io::Result<()> {
        let _ = directory;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
    /// Takes the advisory lock of a file for as long as the returned guard lives; `None` if another process
    /// holds it. Used to tell a live run's temporary directory from a dead one's.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn std::any::Any + Send + Sync>>>;
    /// Whether `path` itself is a symbolic link. Systems without links say no.
    fn is_link(&self, path: &Path) -> io::Result<bool> {
        let _ = path;
        Ok(false)
    }
    /// The absolute path without links. Systems without links give it back unchanged.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }
}

/// Does `attempt` again for as long as a signal interrupts it (EINTR): the one place where this is done.
pub fn retried<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Reads until `buffer` is full or the file ends, however short single reads are; returns how much was read.
pub fn read_full_at(file: &dyn ReadFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let rest = &mut buffer[done..];
        match retried(|| file.read_at(offset + done as u64, &mut *rest))? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// Fills `buffer` from `offset`; an error of kind `UnexpectedEof` if the file ends before.
pub fn read_exact_at(file: &dyn ReadFile, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    if read_full_at(file, offset, buffer)? == buffer.len() {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof))
    }
}

#[cfg(test)]
mod tests;
