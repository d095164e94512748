//! The one error type of the kernels: what went wrong with which type, as data, printed as a sentence.
//!
//! A kernel knows nothing of columns, expressions or files; the engine adds those around this error.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// What every kernel returns when it can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a kernel could not do its work.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Box<Kind>);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("{what} overflowed {data_type}; cast to a wider type, or to float64, first")]
    Overflow { what: String, data_type: DataType },
    #[error("{what} is not defined for {data_type}; cast to another type first")]
    Unsupported { what: String, data_type: DataType },
    #[error("{what}")]
    Invalid { what: String },
    #[error("{0}")]
    Arrow(#[source] ArrowError),
}

impl Error {
    /// `what` (a noun phrase: `sum`, `the row count of a join`) left the range of `data_type`.
    pub fn overflow(what: impl Into<String>, data_type: &DataType) -> Self {
        Kind::Overflow { what: what.into(), data_type: data_type.clone() }.into()
    }

    /// `what` (a noun phrase: `mean`, `a join key`) has no meaning for, or no code for, `data_type`.
    pub fn unsupported(what: impl Into<String>, data_type: &DataType) -> Self {
        Kind::Unsupported { what: what.into(), data_type: data_type.clone() }.into()
    }

    /// An argument that no type check could refuse: `sentence` says what is wrong and what to do.
    pub fn invalid(sentence: impl Into<String>) -> Self {
        Kind::Invalid { what: sentence.into() }.into()
    }

    /// Whether a value left the range of its type.
    pub fn is_overflow(&self) -> bool {
        matches!(*self.0, Kind::Overflow { .. })
    }

    /// Whether the operation does not exist for the type that it was given.
    pub fn is_unsupported(&self) -> bool {
        matches!(*self.0, Kind::Unsupported { .. })
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Error(Box::new(kind))
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Kind::Arrow(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_sentences_that_name_operation_and_type() {
        let error = Error::overflow("sum", &DataType::Int64);
        assert!(error.is_overflow() && !error.is_unsupported());
        assert_eq!(error.to_string(), "sum overflowed Int64; cast to a wider type, or to float64, first");
        let error = Error::unsupported("mean", &DataType::Utf8);
        assert!(error.is_unsupported());
        assert_eq!(error.to_string(), "mean is not defined for Utf8; cast to another type first");
        let error = Error::from(ArrowError::DivideByZero);
        assert_eq!(error.to_string(), "Divide by zero error");
    }
}
