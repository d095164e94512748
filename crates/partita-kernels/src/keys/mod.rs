//! Key columns in one canonical form that keeps their order, so that joins and sorts need three loops, not thirty.
//!
//! Every Arrow type becomes 64-bit words, 128-bit words or byte views ([`KeyColumn`]); equal values become equal words
//! whatever the text encoding, all NaNs are one value and -0.0 is 0.0. Next: [`crate::join`] packs the words into table
//! keys, [`crate::sort`] into sort prefixes.

#[cfg(test)]
pub(crate) mod cells;
mod column;
mod nested;
#[cfg(test)]
mod tests;

pub(crate) use column::{KeyColumn, KeyValues, concat_nulls, key_value, same_key_type};
