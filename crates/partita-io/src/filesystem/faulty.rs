//! A file system for tests: it passes every call on, keeps a journal, and fails the calls it is told to.
//!
//! The way to use it is SQLite's: run the work once to count its calls, then once for every N with the N-th
//! call failing, and look each time at what was left behind. [`Faulty::fail_from`] fails everything from a
//! call on, which is what a killed process looks like to the disk.

use std::any::Any;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{FileInfo, FileSystem, ReadFile, WriteFile};

/// The kinds of calls that reach a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// [`FileSystem::info`].
    Info,
    /// [`FileSystem::list`].
    List,
    /// [`FileSystem::open`].
    Open,
    /// [`ReadFile::read_at`].
    Read,
    /// [`ReadFile::info`].
    OpenInfo,
    /// [`FileSystem::create`].
    Create,
    /// [`FileSystem::create_dir`].
    CreateDir,
    /// A write to a file.
    Write,
    /// A flush of a file.
    Flush,
    /// [`WriteFile::sync`].
    Sync,
    /// [`FileSystem::rename`].
    Rename,
    /// [`FileSystem::exchange`].
    Exchange,
    /// [`FileSystem::remove_file`].
    RemoveFile,
    /// [`FileSystem::remove_dir`].
    RemoveDir,
    /// [`FileSystem::sync_dir`].
    SyncDir,
    /// [`FileSystem::sync_all`].
    SyncAll,
    /// [`FileSystem::try_lock`].
    TryLock,
    /// [`FileSystem::is_link`] and [`FileSystem::canonical`].
    Resolve,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk does not work (EIO).
    Broken,
    /// The disk is full (ENOSPC).
    Full,
    /// No permission (EACCES).
    Denied,
    /// A signal came (EINTR): the caller must try again.
    Interrupted,
    /// A read or write moves half of what was asked (at least one byte); other calls pass.
    Short,
    /// Any other error number of the system.
    Errno(i32),
}

impl Fault {
    /// The error that the caller sees; `None` for a short transfer.
    pub fn error(self) -> Option<io::Error> {
        let errno = match self {
            Fault::Broken => rustix::io::Errno::IO.raw_os_error(),
            Fault::Full => rustix::io::Errno::NOSPC.raw_os_error(),
            Fault::Denied => rustix::io::Errno::ACCESS.raw_os_error(),
            Fault::Interrupted => rustix::io::Errno::INTR.raw_os_error(),
            Fault::Errno(errno) => errno,
            Fault::Short => return None,
        };
        Some(io::Error::from_raw_os_error(errno))
    }
}

/// One call, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// What was called.
    pub call: Call,
    /// On which path (for a rename or exchange: the first).
    pub path: PathBuf,
    /// The second path of a rename or exchange.
    pub to: Option<PathBuf>,
    /// Whether a fault was injected.
    pub faulted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    call: Option<Call>,
    /// Counted from 0 among the calls that the rule concerns.
    nth: u64,
    onwards: bool,
    fault: Fault,
    seen: u64,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    journal: Vec<JournalEntry>,
}

/// A file system that fails on demand. Clones share the journal and the rules.
#[derive(Clone, Debug)]
pub struct Faulty {
    inner: Arc<dyn FileSystem>,
    state: Arc<Mutex<State>>,
}

impl Faulty {
    /// Passes every call on to `inner` until told otherwise.
    pub fn new(inner: Arc<dyn FileSystem>) -> Self {
        Faulty { inner, state: Arc::default() }
    }

    /// Makes the `nth` call from now (counted from 0) of one kind, or of all kinds for `None`, fail once.
    pub fn fail_once(&self, call: impl Into<Option<Call>>, nth: u64, fault: Fault) {
        self.state().rules.push(Rule { call: call.into(), nth, onwards: false, fault, seen: 0 });
    }

    /// As [`Faulty::fail_once`], and so does every later call of the kind: a disk that stays full, a process
    /// that is gone.
    pub fn fail_from(&self, call: impl Into<Option<Call>>, nth: u64, fault: Fault) {
        self.state().rules.push(Rule { call: call.into(), nth, onwards: true, fault, seen: 0 });
    }

    /// Forgets all rules; the journal stays.
    pub fn heal(&self) {
        self.state().rules.clear();
    }

    /// Every call so far.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.state().journal.clone()
    }

    /// Forgets the journal.
    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// How many calls of a kind, or of all kinds for `None`, there were.
    pub fn count(&self, call: impl Into<Option<Call>>) -> u64 {
        let call = call.into();
        self.state().journal.iter().filter(|entry| call.is_none_or(|call| call == entry.call)).count() as u64
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the call down and says how it is to fail.
    fn note(&self, call: Call, path: &Path, to: Option<&Path>) -> Option<Fault> {
        let mut state = self.state();
        let mut fault = None;
        for rule in &mut state.rules {
            if rule.call.is_some_and(|wanted| wanted != call) {
                continue;
            }
            if rule.seen == rule.nth || (rule.onwards && rule.seen > rule.nth) {
                fault = fault.or(Some(rule.fault));
            }
            rule.seen += 1;
        }
        state.journal.push(JournalEntry {
            call,
            path: path.to_path_buf(),
            to: to.map(Path::to_path_buf),
            faulted: fault.is_some(),
        });
        fault
    }

    /// As [`Faulty::note`] for calls that move no bytes.
    fn enter(&self, call: Call, path: &Path, to: Option<&Path>) -> io::Result<()> {
        self.note(call, path, to).and_then(Fault::error).map_or(Ok(()), Err)
    }
}

#[derive(Debug)]
struct FaultyRead {
    inner: Arc<dyn ReadFile>,
    path: PathBuf,
    system: Faulty,
}

impl ReadFile for FaultyRead {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.system.note(Call::Read, &self.path, None) {
            None => self.inner.read_at(offset, buffer),
            Some(fault) => match fault.error() {
                Some(error) => Err(error),
                None => {
                    let half = buffer.len().div_ceil(2);
                    self.inner.read_at(offset, &mut buffer[..half])
                }
            },
        }
    }
    fn info(&self) -> io::Result<FileInfo> {
        self.system.enter(Call::OpenInfo, &self.path, None)?;
        self.inner.info()
    }
}

#[derive(Debug)]
struct FaultyWrite {
    inner: Box<dyn WriteFile>,
    path: PathBuf,
    system: Faulty,
}

impl Write for FaultyWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.system.note(Call::Write, &self.path, None) {
            None => self.inner.write(buffer),
            Some(fault) => match fault.error() {
                Some(error) => Err(error),
                None => self.inner.write(&buffer[..buffer.len().div_ceil(2)]),
            },
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.system.enter(Call::Flush, &self.path, None)?;
        self.inner.flush()
    }
}

impl WriteFile for FaultyWrite {
    fn sync(&mut self) -> io::Result<()> {
        self.system.enter(Call::Sync, &self.path, None)?;
        self.inner.sync()
    }
}

impl FileSystem for Faulty {
    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.enter(Call::Info, path, None)?;
        self.inner.info(path)
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<FileInfo>> {
        self.enter(Call::List, directory, None)?;
        self.inner.list(directory)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.enter(Call::Open, path, None)?;
        let inner = self.inner.open(path)?;
        Ok(Arc::new(FaultyRead { inner, path: path.to_path_buf(), system: self.clone() }))
    }
    fn create(&self, path: &Path, private: bool) -> io::Result<Box<dyn WriteFile>> {
        self.enter(Call::Create, path, None)?;
        let inner = self.inner.create(path, private)?;
        Ok(Box::new(FaultyWrite { inner, path: path.to_path_buf(), system: self.clone() }))
    }
    fn create_dir(&self, path: &Path, private: bool) -> io::Result<()> {
        self.enter(Call::CreateDir, path, None)?;
        self.inner.create_dir(path, private)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.enter(Call::Rename, from, Some(to))?;
        self.inner.rename(from, to)
    }
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        self.enter(Call::Exchange, a, Some(b))?;
        self.inner.exchange(a, b)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.enter(Call::RemoveFile, path, None)?;
        self.inner.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.enter(Call::RemoveDir, path, None)?;
        self.inner.remove_dir(path)
    }
    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.enter(Call::SyncDir, directory, None)?;
        self.inner.sync_dir(directory)
    }
    fn sync_all(&self, directory: &Path) -> io::Result<()> {
        self.enter(Call::SyncAll, directory, None)?;
        self.inner.sync_all(directory)
    }
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        self.enter(Call::TryLock, path, None)?;
        self.inner.try_lock(path)
    }
    fn is_link(&self, path: &Path) -> io::Result<bool> {
        self.enter(Call::Resolve, path, None)?;
        self.inner.is_link(path)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.enter(Call::Resolve, path, None)?;
        self.inner.canonical(path)
    }
}
