//! The one test binary: how the engine answers, whatever the partitions, threads, optimizer and memory.
//!
//! `rows.rs` and `check.rs` are the instruments; `cases.rs` has chains with answers worked out by hand,
//! `random.rs` draws frames and chains and compares with the naive interpreter of `oracle.rs`; `golden/` asks
//! what pandas was asked; `files/` and `faults.rs` go through files that are good, broken and failing, `errors.rs` through what users do wrong;
//! `tidy.rs` holds the house in order.
#![allow(clippy::float_cmp, reason = "answers are compared to the bit")]

mod cases;
mod check;
mod errors;
mod faults;
mod files;
mod golden;
mod oracle;
mod random;
mod rows;
mod tidy;
