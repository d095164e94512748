//! The command as its users run it: every subcommand and flag, exit codes, streams, signals.
//!
//! Expected values are written by hand, or read with the readers of the arrow and parquet crates.

mod converting;
mod failing;
mod place;
mod printing;
