//! A partitioned lazy dataframe engine on Apache Arrow.

mod error;
pub(crate) mod expr;

pub use error::{Error, Result};
pub use expr::{
    Date, Expr, List, Struct, Text, Then, When, coalesce, col, concat_str, greatest, least, lit, lit_decimal,
    null, size, when,
};
