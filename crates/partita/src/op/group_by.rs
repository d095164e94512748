//! Group-by in two operators around an exchange. [`PartialGroups`](super::PartialGroups) turns a partition's rows into
//! rows of aggregate states (`partial_groups.rs`); [`MergeGroups`] merges the states of some buckets and finishes
//! them. Comes from `plan/group_by.rs`; next: `partita_kernels::{group, aggregate}`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use partita_kernels::aggregate::{AggregatePlan, Aggregator};
use partita_kernels::group::GroupTable;

use super::hot_group::merged_in_passes;
use super::{
    Flow, Held, Operator, OperatorState, Out, Rereadable, Workspace, batch_of, fixed_bytes, logical_bytes,
};
use crate::error::{Error, Result, Step};
use crate::expr::{AggregateCall, Expr};

/// What both operators share.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) key_types: Vec<DataType>,
    pub(super) calls: Vec<AggregatePlan>,
    /// How many arguments each call takes.
    pub(super) arity: Vec<usize>,
    /// Bytes that a group takes at least.
    pub(super) group_bytes: usize,
    /// The keys and arguments whose values may take more than that, with the bytes of each value that do not
    /// count: long texts take more than their group's 16 bytes, and values that are kept take all theirs.
    pub(super) growing: Vec<(usize, usize)>,
    /// As the user wrote them, for messages.
    pub(super) labels: Vec<String>,
    /// All of it, for `explain`.
    pub(super) label: String,
    pub(super) states: SchemaRef,
    pub(super) step: Step,
}

impl Shape {
    pub(super) fn new(
        keys: &[Expr],
        calls: &[AggregateCall],
        input: &SchemaRef,
        step: Step,
    ) -> Result<Shape> {
        let mut fields = Vec::new();
        for key in keys {
            let bound = key.bind(input)?;
            fields.push(Field::new(format!("key_{}", fields.len()), bound.data_type().clone(), true));
        }
        let key_types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
        let plans = calls.iter().map(|call| call.plan(input)).collect::<Result<Vec<_>>>()?;
        for data_type in plans.iter().flat_map(AggregatePlan::state_types) {
            fields.push(Field::new(format!("state_{}", fields.len()), data_type.clone(), true));
        }
        let arity: Vec<usize> = calls.iter().map(|call| call.arguments.len()).collect();
        let labels: Vec<String> = calls.iter().map(|call| call.name.clone()).collect();
        let label = describe(keys, &labels);
        let group_bytes = fields.iter().map(|field| fixed_bytes(field.data_type()).unwrap_or(16)).sum();
        let beyond = |of: &DataType| match of {
            DataType::Utf8View | DataType::BinaryView => Some(size_of::<u128>()),
            other => fixed_bytes(other).is_none().then_some(0),
        };
        let of_arguments = plans.iter().flat_map(|plan| {
            let kept = plan.keeps_values().then_some(0);
            plan.arg_types().iter().map(move |of| kept.or_else(|| beyond(of)))
        });
        let of_columns = key_types.iter().map(beyond).chain(of_arguments);
        let growing = of_columns.enumerate().filter_map(|(column, free)| Some((column, free?))).collect();
        let states = Arc::new(Schema::new(fields));
        Ok(Shape { key_types, calls: plans, arity, group_bytes, growing, labels, label, states, step })
    }

    fn aggregators(&self) -> Result<Vec<Box<dyn Aggregator>>> {
        let made = self.calls.iter().map(AggregatePlan::aggregator);
        made.enumerate().map(|(call, made)| made.map_err(|error| self.failed(call, error))).collect()
    }

    pub(super) fn failed(&self, call: usize, error: partita_kernels::Error) -> Error {
        Error::value(&self.labels[call], error.to_string())
    }
}

fn describe(keys: &[Expr], labels: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    if keys.is_empty() {
        format!("aggregate {}", labels.join(", "))
    } else {
        format!("group by {} of {}", keys.join(", "), labels.join(", "))
    }
}

/// A group table with its aggregators.
pub(super) struct Groups {
    pub(super) shape: Arc<Shape>,
    /// None without keys: then all rows are of one group.
    table: Option<GroupTable>,
    pub(super) aggregators: Vec<Box<dyn Aggregator>>,
    ids: Vec<u32>,
    held: Held,
    batch_rows: usize,
    pub(super) partial_bytes: usize,
}

impl Groups {
    pub(super) fn new(shape: Arc<Shape>, workspace: &Workspace) -> Result<Groups> {
        Ok(Groups {
            table: if shape.key_types.is_empty() { None } else { Some(GroupTable::new(&shape.key_types)?) },
            aggregators: shape.aggregators()?,
            ids: Vec::new(),
            held: Held::new(&workspace.memory),
            batch_rows: workspace.batch_rows,
            partial_bytes: workspace.partial_bytes,
            shape,
        })
    }

    /// Finds the group of each row, and says how many groups there are then.
    pub(super) fn assign(&mut self, keys: &[ArrayRef], rows: usize) -> Result<usize> {
        match &mut self.table {
            None => {
                self.ids.clear();
                self.ids.resize(rows, 0);
                Ok(1)
            }
            Some(table) => {
                table.upsert(keys, &mut self.ids)?;
                Ok(table.len())
            }
        }
    }

    pub(super) fn update(&mut self, arguments: &[ArrayRef], groups: usize) -> Result<()> {
        let mut next = 0;
        for (index, aggregator) in self.aggregators.iter_mut().enumerate() {
            let count = self.shape.arity[index];
            aggregator
                .update(&self.ids, groups, &arguments[next..next + count])
                .map_err(|error| self.shape.failed(index, error))?;
            next += count;
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: usize) -> Result<()> {
        self.merge_of(&[], states, groups)
    }

    /// Merges the states of some calls, or of all if none are chosen.
    pub(super) fn merge_of(&mut self, chosen: &[bool], states: &[ArrayRef], groups: usize) -> Result<()> {
        let mut next = 0;
        for (index, aggregator) in self.aggregators.iter_mut().enumerate() {
            let count = self.shape.calls[index].state_types().len();
            if chosen.get(index).copied().unwrap_or(true) {
                aggregator
                    .merge(&self.ids, groups, &states[next..next + count])
                    .map_err(|error| self.shape.failed(index, error))?;
            }
            next += count;
        }
        Ok(())
    }

    /// Says how many bytes are held beside the table and the states.
    pub(super) fn hold(&mut self, more: usize) -> Result<()> {
        let bytes = self.size_bytes() + more;
        self.held.set(bytes)
    }

    pub(super) fn take_keys(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(self.table.as_mut().map(GroupTable::take_keys).transpose()?.unwrap_or_default())
    }

    /// Drops all groups.
    pub(super) fn forget(&mut self) -> Result<()> {
        self.take_keys()?;
        self.aggregators = self.shape.aggregators()?;
        self.held.set(0)
    }

    fn size_bytes(&self) -> usize {
        self.table.as_ref().map_or(0, GroupTable::size_bytes)
            + self.aggregators.iter().map(|aggregator| aggregator.size_bytes()).sum::<usize>()
    }

    /// Hands on all groups as rows of `schema`, in order of first appearance, and empties the table.
    pub(super) fn drain(&mut self, schema: &SchemaRef, finish: bool, out: &mut Out<'_>) -> Result<Flow> {
        let groups = self.table.as_ref().map_or(1, GroupTable::len);
        if groups == 0 {
            return Ok(Flow::Continue);
        }
        let mut columns = match &mut self.table {
            Some(table) => table.take_keys()?,
            None => {
                self.make_the_one_group()?;
                Vec::new()
            }
        };
        for (index, aggregator) in self.aggregators.iter_mut().enumerate() {
            if finish {
                columns.push(aggregator.finish().map_err(|error| self.shape.failed(index, error))?);
            } else {
                columns.extend(aggregator.state().map_err(|error| self.shape.failed(index, error))?);
            }
        }
        let batch = batch_of(schema, columns, groups)?;
        // Nothing of the batch is free before all of it is handed on.
        self.held.set(logical_bytes(&batch))?;
        let mut start = 0;
        while start < groups {
            let rows = self.batch_rows.min(groups - start);
            if out(batch.slice(start, rows))? == Flow::Done {
                return Ok(Flow::Done);
            }
            start += rows;
        }
        drop(batch);
        self.held.set(0)?;
        Ok(Flow::Continue)
    }
}

impl Groups {
    /// Without keys there is one group, also if no row came.
    fn make_the_one_group(&mut self) -> Result<()> {
        for (index, aggregator) in self.aggregators.iter_mut().enumerate() {
            let empty: Vec<ArrayRef> =
                self.shape.calls[index].arg_types().iter().map(arrow::array::new_empty_array).collect();
            aggregator.update(&[], 1, &empty).map_err(|error| self.shape.failed(index, error))?;
        }
        Ok(())
    }
}

/// States to results, or to states of more rows, for one range of buckets.
#[derive(Debug)]
pub(crate) struct MergeGroups {
    shape: Arc<Shape>,
    schema: SchemaRef,
    /// Whether groups are finished.
    finish: bool,
}

impl MergeGroups {
    /// `schema` is the group-by's own: keys, then results.
    pub(crate) fn new(
        keys: &[Expr],
        calls: &[AggregateCall],
        input: &SchemaRef,
        schema: SchemaRef,
        step: Step,
    ) -> Result<MergeGroups> {
        let shape = Arc::new(Shape::new(keys, calls, input, step)?);
        Ok(MergeGroups { shape, schema, finish: true })
    }

    /// Merges states into states, where those of a group do not grow with its rows.
    pub(super) fn of_states(shape: &Arc<Shape>) -> Option<MergeGroups> {
        let grows = shape.calls.iter().any(AggregatePlan::keeps_values);
        let (shape, schema) = (Arc::clone(shape), Arc::clone(&shape.states));
        (!grows).then_some(MergeGroups { shape, schema, finish: false })
    }
}

impl Operator for MergeGroups {
    fn describe(&self) -> String {
        if self.finish { self.shape.label.clone() } else { format!("merge partial {}", self.shape.label) }
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.shape.step
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let groups = Groups::new(Arc::clone(&self.shape), workspace)?;
        let (schema, finish) = (Arc::clone(&self.schema), self.finish);
        Ok(Box::new(Merge { groups, schema, finish, is_done: false }))
    }
}

struct Merge {
    groups: Groups,
    schema: SchemaRef,
    finish: bool,
    /// Whether the one group of an aggregation without keys was handed on.
    is_done: bool,
}

impl OperatorState for Merge {
    fn push(&mut self, batch: RecordBatch, _out: &mut Out<'_>) -> Result<Flow> {
        let (keys, states) = batch.columns().split_at(self.groups.shape.key_types.len());
        let groups = self.groups.assign(keys, batch.num_rows())?;
        self.groups.merge(states, groups)?;
        self.groups.hold(0)?;
        Ok(Flow::Continue)
    }

    fn push_key(&mut self, rows: &dyn Rereadable, out: &mut Out<'_>) -> Result<Flow> {
        if self.finish
            && let Some(row) = merged_in_passes(&mut self.groups, rows, &self.schema)?
        {
            self.is_done = self.groups.table.is_none();
            return out(row);
        }
        rows.each(&mut |batch| self.push(batch, out))?;
        self.end_of_keys(out)
    }

    fn end_of_keys(&mut self, out: &mut Out<'_>) -> Result<Flow> {
        if self.groups.table.is_none() {
            // The one group of an aggregation without keys ends with the task, also if no row came.
            return Ok(Flow::Continue);
        }
        let schema = Arc::clone(&self.schema);
        self.groups.drain(&schema, self.finish, out)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        let schema = Arc::clone(&self.schema);
        self.groups.drain(&schema, self.finish, out).map(|_| ())
    }
}
