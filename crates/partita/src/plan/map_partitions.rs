//! A function of the user over batches, with a declared schema that is enforced when it runs.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::{Node, Plan, PlanRef};
use crate::error::Step;

type Function = dyn Fn(RecordBatch) -> std::result::Result<RecordBatch, Box<dyn std::error::Error + Send + Sync>>
    + Send
    + Sync;

/// What the user gave, and whether it wants a whole partition at once.
#[derive(Clone)]
pub(crate) struct MapFunction {
    pub(crate) function: Arc<Function>,
    pub(crate) whole_partition: bool,
}

impl fmt::Debug for MapFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapFunction {{ whole_partition: {} }}", self.whole_partition)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct MapPartitions {
    pub(crate) input: PlanRef,
    pub(crate) map: MapFunction,
    /// As the user declared it; what the function returns is held to it.
    pub(crate) declared: SchemaRef,
}

impl MapPartitions {
    pub(crate) fn plan(input: PlanRef, map: MapFunction, declared: SchemaRef, step: Step) -> PlanRef {
        let schema = super::plain_schema(&declared);
        Plan::new(Node::MapPartitions(MapPartitions { input, map, declared }), schema, step)
    }

    pub(crate) fn with_input(&self, input: PlanRef, step: Step) -> PlanRef {
        MapPartitions::plan(input, self.map.clone(), self.declared.clone(), step)
    }
}
