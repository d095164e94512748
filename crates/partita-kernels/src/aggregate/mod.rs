//! Aggregate states: from (group number, value) pairs to one result per group, in parts that merge.
//!
//! `kind` is the table of all aggregates; each has one file with its states. A state is updated from rows, drained as
//! columns (to be moved or spilled), merged from such columns, and finished. Group numbers come from `group`.

mod checked;
mod corr;
mod count;
mod distinct;
mod extreme;
mod first_last;
mod kind;
mod lists;
mod logic;
mod mean;
mod native;
mod passes;
mod product;
mod quantile;
mod sum;
#[cfg(test)]
mod tests;
mod top;
mod variance;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use crate::Result;
pub use kind::AggregateKind;
pub use passes::Passes;

/// The states of one aggregate for all groups of one table.
///
/// `group_ids` has one entry per row, each below `groups`; `groups` never falls until the states are drained. Rows must come in
/// the order that the result is defined by (`first`, float sums). All state is dropped by `state` and by `finish`.
pub trait Aggregator: Send {
    /// Adds rows: `args` are the argument columns.
    ///
    /// # Errors
    /// When the arguments are not of the declared types, or a value leaves the range of the state.
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()>;

    /// Adds partial states: `states` are columns that [`Aggregator::state`] gave. Order matters as it does for rows.
    ///
    /// # Errors
    /// As [`Aggregator::update`].
    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()>;

    /// Takes the states out as columns, one row per group, leaving none.
    ///
    /// # Errors
    /// When a state does not fit its column's type.
    fn state(&mut self) -> Result<Vec<ArrayRef>>;

    /// Takes the results out, one per group, leaving no state.
    ///
    /// # Errors
    /// When a result does not fit its type.
    fn finish(&mut self) -> Result<ArrayRef>;

    /// Each of so many rows as a state of its own, of aggregates and arguments whose values are states as they are.
    ///
    /// # Errors
    /// As [`Aggregator::update`].
    fn rows_as_states(&self, rows: usize, args: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>> {
        let (_, _) = (rows, args);
        Ok(None)
    }

    /// The bytes that the states hold.
    fn size_bytes(&self) -> usize;
}

/// What the planner must know of an aggregate over arguments of known types, and how to make its states.
pub struct AggregatePlan {
    name: &'static str,
    arg_types: Vec<DataType>,
    inner_types: Vec<DataType>,
    state_types: Vec<DataType>,
    result_type: DataType,
    keeps_values: bool,
    make: Box<dyn Fn() -> Result<Box<dyn Aggregator>> + Send + Sync>,
    passes: Option<native::MakePasses>,
}

impl AggregatePlan {
    /// The type of the result column.
    pub fn result_type(&self) -> &DataType {
        &self.result_type
    }

    /// The types of the arguments.
    pub fn arg_types(&self) -> &[DataType] {
        &self.arg_types
    }

    /// The types of the state columns.
    pub fn state_types(&self) -> &[DataType] {
        &self.state_types
    }

    /// Whether states hold values or sets of values (median, nunique, top-k), so that they grow with rows, not groups, and
    /// partial aggregation may save nothing.
    pub fn keeps_values(&self) -> bool {
        self.keeps_values
    }

    /// Empty states.
    ///
    /// # Errors
    /// When a part of the states cannot be made for the type.
    pub fn aggregator(&self) -> Result<Box<dyn Aggregator>> {
        Ok(Box::new(checked::Checked::new(self, (self.make)()?)))
    }

    /// How one group whose states do not fit into memory is finished in passes over them, for aggregates whose states
    /// grow without bound. A pass keeps about `most_bytes`.
    ///
    /// # Errors
    /// As [`AggregatePlan::aggregator`].
    pub fn passes(&self, most_bytes: usize) -> Result<Option<Box<dyn Passes>>> {
        self.passes.as_ref().map(|make| make(most_bytes)).transpose()
    }

    /// Each row as a state of its own, for when rows go to the exchange without partial aggregation.
    ///
    /// # Errors
    /// As [`Aggregator::update`].
    pub fn convert_to_state(&self, rows: usize, args: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let mut aggregator = self.aggregator()?;
        if let Some(states) = aggregator.rows_as_states(rows, args)? {
            return Ok(states);
        }
        let group_ids: Vec<u32> = (0..crate::plain::row_count(rows)?).collect();
        aggregator.update(&group_ids, rows, args)?;
        aggregator.state()
    }
}

impl std::fmt::Debug for AggregatePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({:?}) -> {}", self.name, self.arg_types, self.result_type)
    }
}
