//! 2: the logical plan: what the user asked for, as a tree of at most fifteen kinds of node.
//!
//! A plan knows names and types and nothing of partitions, files' splits or threads. Every node is made by a
//! constructor that checks it against its inputs, so a plan that exists is a plan that can run; a node made
//! again over other inputs ([`Plan::with_inputs`]) is checked again. Next in the flow: `optimize/passes.rs`.

mod concat;
mod distinct;
mod filter;
mod group_by;
mod join;
mod map_partitions;
mod memory;
mod project;
mod repartition;
mod scan;
mod shared;
mod slice;
mod sort;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

pub(crate) use concat::Concat;
pub(crate) use distinct::Distinct;
pub use distinct::Keep;
pub(crate) use filter::Filter;
pub(crate) use group_by::GroupBy;
pub use join::How;
pub(crate) use join::{Join, JoinColumn, JoinRequest, JoinSide};
pub(crate) use map_partitions::{MapFunction, MapPartitions};
pub(crate) use memory::{Memory, plain_schema};
pub(crate) use project::Project;
pub(crate) use repartition::Repartition;
pub(crate) use scan::Scan;
pub(crate) use shared::Shared;
pub(crate) use slice::{Range, Slice};
pub use sort::SortKey;
pub(crate) use sort::{Sort, TOP_K_MAX};

pub(crate) use crate::error::column_index;
use crate::error::{Error, Result, Step};
use crate::expr::Expr;

/// A node with its schema and the step of the user's chain that made it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) node: Node,
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

/// The closed list of what a plan can be made of.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Scan(Scan),
    Memory(Memory),
    Project(Project),
    Filter(Filter),
    GroupBy(GroupBy),
    Join(Join),
    Sort(Sort),
    Slice(Slice),
    Distinct(Distinct),
    Concat(Concat),
    Repartition(Repartition),
    MapPartitions(MapPartitions),
    Shared(Shared),
}

/// A plan is shared by the frames that grew from it.
pub(crate) type PlanRef = Arc<Plan>;

impl Plan {
    pub(crate) fn new(node: Node, schema: SchemaRef, step: Step) -> PlanRef {
        Arc::new(Plan { node, schema, step })
    }

    /// The plans that this one reads, in order.
    pub(crate) fn inputs(&self) -> Vec<&PlanRef> {
        match &self.node {
            Node::Scan(_) | Node::Memory(_) => vec![],
            Node::Project(node) => vec![&node.input],
            Node::Filter(node) => vec![&node.input],
            Node::GroupBy(node) => vec![&node.input],
            Node::Join(node) => vec![&node.left, &node.right],
            Node::Sort(node) => vec![&node.input],
            Node::Slice(node) => vec![&node.input],
            Node::Distinct(node) => vec![&node.input],
            Node::Concat(node) => node.inputs.iter().collect(),
            Node::Repartition(node) => vec![&node.input],
            Node::MapPartitions(node) => vec![&node.input],
            Node::Shared(node) => vec![&node.input],
        }
    }

    /// The same node over other inputs, checked against them.
    ///
    /// # Errors
    /// The node does not fit the new inputs: a column is gone or has a type that it cannot work with.
    pub(crate) fn with_inputs(&self, inputs: Vec<PlanRef>) -> Result<PlanRef> {
        if self.inputs().iter().zip(&inputs).all(|(old, new)| Arc::ptr_eq(old, new)) {
            return Ok(Arc::new(self.clone()));
        }
        let step = self.step;
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().ok_or_else(|| Error::internal("a plan node lost an input"));
        match &self.node {
            Node::Scan(_) | Node::Memory(_) => Ok(Arc::new(self.clone())),
            Node::Project(node) => Project::plan(next()?, node.exprs.clone(), step),
            Node::Filter(node) => Filter::plan(next()?, node.predicate.clone(), step),
            Node::GroupBy(node) => GroupBy::plan(next()?, node.keys.clone(), node.aggregates.clone(), step),
            Node::Join(node) => node.with_inputs(next()?, next()?, step),
            Node::Sort(node) => Sort::plan(next()?, node.keys.clone(), node.limit, step),
            Node::Slice(node) => Ok(Slice::plan(next()?, node.range, step)),
            Node::Distinct(node) => Distinct::plan(next()?, node.subset.clone(), node.keep, step),
            Node::Concat(_) => Concat::plan(inputs.collect(), step),
            Node::Repartition(node) => Repartition::plan(next()?, node.partitions, step),
            Node::MapPartitions(node) => Ok(node.with_input(next()?, step)),
            Node::Shared(node) => Ok(Shared::plan(next()?, node.id, step)),
        }
    }

    /// The columns of the `input`-th input that this node itself needs, given that its own consumers need
    /// `wanted` of its output.
    pub(crate) fn columns_used(&self, input: usize, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        match &self.node {
            Node::Scan(_) | Node::Memory(_) => BTreeSet::new(),
            Node::Project(node) => node.columns_used(wanted),
            Node::Filter(node) => node.columns_used(wanted),
            Node::GroupBy(node) => node.columns_used(wanted),
            Node::Join(node) => node.columns_used(input, wanted),
            Node::Sort(node) => node.columns_used(wanted),
            Node::Distinct(node) => node.columns_used(wanted),
            Node::Slice(_) | Node::Concat(_) | Node::Repartition(_) | Node::Shared(_) => wanted.clone(),
            Node::MapPartitions(node) => names(&node.input.schema),
        }
    }
}

/// All column names of a schema.
pub(crate) fn names(schema: &SchemaRef) -> BTreeSet<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// The names of the columns that an expression reads.
pub(crate) fn columns_of(expr: &Expr) -> BTreeSet<String> {
    expr.columns_used().iter().map(ToString::to_string).collect()
}

/// Refuses a list of output names in which one occurs twice.
pub(crate) fn check_unique<'a>(output: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in output {
        if !seen.insert(name) {
            return Err(Error::duplicate_column(name));
        }
    }
    Ok(())
}
