//! Group tables: from key columns to dense group numbers in the order of first appearance.
//!
//! `table` is the whole of it. `column` brings a batch's keys into few forms, `field` and `layout` pack them into as few
//! 64-bit words as their values need, `packed` finds the words, `bytes` numbers texts that are too long to pack,
//! `interner` those that come as codes of a dictionary, and `widen` changes the choice when a value does not fit. Group
//! numbers and key values never depend on the choice. The numbers go on to `aggregate`.

mod bytes;
mod column;
mod field;
mod interner;
mod layout;
mod packed;
mod slots;
mod table;
#[cfg(test)]
mod tests;
mod widen;

pub(crate) use bytes::BytesTable;
pub(crate) use column::text_array;
pub use table::GroupTable;
