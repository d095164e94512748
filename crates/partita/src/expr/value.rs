//! What a step of a bound expression takes and gives: an array, or one row that stands for any number.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Datum, UInt32Array};
use arrow::error::ArrowError;

use crate::Error;

/// A column of values, or a scalar (an array of one row). A scalar stays one through arrow's kernels.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Array(ArrayRef),
    Scalar(ArrayRef),
}

impl Value {
    pub(crate) fn array(&self) -> &ArrayRef {
        match self {
            Value::Array(array) | Value::Scalar(array) => array,
        }
    }
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self, Value::Scalar(_))
    }
    /// As an array of `rows` rows.
    pub(crate) fn into_rows(self, rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Value::Array(array) => Ok(array),
            Value::Scalar(array) => {
                let zeros = UInt32Array::from_value(0, rows);
                arrow::compute::take(&array, &zeros, None)
            }
        }
    }
    /// Keeps the rows that `mask` selects.
    pub(crate) fn filter(&self, mask: &BooleanArray) -> Result<Value, ArrowError> {
        match self {
            Value::Array(array) => Ok(Value::Array(arrow::compute::filter(array, mask)?)),
            Value::Scalar(_) => Ok(self.clone()),
        }
    }
    /// The row of this value that stands at row `index` of the result.
    pub(crate) fn row(&self, index: usize) -> usize {
        if self.is_scalar() { 0 } else { index }
    }
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array().as_ref(), self.is_scalar())
    }
}

/// How many rows the results of a step have: as its arrays, or one if all its arguments are scalars.
pub(crate) fn row_count(arguments: &[Value]) -> usize {
    arguments.iter().find(|value| !value.is_scalar()).map_or(1, |value| value.array().len())
}

/// Why a step failed. The evaluator adds the expression.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A value that the step has no answer for.
    Value(String),
    /// Anything else, which has its own words.
    Error(Error),
}

impl Fault {
    pub(crate) fn value(message: impl Into<String>) -> Fault {
        Fault::Value(message.into())
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Fault {
        match error {
            ArrowError::ArithmeticOverflow(message)
            | ArrowError::CastError(message)
            | ArrowError::ComputeError(message)
            | ArrowError::ParseError(message)
            | ArrowError::InvalidArgumentError(message) => Fault::Value(message),
            ArrowError::DivideByZero => Fault::Value("division by zero".to_owned()),
            other => Fault::Error(other.into()),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Error(error)
    }
}

/// What a kernel gives.
pub(crate) type Evaluated<T> = std::result::Result<T, Fault>;

/// A step's work on its arguments: arrays of one length, and scalars. If all are scalars the result has one row.
pub(crate) type Kernel = Arc<dyn Fn(&[Value]) -> Evaluated<ArrayRef> + Send + Sync>;
