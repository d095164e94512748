//! Pure functions over Arrow arrays: hashes, packed keys, group and join tables, sort keys, aggregate states.
//!
//! Nothing here sees an expression, a plan, a file or a thread. The engine's `op` modules call these.

mod error;
mod keys;
mod plain;

pub mod aggregate;
pub mod group;
pub mod hash;
pub mod join;
pub mod packed;
pub mod partition;
pub mod sort;
pub mod take;
pub mod text;

#[cfg(test)]
mod random;

pub use error::{Error, Result};
