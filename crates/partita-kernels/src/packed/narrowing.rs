//! [`Narrowing`]: what a column's values are kept as. Rows may come in several parts and leave in others: then they are
//! brought to their new places in the form in which they are kept (`partition.rs`).

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use super::column::PackedColumn;
use super::distances::NumberSpan;
use super::notation::Notation;
use super::short::TextSpan;
use crate::Result;
use crate::take::compact_views;

/// What the values of a column become.
#[derive(Debug)]
pub(crate) enum Narrowing {
    /// They stay as they are.
    None,
    /// Whole numbers become distances.
    Numbers(NumberSpan),
    /// And so do short texts.
    Texts(TextSpan, DataType),
    /// Values that are whole numbers in some notation become these, or their distances.
    Written(Option<NumberSpan>, Notation),
}

impl Narrowing {
    /// Of all values of all parts, which have one type; the parts become what is kept, or of which distances are.
    pub(crate) fn of(parts: &mut Vec<ArrayRef>) -> Narrowing {
        if let Some(span) = NumberSpan::of(parts) {
            return Narrowing::Numbers(span);
        }
        if let Some((notation, numbers)) = Notation::of(parts) {
            *parts = numbers;
            return Narrowing::Written(NumberSpan::of(parts), notation);
        }
        match (TextSpan::of(parts), parts.first()) {
            (Some(span), Some(first)) => Narrowing::Texts(span, first.data_type().clone()),
            _ => Narrowing::None,
        }
    }

    /// The type of what is kept of values of a type.
    pub(crate) fn kept_type(&self, data_type: &DataType) -> DataType {
        match self {
            Narrowing::None => data_type.clone(),
            Narrowing::Written(None, _) => DataType::UInt32,
            Narrowing::Numbers(span) | Narrowing::Written(Some(span), _) => span.code_type(),
            Narrowing::Texts(span, _) => span.code_type(),
        }
    }

    /// What is kept of all values of a part.
    pub(super) fn kept(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let distances = match self {
            Narrowing::None | Narrowing::Written(None, _) => None,
            Narrowing::Numbers(span) | Narrowing::Written(Some(span), _) => span.distances(column),
            Narrowing::Texts(span, _) => span.distances(column),
        };
        distances.map_or_else(|| compact_views(column), Ok)
    }

    /// The column of which this is kept: values or, with nulls where these are, distances.
    pub(crate) fn column(&self, kept: ArrayRef) -> PackedColumn {
        match self {
            Narrowing::None => PackedColumn::plain(kept),
            Narrowing::Numbers(span) => span.with(kept).into(),
            Narrowing::Texts(span, data_type) => span.with(kept, data_type).into(),
            Narrowing::Written(span, notation) => {
                let numbers = match span {
                    Some(span) => span.with(kept).into(),
                    None => PackedColumn::plain(kept),
                };
                PackedColumn::written(numbers, notation.clone())
            }
        }
    }
}
