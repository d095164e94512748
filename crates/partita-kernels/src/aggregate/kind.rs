//! The table of aggregates: a kind, its name and its file. A new aggregate is one file and one line in each table here.

use arrow::datatypes::DataType;

use super::native::{Parts, plain_types};
use super::{
    AggregatePlan, corr, count, distinct, extreme, first_last, logic, mean, product, quantile, sum, top,
    variance,
};
use crate::{Error, Result};

/// An aggregate with its parameters. Nulls are skipped, except by `Size`; NaN is a value, larger than all numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AggregateKind {
    /// Sum; 0 of nothing. Integers give 64 bits, decimals their widest precision; leaving these is an error.
    Sum,
    /// Product; 1 of nothing. Integers give 64 bits; leaving these is an error.
    Product,
    /// Arithmetic mean; null of nothing. Exact until the division for all but floats.
    Mean,
    /// Smallest value; null of nothing.
    Min,
    /// Largest value; null of nothing.
    Max,
    /// Rows whose value is not null.
    Count,
    /// All rows; takes no argument.
    Size,
    /// Standard deviation with divisor n - ddof; null unless n > ddof.
    Std {
        /// What is subtracted from the number of values: 1 for a sample, 0 for a whole population.
        ddof: u8,
    },
    /// Variance with divisor n - ddof; null unless n > ddof.
    Var {
        /// As for `Std`.
        ddof: u8,
    },
    /// The value in the middle, or the mean of the two; exact; as Float64, of decimals too. Not of dates and durations.
    Median,
    /// The value at this part (0 to 1) of the order, linearly between neighbours; as `Median` otherwise.
    Quantile(f64),
    /// First value that is not null.
    First,
    /// Last value that is not null.
    Last,
    /// How many different values there are.
    NUnique,
    /// Whether any value is true; false of nothing.
    Any,
    /// Whether all values are true; true of nothing.
    All,
    /// Pearson's correlation of two columns over rows where both have values; null of fewer than two, NaN if one is constant.
    Corr,
    /// The k largest values, largest first, as a list.
    TopK {
        /// How many.
        k: usize,
    },
    /// The k smallest values, smallest first, as a list.
    BottomK {
        /// How many.
        k: usize,
    },
}

impl AggregateKind {
    /// The name that errors and plans print.
    pub fn name(&self) -> &'static str {
        match self {
            AggregateKind::Sum => "sum",
            AggregateKind::Product => "product",
            AggregateKind::Mean => "mean",
            AggregateKind::Min => "min",
            AggregateKind::Max => "max",
            AggregateKind::Count => "count",
            AggregateKind::Size => "size",
            AggregateKind::Std { .. } => "std",
            AggregateKind::Var { .. } => "var",
            AggregateKind::Median => "median",
            AggregateKind::Quantile(_) => "quantile",
            AggregateKind::First => "first",
            AggregateKind::Last => "last",
            AggregateKind::NUnique => "nunique",
            AggregateKind::Any => "any",
            AggregateKind::All => "all",
            AggregateKind::Corr => "corr",
            AggregateKind::TopK { .. } => "top_k",
            AggregateKind::BottomK { .. } => "bottom_k",
        }
    }

    /// How many argument columns it takes.
    pub fn arity(&self) -> usize {
        match self {
            AggregateKind::Size => 0,
            AggregateKind::Corr => 2,
            _ => 1,
        }
    }

    /// Binds the aggregate to arguments of these types.
    ///
    /// # Errors
    /// When it is not defined for these types, when there are too few or too many, or when a parameter is out of range.
    pub fn plan(&self, arg_types: &[DataType]) -> Result<AggregatePlan> {
        if arg_types.len() != self.arity() {
            let (name, arity, found) = (self.name(), self.arity(), arg_types.len());
            return Err(Error::invalid(format!("{name} takes {arity} argument(s) and was given {found}")));
        }
        let types = &plain_types(arg_types);
        let parts: Parts = match *self {
            AggregateKind::Sum => sum::parts(types),
            AggregateKind::Product => product::parts(types),
            AggregateKind::Mean => mean::parts(types),
            AggregateKind::Min => extreme::parts(types, extreme::Side::Min),
            AggregateKind::Max => extreme::parts(types, extreme::Side::Max),
            AggregateKind::Count => count::count_parts(types),
            AggregateKind::Size => count::size_parts(),
            AggregateKind::Std { ddof } => variance::parts(types, ddof, true),
            AggregateKind::Var { ddof } => variance::parts(types, ddof, false),
            AggregateKind::Median => quantile::parts(types, 0.5, "median"),
            AggregateKind::Quantile(at) => quantile::parts(types, at, "quantile"),
            AggregateKind::First => first_last::parts(types, first_last::End::First),
            AggregateKind::Last => first_last::parts(types, first_last::End::Last),
            AggregateKind::NUnique => distinct::parts(types),
            AggregateKind::Any => logic::parts(types, logic::Rule::Any),
            AggregateKind::All => logic::parts(types, logic::Rule::All),
            AggregateKind::Corr => corr::parts(types),
            AggregateKind::TopK { k } => top::parts(types, k, true),
            AggregateKind::BottomK { k } => top::parts(types, k, false),
        }?;
        Ok(AggregatePlan {
            name: self.name(),
            arg_types: arg_types.to_vec(),
            inner_types: parts.inner_types,
            state_types: parts.state_types,
            result_type: parts.result_type,
            keeps_values: parts.keeps_values,
            make: parts.make,
            passes: parts.passes,
        })
    }
}
