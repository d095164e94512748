//! Record batches in memory, already cut into partitions.
//!
//! Inside the engine text is always `Utf8View`, binary `BinaryView`, and dictionaries are decoded, so that
//! every operator meets one form of each; batches are brought into it where they enter.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Node, Plan, PlanRef};
use crate::error::{Error, Result, Step};

#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) partitions: Arc<[Vec<RecordBatch>]>,
    /// What gives the rows' place in the memory budget back when the last plan with them is gone.
    #[expect(dead_code, reason = "held for its drop")]
    pub(crate) held: Option<Arc<dyn Held>>,
    /// Names of the columns read, in output order; `None` for all.
    pub(crate) columns: Option<Vec<String>>,
}

/// Something that is held for its drop.
pub(crate) trait Held: Send + Sync + std::fmt::Debug {}

impl<T: Send + Sync + std::fmt::Debug> Held for T {}

impl Memory {
    /// Partitions whose batches are all of `schema` already.
    pub(crate) fn plan(
        schema: SchemaRef,
        partitions: Vec<Vec<RecordBatch>>,
        held: Option<Arc<dyn Held>>,
        step: Step,
    ) -> PlanRef {
        Plan::new(Node::Memory(Memory { partitions: partitions.into(), held, columns: None }), schema, step)
    }

    /// Partitions from a caller, brought into the engine's form.
    ///
    /// # Errors
    /// There is no batch, so no schema; or two batches have different schemas.
    pub(crate) fn from_user(partitions: Vec<Vec<RecordBatch>>, step: Step) -> Result<PlanRef> {
        let first = partitions.iter().flatten().next().ok_or_else(|| {
            Error::invalid("from_batches needs at least one record batch, to know the schema")
        })?;
        let schema = plain_schema(&first.schema());
        super::check_unique(schema.fields().iter().map(|field| field.name().as_str()))?;
        let partitions = partitions
            .into_iter()
            .enumerate()
            .map(|(index, batches)| {
                batches
                    .iter()
                    .map(|batch| {
                        plain_batch(batch, &schema)
                            .map_err(|error| error.context(format!("partition {index}")))
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Memory::plan(schema, partitions, None, step))
    }

    pub(crate) fn rows(&self) -> usize {
        self.partitions.iter().flatten().map(RecordBatch::num_rows).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.partitions.iter().flatten().map(RecordBatch::get_array_memory_size).sum()
    }
}

/// The engine's form of a data type: views for text and binary, values for dictionaries.
pub(crate) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) => plain_type(value),
        other => other.clone(),
    }
}

/// A schema in the engine's form. Field and schema metadata are dropped: no operation could keep them true.
pub(crate) fn plain_schema(schema: &Schema) -> SchemaRef {
    let plain =
        |field: &Arc<Field>| Field::new(field.name(), plain_type(field.data_type()), field.is_nullable());
    Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()))
}

fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if plain_schema(&batch.schema())
        .fields()
        .iter()
        .map(|f| (f.name(), f.data_type()))
        .ne(schema.fields().iter().map(|f| (f.name(), f.data_type())))
    {
        return Err(Error::schema(format!(
            "a record batch has the schema {:?} but the first one has {:?}",
            batch.schema().fields(),
            schema.fields()
        )));
    }
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| arrow::compute::cast(column, field.data_type()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let nullable = schema.fields().iter().zip(&columns).all(|(f, c)| f.is_nullable() || c.null_count() == 0);
    if !nullable {
        return Err(Error::schema(
            "a record batch holds a null in a column that its first batch declares as not null",
        ));
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
