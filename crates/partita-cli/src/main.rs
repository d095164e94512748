//! The `partita` command: look at, count, describe and convert data files.
//!
//! From here the flow is `arguments.rs` (what may be said), then the file of the subcommand, each of which reads
//! through `reading.rs` and prints through `output.rs`. `failure.rs` has the exit codes.

mod arguments;
mod bytes;
mod convert;
mod count;
mod describe;
mod failure;
mod formats;
mod head;
mod output;
mod panics;
mod reading;
mod running;
mod schema;
mod types;
mod writing;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    partita::io::keep_freed_memory();
    let arguments = Arguments::parse();
    match panics::caught(|| run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Head(arguments) => head::run(&arguments),
        Command::Count(arguments) => count::run(&arguments),
        Command::Describe(arguments) => describe::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
    }
}
