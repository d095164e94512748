//! From an aggregate call to the kernel that computes it.

use arrow::datatypes::{DataType, Schema};
use partita_kernels::aggregate::AggregatePlan;

use super::aggregate::AggregateCall;
use crate::error::{Error, Result, type_name};

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
        self.aggregate.plan(&types).map_err(|error| {
            let name = self.aggregate.name();
            let message = match types.as_slice() {
                [one] if error.is_unsupported() => {
                    format!("`{name}` has no meaning for {}; cast it to another type first", type_name(one))
                }
                _ => error.to_string(),
            };
            Error::type_clash(&self.name, message)
        })
    }
}
