//! Files on their way to the disk itself: one thread waits for it while the parts' threads go on computing.
//!
//! [`Syncer::finish`] is the promise: every file handed in before is durable then, or there is an error. Of very many
//! files most are left to one call at the end that syncs their whole file system, where the system has it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::{Error, FileSystem, Result, WriteFile};

/// So many files may wait, all of them open, before whoever hands in the next one waits too.
const WAITING_MAX: usize = 32;
/// The files after so many are not synced one by one: each would wait for the disk's journal, a millisecond or more,
/// where one call for the whole file system waits once.
const SINGLY_MAX: usize = 256;

type Written = (PathBuf, Box<dyn WriteFile>);

/// Syncs files in the order in which they come.
#[derive(Debug)]
pub(super) struct Syncer {
    files: Arc<dyn FileSystem>,
    /// Where the files are.
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    worker: Option<Worker>,
    /// Files handed in so far.
    count: usize,
    /// Whether the file system can be synced as a whole, and will be; `None` until there are many files.
    as_a_whole: Option<bool>,
}

/// What is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synced {
    /// The content of the files.
    Files,
    /// All that was written, the names of files and directories too.
    Everything,
}

#[derive(Debug)]
struct Worker {
    files: SyncSender<Written>,
    thread: JoinHandle<Result<()>>,
}

impl Worker {
    fn start() -> std::io::Result<Self> {
        let (files, waiting) = sync_channel::<Written>(WAITING_MAX);
        let work = move || {
            let mut first = Ok(());
            // After an error the others are closed only: the dataset is lost.
            for (path, file) in waiting {
                if first.is_ok() {
                    first = sync(path, file);
                }
            }
            first
        };
        let thread = std::thread::Builder::new().name("partita-sync".to_owned()).spawn(work)?;
        Ok(Worker { files, thread })
    }

    fn finish(self) -> Result<()> {
        let Worker { files, thread } = self;
        drop(files);
        thread.join().unwrap_or_else(|_| Err(Error::invalid("syncing the files of a dataset panicked")))
    }
}

fn sync(path: PathBuf, mut file: Box<dyn WriteFile>) -> Result<()> {
    file.sync().map_err(|e| Error::system("sync the file", path, e))
}

impl Syncer {
    pub(super) fn new(files: Arc<dyn FileSystem>, directory: PathBuf) -> Self {
        Syncer { files, directory, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a file to which everything has been written.
    pub(super) fn sync(&self, path: PathBuf, file: Box<dyn WriteFile>) -> Result<()> {
        let files = {
            let mut state = self.state();
            state.count += 1;
            if state.count > SINGLY_MAX && self.goes_as_a_whole(&mut state)? {
                return Ok(());
            }
            if state.worker.is_none() {
                state.worker = Worker::start().ok();
            }
            state.worker.as_ref().map(|worker| worker.files.clone())
        };
        // A system that has no thread to spare waits here.
        let Some(files) = files else { return sync(path, file) };
        match files.send((path, file)) {
            Ok(()) => Ok(()),
            Err(refused) => sync(refused.0.0, refused.0.1),
        }
    }

    /// Whether the file system is synced as a whole in the end: it is tried once.
    fn goes_as_a_whole(&self, state: &mut State) -> Result<bool> {
        if let Some(known) = state.as_a_whole {
            return Ok(known);
        }
        let can = match self.sync_all() {
            Err(error) if error.kind() == ErrorKind::Unsupported => false,
            tried => tried.map(|()| true).map_err(|e| self.failed(e))?,
        };
        Ok(*state.as_a_whole.insert(can))
    }

    fn sync_all(&self) -> std::io::Result<()> {
        self.files.sync_all(&self.directory)
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::system("sync the file system of", &self.directory, error)
    }

    /// Waits until all files are on the disk.
    pub(super) fn finish(&self) -> Result<Synced> {
        let (worker, as_a_whole) = {
            let mut state = self.state();
            (state.worker.take(), state.as_a_whole)
        };
        worker.map_or(Ok(()), Worker::finish)?;
        if as_a_whole != Some(true) {
            return Ok(Synced::Files);
        }
        self.sync_all().map_err(|e| self.failed(e))?;
        Ok(Synced::Everything)
    }

    /// Waits until no file is open any more.
    pub(super) fn stop(&self) {
        if let Some(worker) = self.state().worker.take() {
            // Whoever stops has an error already, or gives the dataset up.
            let _ = worker.finish();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}
