//! From an aggregate call to the kernel that computes it.

use arrow::datatypes::{DataType, Schema};
use partita_kernels::aggregate::AggregatePlan;

use super::aggregate::AggregateCall;
use crate::error::{Error, Result};

impl AggregateCall {
    /// The call's kernel over a schema's columns.
    ///
    /// # Errors
    /// An argument does not bind, or the aggregate has no meaning for its type.
    pub(crate) fn plan(&self, schema: &Schema) -> Result<AggregatePlan> {
        let types = self
            .arguments
            .iter()
            .map(|argument| Ok(argument.bind(schema)?.data_type().clone()))
            .collect::<Result<Vec<DataType>>>()?;
        self.aggregate.plan(&types).map_err(|error| Error::type_clash(&self.name, error.to_string()))
    }
}
