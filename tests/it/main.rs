//! The one test binary: how the engine answers, whatever the partitions, threads, optimizer and memory.
//!
//! `rows.rs` and `check.rs` are the instruments. `cases.rs` has chains with answers worked out by hand,
//! `large.rs` those with more rows, `memory/` those with ten times what a limit holds, `spills.rs` looks at what is
//! spilled, `waves.rs` at what is merged early; `random/` draws frames and chains and compares with the naive
//! interpreter of `oracle/`; `golden/` asks what pandas was asked. `errors.rs` goes through what users do wrong, `files/` and
//! `faults.rs` through files that are good, broken and failing; `delayed/` builds and runs graphs of functions;
//! `pictures.rs` draws, `reports.rs` asks what a run tells of itself. `tidy.rs` holds the house in order.
#![allow(clippy::float_cmp, reason = "answers are compared to the bit")]

mod cases;
mod check;
mod delayed;
mod errors;
mod faults;
mod files;
mod golden;
mod join_order;
mod large;
mod memory;
mod oracle;
mod pictures;
mod random;
mod reports;
mod rows;
mod spills;
mod tidy;
mod waves;
