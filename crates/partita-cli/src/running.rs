//! The session that does the work, and Ctrl-C: the first one stops the work and lets it clean up, the second
//! ends the process at once.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use partita::Session;

use crate::arguments::{RunArguments, When};
use crate::failure::{Failure, STOPPED, say};

/// The session, and whether it works on something that must be cleaned up after.
pub(crate) struct Running {
    pub(crate) session: Session,
    working: Arc<AtomicBool>,
}

impl Running {
    /// Makes the session and takes over Ctrl-C.
    pub(crate) fn start(arguments: &RunArguments) -> Result<Running, Failure> {
        let session = session(arguments)?;
        let working = Arc::new(AtomicBool::new(false));
        let (cancel, cleans_up, stopping) =
            (session.cancel_handle(), Arc::clone(&working), AtomicBool::new(false));
        let handled = ctrlc::set_handler(move || {
            let again = stopping.swap(true, Ordering::SeqCst);
            // Before the run begins files are only looked at, so there is nothing to clean up.
            if again || !cleans_up.load(Ordering::SeqCst) {
                say("stopped");
                std::process::exit(i32::from(STOPPED));
            }
            cancel.cancel();
        });
        handled.map_err(|error| Failure::usage(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(Running { session, working })
    }

    /// Does the work of a run, during which Ctrl-C waits for the cleaning up.
    pub(crate) fn work<T>(&self, work: impl FnOnce() -> partita::Result<T>) -> Result<T, Failure> {
        self.working.store(true, Ordering::SeqCst);
        let done = work();
        self.working.store(false, Ordering::SeqCst);
        Ok(done?)
    }
}

fn session(arguments: &RunArguments) -> Result<Session, Failure> {
    let mut builder = Session::builder().progress(match arguments.progress {
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stderr().is_terminal(),
    });
    if let Some(threads) = arguments.threads {
        builder = builder.threads(usize::from(threads));
    }
    if let Some(bytes) = arguments.memory_limit {
        builder = builder.memory_limit(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    if let Some(directory) = &arguments.spill_dir {
        if !directory.is_dir() {
            let place = directory.display();
            return Err(Failure::usage(format!("--spill-dir `{place}` is not a directory; make it first")));
        }
        builder = builder.spill_dir(directory);
    }
    builder.build().map_err(|error| Failure::usage(error.message()))
}
