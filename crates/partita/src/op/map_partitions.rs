//! The user's own function over batches or a whole partition, held to the schema that was declared. Comes
//! from `plan/map_partitions.rs`.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{FieldRef, SchemaRef};

use super::{Flow, Held, Operator, OperatorState, Out, Workspace, logical_bytes};
use crate::error::{Error, Result, Step, type_name};

type Function = dyn Fn(RecordBatch) -> std::result::Result<RecordBatch, Box<dyn std::error::Error + Send + Sync>>
    + Send
    + Sync;

pub(crate) struct MapBatches {
    pub(crate) function: std::sync::Arc<Function>,
    pub(crate) whole_partition: bool,
    pub(crate) input: SchemaRef,
    /// What the function must return, as the user declared it.
    pub(crate) declared: SchemaRef,
    /// The same in the engine's form.
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

impl std::fmt::Debug for MapBatches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Operator for MapBatches {
    fn describe(&self) -> String {
        format!("map {}", if self.whole_partition { "partitions" } else { "batches" })
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let map = Map {
            function: self.function.clone(),
            declared: self.declared.clone(),
            schema: self.schema.clone(),
        };
        Ok(if self.whole_partition {
            let held = Held::new(&workspace.memory);
            Box::new(Whole { map, input: self.input.clone(), kept: Vec::new(), bytes: 0, held })
        } else {
            Box::new(map)
        })
    }
}

struct Map {
    function: std::sync::Arc<Function>,
    declared: SchemaRef,
    schema: SchemaRef,
}

impl Map {
    fn call(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let made = (self.function)(batch).map_err(Error::user)?;
        held_to_schema(&made, &self.declared, &self.schema)
    }
}

/// What a function of the user returned, held to the schema that was declared for it and brought into the
/// engine's form of it, `plain`.
pub(crate) fn held_to_schema(
    made: &RecordBatch,
    declared: &SchemaRef,
    plain: &SchemaRef,
) -> Result<RecordBatch> {
    let fields = made.schema();
    let differs = |(is, declared): (&FieldRef, &FieldRef)| {
        is.name() != declared.name() || is.data_type() != declared.data_type()
    };
    if fields.fields().len() != declared.fields().len()
        || fields.fields().iter().zip(declared.fields()).any(differs)
    {
        return Err(Error::schema(format!(
            "the function returned columns {} but {} were declared",
            spelled(&fields),
            spelled(declared)
        )));
    }
    for (field, column) in declared.fields().iter().zip(made.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(Error::schema(format!(
                "the function returned {} nulls in column `{}`, which was declared as not null",
                column.null_count(),
                field.name()
            )));
        }
    }
    let columns = made
        .columns()
        .iter()
        .zip(plain.fields())
        .map(|(column, field)| arrow::compute::cast(column, field.data_type()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    super::project::batch_of(plain, columns, made.num_rows())
}

fn spelled(schema: &SchemaRef) -> String {
    let fields: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| format!("`{}` {}", field.name(), type_name(field.data_type())))
        .collect();
    fields.join(", ")
}

impl OperatorState for Map {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        out(self.call(batch)?)
    }
}

struct Whole {
    map: Map,
    input: SchemaRef,
    kept: Vec<RecordBatch>,
    bytes: usize,
    held: Held,
}

impl OperatorState for Whole {
    fn push(&mut self, batch: RecordBatch, _out: &mut Out<'_>) -> Result<Flow> {
        self.bytes += logical_bytes(&batch);
        self.held.set(self.bytes)?;
        self.kept.push(batch);
        Ok(Flow::Continue)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let whole = concat_batches(&self.input, self.kept.iter())?;
        self.kept.clear();
        out(self.map.call(whole)?)?;
        Ok(())
    }
}
