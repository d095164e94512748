//! Why the command did not do what was asked, as a line on standard error and an exit code.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// The work failed.
const FAILED: u8 = 1;
/// The command was called wrongly; `clap` uses the same code.
const WRONG_USAGE: u8 = 2;
/// 128 + SIGINT, as shells have it.
pub(crate) const STOPPED: u8 = 130;

/// Everything that can end the command early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Arguments that do not go together; a sentence that says which would.
    Usage(String),
    /// The engine's error.
    Work(partita::Error),
    /// Standard output cannot be written.
    Output(io::Error),
    /// A panic that nobody caught: a bug.
    Panic(String),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::Usage(message.into())
    }

    /// Says what happened and how the process should end.
    pub(crate) fn report(&self) -> ExitCode {
        // A reader that has seen enough, as in `partita head x | head -1`, is no failure.
        if matches!(self, Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        say(&self.to_string());
        ExitCode::from(match self {
            Failure::Usage(_) => WRONG_USAGE,
            Failure::Work(error) if error.is_cancelled() => STOPPED,
            Failure::Work(_) | Failure::Output(_) | Failure::Panic(_) => FAILED,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) => write!(f, "{message}; see `partita --help`"),
            Failure::Work(error) if error.is_cancelled() => f.write_str("stopped"),
            // The step's place in our own source means nothing to somebody who typed a command.
            Failure::Work(error) => f.write_str(&error.message()),
            Failure::Output(error) => write!(f, "cannot write to standard output: {error}"),
            Failure::Panic(message) => write!(f, "internal error (please report it): {message}"),
        }
    }
}

impl From<partita::Error> for Failure {
    fn from(error: partita::Error) -> Self {
        Failure::Work(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// One line on standard error. Nothing can be done where that is closed.
pub(crate) fn say(message: &str) {
    drop(writeln!(io::stderr().lock(), "partita: {message}"));
}
