//! Pure functions over Arrow arrays: hashes, packed keys, group and join tables, sort keys, aggregate states.
//!
//! Nothing here sees an expression, a plan, a file or a thread. The engine's `op` modules call these.

mod error;
pub mod join;
mod keys;
pub mod sort;
pub mod take;

pub use error::{Error, Result};
