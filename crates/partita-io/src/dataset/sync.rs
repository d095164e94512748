//! Files on their way to the disk itself: one thread waits for it while the parts' threads go on computing.
//!
//! [`Syncer::finish`] is the promise: every file handed in before is durable then, or there is an error.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::{Error, Result, WriteFile};

/// So many files may wait, all of them open, before whoever hands in the next one waits too.
const WAITING_MAX: usize = 32;

type Written = (PathBuf, Box<dyn WriteFile>);

/// Syncs files in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Syncer(Mutex<Option<Worker>>);

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
    /// Takes a file to which everything has been written.
    pub(super) fn sync(&self, path: PathBuf, file: Box<dyn WriteFile>) -> Result<()> {
        let files = {
            let mut worker = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if worker.is_none() {
                *worker = Worker::start().ok();
            }
            worker.as_ref().map(|worker| worker.files.clone())
        };
        // A system that has no thread to spare waits here.
        let Some(files) = files else { return sync(path, file) };
        match files.send((path, file)) {
            Ok(()) => Ok(()),
            Err(refused) => sync(refused.0.0, refused.0.1),
        }
    }

    /// Waits until all files are on the disk.
    pub(super) fn finish(&self) -> Result<()> {
        let worker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        worker.map_or(Ok(()), Worker::finish)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        // Whoever drops it has an error already, or gives the dataset up.
        let _ = self.finish();
    }
}
