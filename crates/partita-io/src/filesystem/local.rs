//! The real file system of this machine, through the standard library and a few system calls.
//!
//! Nothing here retries, buffers or decides: callers do (see [`super::retried`] and [`super::read_full_at`]).

use std::any::Any;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{FileInfo, FileKind, FileSystem, ReadFile, WriteFile};

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

#[derive(Debug)]
struct LocalRead {
    file: File,
    path: PathBuf,
}

#[derive(Debug)]
struct LocalWrite(File);

fn file_info(path: &Path, metadata: &Metadata) -> FileInfo {
    let kind = if metadata.is_file() {
        FileKind::File
    } else if metadata.is_dir() {
        FileKind::Directory
    } else {
        FileKind::Other
    };
    let len = if kind == FileKind::File { metadata.len() } else { 0 };
    FileInfo {
        path: path.to_path_buf(),
        kind,
        len,
        modified: metadata.modified().ok(),
        identity: identity(metadata),
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}

impl ReadFile for LocalRead {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        self.file.read_at(buffer, offset)
    }

    #[cfg(unix)]
    fn append_at(&self, offset: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
        Ok(rustix::io::pread(&self.file, rustix::buffer::spare_capacity(bytes), offset)?)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::windows::fs::FileExt;
        self.file.seek_read(buffer, offset)
    }

    fn info(&self) -> io::Result<FileInfo> {
        Ok(file_info(&self.path, &self.file.metadata()?))
    }
}

impl Write for LocalWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteFile for LocalWrite {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl FileSystem for Local {
    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        Ok(file_info(path, &std::fs::metadata(path)?))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<FileInfo>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            match std::fs::metadata(&path) {
                Ok(metadata) => entries.push(file_info(&path, &metadata)),
                // A link to nothing, to itself, or a file that was removed a moment ago.
                Err(_) => entries.push(FileInfo {
                    path,
                    kind: FileKind::Other,
                    len: 0,
                    modified: None,
                    identity: None,
                }),
            }
        }
        Ok(entries)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = File::open(path)?;
        // Opening a directory succeeds on Unix and reading it fails later, with a message that helps nobody.
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Arc::new(LocalRead { file, path: path.to_path_buf() }))
    }

    fn create(&self, path: &Path, private: bool) -> io::Result<Box<dyn WriteFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            if private {
                options.mode(0o600);
            }
            // `create_new` alone refuses a link as the last component; this says so twice.
            options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
        }
        #[cfg(not(unix))]
        let _ = private;
        Ok(Box::new(LocalWrite(options.open(path)?)))
    }

    fn create_dir(&self, path: &Path, private: bool) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        if private {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        #[cfg(not(unix))]
        let _ = private;
        builder.recursive(false).create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios"))]
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(()),
            // Old kernels lack the call, some file systems lack the flag.
            Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {
                Err(io::Error::from(io::ErrorKind::Unsupported))
            }
            Err(errno) => Err(io::Error::from(errno)),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
    fn exchange(&self, _a: &Path, _b: &Path) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    #[cfg(unix)]
    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self, _directory: &Path) -> io::Result<()> {
        // Windows has no such call; names are durable with its journal.
        Ok(())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn sync_all(&self, directory: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(directory)?)?)
    }

    #[cfg(unix)]
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        use rustix::fs::{FlockOperation, OFlags, flock};
        use rustix::io::Errno;
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(io::Error::from(errno)),
        }
    }

    #[cfg(not(unix))]
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        use std::os::windows::fs::OpenOptionsExt;
        // No sharing: a second opening fails for as long as this one lives.
        match OpenOptions::new().read(true).share_mode(0).open(path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.raw_os_error() == Some(32) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_link(&self, path: &Path) -> io::Result<bool> {
        Ok(std::fs::symlink_metadata(path)?.file_type().is_symlink())
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(path)
    }
}
