//! A partitioned lazy dataframe engine on Apache Arrow.

mod error;
pub(crate) mod expr;

pub use error::{Error, Result};
pub use expr::{Expr, Then, When, coalesce, col, lit, lit_decimal, null, size, when};
