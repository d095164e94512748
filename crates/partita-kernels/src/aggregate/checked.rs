//! What every aggregate would otherwise repeat: arguments are checked, brought to the type that the states work in, and the
//! result is brought back.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::{AggregatePlan, Aggregator};
use crate::{Error, Result};

pub(super) struct Checked {
    name: &'static str,
    arg_types: Vec<DataType>,
    inner_types: Vec<DataType>,
    state_types: Vec<DataType>,
    result_type: DataType,
    inner: Box<dyn Aggregator>,
}

impl Checked {
    pub(super) fn new(plan: &AggregatePlan, inner: Box<dyn Aggregator>) -> Self {
        Checked {
            name: plan.name,
            arg_types: plan.arg_types.clone(),
            inner_types: plan.inner_types.clone(),
            state_types: plan.state_types.clone(),
            result_type: plan.result_type.clone(),
            inner,
        }
    }

    fn check(&self, what: &str, rows: usize, columns: &[ArrayRef], types: &[DataType]) -> Result<()> {
        let is_typed =
            columns.len() == types.len() && columns.iter().zip(types).all(|(c, t)| c.data_type() == t);
        if !is_typed {
            let found: Vec<_> = columns.iter().map(|column| column.data_type().to_string()).collect();
            let wanted: Vec<_> = types.iter().map(DataType::to_string).collect();
            let (name, found, wanted) = (self.name, found.join(", "), wanted.join(", "));
            return Err(Error::invalid(format!(
                "{name} was given {what} of types ({found}) instead of ({wanted})"
            )));
        }
        match columns.iter().find(|column| column.len() != rows) {
            Some(column) => Err(Error::invalid(format!(
                "{} was given {} group numbers for {} rows",
                self.name,
                rows,
                column.len()
            ))),
            None => Ok(()),
        }
    }

    /// Arguments as the states work with them.
    fn inner_args<'a>(&self, args: &'a [ArrayRef]) -> Result<Cow<'a, [ArrayRef]>> {
        if self.arg_types == self.inner_types {
            return Ok(Cow::Borrowed(args));
        }
        let args = args.iter().zip(&self.inner_types).map(|(arg, data_type)| to_type(arg, data_type));
        Ok(Cow::Owned(args.collect::<Result<Vec<_>>>()?))
    }
}

fn to_type(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    match data_type {
        same if same == array.data_type() => Ok(ArrayRef::clone(array)),
        // The smallest of a column that has no type but null: arrow casts from null, not to it.
        DataType::Null => Ok(new_null_array(data_type, array.len())),
        other => Ok(cast(array, other)?),
    }
}

impl Aggregator for Checked {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.check("arguments", group_ids.len(), args, &self.arg_types)?;
        self.inner.update(group_ids, groups, &self.inner_args(args)?)
    }

    fn rows_as_states(&self, rows: usize, args: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>> {
        self.check("arguments", rows, args, &self.arg_types)?;
        self.inner.rows_as_states(rows, &self.inner_args(args)?)
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.check("states", group_ids.len(), states, &self.state_types)?;
        self.inner.merge(group_ids, groups, states)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.inner.state()
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        to_type(&self.inner.finish()?, &self.result_type)
    }

    fn size_bytes(&self) -> usize {
        self.inner.size_bytes()
    }
}
