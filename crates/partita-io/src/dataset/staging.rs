//! The hidden directory beside the target (or inside it, for an append) in which a run does its work.
//!
//! ```text
//! .NAME._temporary-TOKEN/     0700, so that nobody else reads half a dataset
//!     _lock                   locked for as long as the run lives
//!     data                    what becomes visible by one rename
//!     old                     the replaced dataset, intact, only while two renames take the place of a swap
//!     trash                   on its way to be deleted
//!     spill-PART-RUN          rows that wait to be sorted by partition
//! ```
//!
//! A run that died leaves such a directory with its lock free. The next writer in the same place takes the
//! lock, puts `old` back if nothing is at the target, and deletes the rest. A live run is never touched.
//! Names that begin with `.` or `_` are invisible to readers.

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, FileKind, FileSystem, Result};

/// What every such directory's name holds before its token.
pub(crate) const INFIX: &str = "_temporary-";
const LOCK: &str = "_lock";
const DATA: &str = "data";
const OLD: &str = "old";
const TRASH: &str = "trash";
/// How often a name is made anew because somebody swept the directory before it was locked.
const ATTEMPTS: usize = 8;

/// The working directory of one run.
#[derive(Debug)]
pub(super) struct Staging {
    files: Arc<dyn FileSystem>,
    directory: PathBuf,
    token: String,
    /// Held until the directory is gone.
    lock: Mutex<Option<Box<dyn std::any::Any + Send + Sync>>>,
    removed: Mutex<bool>,
}

impl Staging {
    /// Makes and locks a working directory in `place`. `name` is the target's name if `place` is its parent.
    pub(super) fn begin(files: Arc<dyn FileSystem>, place: &Path, name: Option<&OsStr>) -> Result<Self> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let token = token();
            let mut base = std::ffi::OsString::new();
            if let Some(name) = name {
                base.push(".");
                base.push(name);
                base.push(".");
            }
            base.push(INFIX);
            base.push(&token);
            let directory = place.join(base);
            files
                .create_dir(&directory, true)
                .map_err(|e| Error::system("create a temporary directory", &directory, e))?;
            let staging = Staging {
                files: Arc::clone(&files),
                directory,
                token,
                lock: Mutex::new(None),
                removed: Mutex::new(false),
            };
            if staging.take_lock()? {
                return Ok(staging);
            }
            if attempt == ATTEMPTS {
                return Err(
                    Error::invalid("another run keeps deleting the temporary directory").in_file(place)
                );
            }
        }
    }

    /// Whether the directory is ours. It is not if a sweeping run came between its creation and the lock.
    fn take_lock(&self) -> Result<bool> {
        let path = self.directory.join(LOCK);
        match self.files.create(&path, true) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::system("create the lock file", path, e)),
        }
        let guard = match self.files.try_lock(&path) {
            Ok(Some(guard)) => guard,
            Ok(None) => return Ok(false),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::system("lock the file", path, e)),
        };
        // A sweeping run deletes the file only while it holds the lock: if it is still there, it is ours.
        match self.files.info(&path) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::system("look at the lock file", path, e)),
        }
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
        Ok(true)
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }
    /// What is renamed to the target at the end.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join(DATA)
    }
    pub(super) fn old(&self) -> PathBuf {
        self.directory.join(OLD)
    }
    /// A file that only this run reads.
    pub(super) fn spill(&self, part: usize, run: usize) -> PathBuf {
        self.directory.join(format!("spill-{part}-{run}"))
    }
    pub(super) fn files(&self) -> &Arc<dyn FileSystem> {
        &self.files
    }

    /// Leaves the directory to the next writer, because it holds the only copy of the old dataset.
    pub(super) fn abandon(&self) {
        *self.removed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Deletes the directory and all in it. A failure is tried once more: a leftover costs room until the
    /// next writer sweeps it.
    pub(super) fn remove(&self) -> Result<()> {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        if *removed {
            return Ok(());
        }
        remove_run(&*self.files, &self.directory).or_else(|_| remove_run(&*self.files, &self.directory))?;
        *removed = true;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nobody is left to be told; the next writer sweeps what stays.
        let _ = self.remove();
    }
}

/// A name that no other run has: 16 hexadecimal digits from the system's randomness, the process, the clock
/// and a counter.
fn token() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u64(COUNTER.fetch_add(1, Ordering::Relaxed));
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    hasher.write_u128(since.as_nanos());
    format!("{:016x}", hasher.finish())
}

/// Cleans up after runs that died in `place`: their targets are siblings of their working directories.
/// Entries that cannot be read or locked (another user's) are left alone.
pub(super) fn sweep(files: &dyn FileSystem, place: &Path) {
    let Ok(entries) = files.list(place) else { return };
    for entry in entries {
        let Some(name) = entry.path.file_name().and_then(OsStr::to_str) else { continue };
        let Some((before, token)) = name.rsplit_once(INFIX) else { continue };
        if entry.kind != FileKind::Directory || token.is_empty() || is_link(files, &entry.path) {
            continue;
        }
        match before {
            "" => sweep_run(files, &entry.path, None),
            _ => {
                let target = before.strip_prefix('.').and_then(|rest| rest.strip_suffix('.'));
                if let Some(target) = target.filter(|target| !target.is_empty()) {
                    sweep_run(files, &entry.path, Some(&place.join(target)));
                }
            }
        }
    }
}

/// Deletes a run's directory if the run is dead.
fn sweep_run(files: &dyn FileSystem, directory: &Path, target: Option<&Path>) {
    match files.try_lock(&directory.join(LOCK)) {
        Ok(Some(_guard)) => {
            if let Some(target) = target
                && restore(files, directory, target).is_err()
            {
                return;
            }
            let _ = remove_run(files, directory);
        }
        // Just created or almost removed: either way empty, or not ours to judge.
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let _ = files.remove_dir(directory);
        }
        Ok(None) | Err(_) => {}
    }
}

/// Whether the lock of the run with this token in `place` is held by nobody, taking it if so.
pub(super) fn lock_of_dead_run(
    files: &dyn FileSystem,
    place: &Path,
    token: &str,
) -> Option<Option<Box<dyn std::any::Any + Send + Sync>>> {
    match files.try_lock(&place.join(format!("{INFIX}{token}")).join(LOCK)) {
        Ok(Some(guard)) => Some(Some(guard)),
        Err(e) if e.kind() == ErrorKind::NotFound => Some(None),
        Ok(None) | Err(_) => None,
    }
}

/// Puts the replaced dataset back if its replacement never arrived.
fn restore(files: &dyn FileSystem, directory: &Path, target: &Path) -> Result<()> {
    let old = directory.join(OLD);
    let missing = |path: &Path| matches!(files.info(path), Err(e) if e.kind() == ErrorKind::NotFound);
    if missing(&old) || !missing(target) {
        return Ok(());
    }
    files.rename(&old, target).map_err(|e| Error::system("put back the dataset", target, e))?;
    if let Some(parent) = target.parent() {
        files.sync_dir(parent).map_err(|e| Error::system("sync the directory", parent, e))?;
    }
    Ok(())
}

/// Deletes a run's directory, its lock last: what has no lock is empty.
fn remove_run(files: &dyn FileSystem, directory: &Path) -> Result<()> {
    // An intact old dataset must not be found half deleted by a run that would put it back.
    match files.rename(&directory.join(OLD), &directory.join(TRASH)) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            return Err(Error::system("rename the old dataset", directory.join(OLD), e));
        }
        _ => {}
    }
    let entries = match files.list(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::system("list the directory", directory, e)),
    };
    let lock = directory.join(LOCK);
    for entry in entries.iter().filter(|entry| entry.path != lock) {
        remove_tree(files, &entry.path, entry.kind)?;
    }
    remove_file(files, &lock)?;
    remove_empty_dir(files, directory)
}

/// Deletes a file, or a directory with all in it, but nothing behind a link.
pub(super) fn remove_tree(files: &dyn FileSystem, path: &Path, kind: FileKind) -> Result<()> {
    if kind != FileKind::Directory || is_link(files, path) {
        return remove_file(files, path);
    }
    let entries = match files.list(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::system("list the directory", path, e)),
    };
    for entry in entries {
        remove_tree(files, &entry.path, entry.kind)?;
    }
    remove_empty_dir(files, path)
}

/// If in doubt a path is taken for a link, which deletes less.
fn is_link(files: &dyn FileSystem, path: &Path) -> bool {
    files.is_link(path).unwrap_or(true)
}

/// Deletes a file that may be gone already.
pub(super) fn remove_file(files: &dyn FileSystem, path: &Path) -> Result<()> {
    match files.remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::system("remove the file", path, e)),
        _ => Ok(()),
    }
}

/// Deletes an empty directory that may be gone already.
pub(super) fn remove_empty_dir(files: &dyn FileSystem, path: &Path) -> Result<()> {
    match files.remove_dir(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::system("remove the directory", path, e)),
        _ => Ok(()),
    }
}
