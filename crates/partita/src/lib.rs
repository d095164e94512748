//! A partitioned lazy dataframe engine on Apache Arrow.

mod error;
pub(crate) mod expr;

pub use error::{Error, Result};
