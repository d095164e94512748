//! Reading CSV: fast, and exactly what the `csv` crate's automaton says, however a file is cut.
//!
//! The way of the bytes: `source.rs` opens files and cuts them into splits; `file.rs` knows each file's
//! header and the automaton's state at every cut; `input.rs` gives text; `block.rs` reads blocks of whole
//! records; `index.rs` (on `masks.rs`, with `dialect.rs` as its reference) finds all fields of a block;
//! `rows.rs` makes a table of them; `convert.rs` and `text.rs` make columns, with `value.rs`, `number.rs`
//! and `moment.rs` for single cells; `reader.rs` goes from block to block, `plan.rs` puts batches together, and
//! `judge.rs` applies the policy for bad rows; `infer.rs` guesses types and `widen.rs` corrects the guess.

mod block;
mod columns;
mod convert;
mod dialect;
mod file;
mod index;
mod infer;
mod input;
mod judge;
mod masks;
mod moment;
mod number;
mod options;
mod place;
mod plan;
mod reader;
mod rows;
mod source;
mod text;
mod value;
mod widen;

pub use crate::reject::BadRows;
pub use options::{CsvOptions, Encoding, NamedEncoding};
pub use source::open;

#[cfg(test)]
mod tests;
