//! Steps that work on partitions: `from_batches`, `concat`, `repartition`, `map_partitions`.

use std::error::Error as StdError;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::PartitionedFrame;
use crate::error::{Error, Result, Step};
use crate::plan::{Concat, MapFunction, MapPartitions, Memory, Repartition};
use crate::session::Session;

impl PartitionedFrame {
    /// A frame of record batches in memory, one partition per batch. All must have the first one's schema.
    #[track_caller]
    pub fn from_batches(batches: impl IntoIterator<Item = RecordBatch>) -> PartitionedFrame {
        let partitions = batches.into_iter().map(|batch| vec![batch]).collect();
        let step = Step::here("from_batches");
        PartitionedFrame::new(Memory::from_user(partitions, step), Session::default(), step)
    }

    /// The same rows in the same order, in `partitions` partitions of nearly equal numbers of rows.
    #[track_caller]
    pub fn repartition(&self, partitions: usize) -> PartitionedFrame {
        let step = Step::here("repartition");
        self.then(step, |plan| Repartition::plan(plan, partitions, step))
    }

    /// A function of yours over each whole partition, as one record batch. What it returns is held to
    /// `schema`: a batch with other names or types fails the run. The partition must fit in memory; where the
    /// function works row by row, [`PartitionedFrame::map_batches`] is cheaper.
    #[track_caller]
    pub fn map_partitions<F, E>(&self, schema: SchemaRef, function: F) -> PartitionedFrame
    where
        F: Fn(RecordBatch) -> std::result::Result<RecordBatch, E> + Send + Sync + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.map(Step::here("map_partitions"), schema, true, function)
    }

    /// A function of yours over record batches of a few thousand rows, in row order within each partition.
    /// How a partition is cut into batches is not defined, so the function must not depend on it.
    #[track_caller]
    pub fn map_batches<F, E>(&self, schema: SchemaRef, function: F) -> PartitionedFrame
    where
        F: Fn(RecordBatch) -> std::result::Result<RecordBatch, E> + Send + Sync + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.map(Step::here("map_batches"), schema, false, function)
    }

    fn map<F, E>(&self, step: Step, schema: SchemaRef, whole_partition: bool, function: F) -> PartitionedFrame
    where
        F: Fn(RecordBatch) -> std::result::Result<RecordBatch, E> + Send + Sync + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let function = MapFunction {
            function: Arc::new(move |batch| function(batch).map_err(Into::into)),
            whole_partition,
        };
        self.then(step, |plan| {
            crate::plan::check_unique(schema.fields().iter().map(|field| field.name().as_str()))?;
            Ok(MapPartitions::plan(plan, function, schema, step))
        })
    }
}

/// The rows of several frames, one after the other. Columns are matched by name; one that a frame lacks is
/// null there, and number types widen to a common one.
#[track_caller]
pub fn concat<'a>(frames: impl IntoIterator<Item = &'a PartitionedFrame>) -> PartitionedFrame {
    let step = Step::here("concat");
    let frames: Vec<&PartitionedFrame> = frames.into_iter().collect();
    let session = frames.first().map(|frame| frame.session.clone()).unwrap_or_default();
    let plans: Result<Vec<_>> = frames.iter().map(|frame| frame.plan.clone()).collect();
    let plan = plans.and_then(|plans| {
        if plans.is_empty() {
            return Err(Error::invalid("concat needs at least one frame"));
        }
        Concat::plan(plans, step)
    });
    PartitionedFrame::new(plan, session, step)
}
