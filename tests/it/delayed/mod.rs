//! Delayed graphs as their users see them, one file per matter, and what these tests share.

mod arguments;
mod failures;
mod lesson;
mod order;
mod random;
mod runs;
mod scale;

use std::sync::mpsc;
use std::time::Duration;

use partita::prelude::*;

/// A session of so many threads.
fn session(threads: usize) -> Session {
    Session::builder().threads(threads).build().expect("a session")
}

/// Fails the test instead of hanging, if `action` takes longer than any honest run could.
fn without_hanging<R: Send + 'static>(action: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = action();
        // The receiver is gone only if the time is over, and then the test has failed already.
        let _ = sender.send(());
        result
    });
    assert!(
        receiver.recv_timeout(Duration::from_secs(400)) != Err(mpsc::RecvTimeoutError::Timeout),
        "the run hangs"
    );
    match thread.join() {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// A panic that prints nothing.
fn quiet_panic(message: &str) -> ! {
    std::panic::resume_unwind(Box::new(message.to_owned()))
}
