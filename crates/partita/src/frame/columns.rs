//! Naming columns, and small record batches written out in code for examples, tests and lookup tables.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray,
};

use crate::error::Result;
use crate::expr::{Expr, col};

/// A column by name, or an expression: what `select` and `groupby` take. Text in other places of an expression
/// is a text value; here it names a column.
#[derive(Clone, Debug)]
pub struct Selection(pub(crate) Expr);

impl From<Expr> for Selection {
    fn from(expr: Expr) -> Selection {
        Selection(expr)
    }
}

impl From<&str> for Selection {
    fn from(name: &str) -> Selection {
        Selection(col(name))
    }
}

impl From<&String> for Selection {
    fn from(name: &String) -> Selection {
        Selection(col(name))
    }
}

impl From<String> for Selection {
    fn from(name: String) -> Selection {
        Selection(col(name))
    }
}

/// Values that make a column of [`batch!`](crate::batch): vectors and arrays of `i64`, `i32`, `f64`, `bool`
/// `&str` and `String`, each also as `Option` for nulls, and Arrow arrays.
pub trait IntoColumn {
    /// The values as an Arrow array.
    fn into_column(self) -> ArrayRef;
}

macro_rules! into_column {
    ($($value:ty => $array:ty),*) => {$(
        impl IntoColumn for Vec<$value> {
            fn into_column(self) -> ArrayRef {
                Arc::new(<$array>::from(self))
            }
        }
        impl<const N: usize> IntoColumn for [$value; N] {
            fn into_column(self) -> ArrayRef {
                self.to_vec().into_column()
            }
        }
    )*};
}

into_column! {
    i64 => Int64Array, Option<i64> => Int64Array, i32 => Int32Array, Option<i32> => Int32Array,
    f64 => Float64Array, Option<f64> => Float64Array, bool => BooleanArray, Option<bool> => BooleanArray,
    &str => StringViewArray, Option<&str> => StringViewArray,
    String => StringViewArray, Option<String> => StringViewArray
}

impl IntoColumn for ArrayRef {
    fn into_column(self) -> ArrayRef {
        self
    }
}

/// A record batch of named columns; the function behind [`batch!`](crate::batch). Every column may hold nulls.
///
/// # Errors
/// The columns are not of one length.
pub fn batch_of_columns(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )?)
}

/// A record batch written out: `batch! { "city" => ["Ulm", "Bonn"], "rain" => [3, 5] }`, as a `Result`.
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let batch = batch! { "city" => ["Ulm", "Bonn"], "rain" => [Some(3), None] }?;
/// assert_eq!(batch.num_rows(), 2);
/// # Ok::<(), partita::Error>(())
/// ```
#[macro_export]
macro_rules! batch {
    ($($name:literal => $values:expr),* $(,)?) => {
        $crate::batch_of_columns(vec![$(($name, $crate::IntoColumn::into_column($values))),*])
    };
}
