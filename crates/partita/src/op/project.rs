//! New columns from expressions, batch by batch. Comes from `plan/project.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use partita_kernels::packed::is_coded;

use super::{Flow, Operator, OperatorState, Out, Workspace};
use crate::error::{Error, Result, Step};
use crate::expr::{BoundList, Expr};

#[derive(Debug)]
pub(crate) struct ProjectColumns {
    exprs: Vec<Expr>,
    bound: Arc<BoundList>,
    /// Per expression the input column that it is, renamed or not.
    sources: Vec<Option<usize>>,
    /// The input columns that other expressions need.
    looked_at: Vec<usize>,
    schema: SchemaRef,
    step: Step,
}

impl ProjectColumns {
    pub(crate) fn new(
        exprs: &[Expr],
        input: &SchemaRef,
        schema: SchemaRef,
        step: Step,
    ) -> Result<ProjectColumns> {
        let bound = Arc::new(BoundList::bind(exprs, input)?);
        let source = |expr: &Expr| expr.as_column().and_then(|name| input.index_of(name).ok());
        let sources = exprs.iter().map(source).collect();
        let others = exprs.iter().filter(|expr| expr.as_column().is_none());
        let looked_at = others.flat_map(Expr::columns_used).filter_map(|name| input.index_of(&name).ok());
        let looked_at = looked_at.collect();
        Ok(ProjectColumns { exprs: exprs.to_vec(), bound, sources, looked_at, schema, step })
    }
}

impl Operator for ProjectColumns {
    fn describe(&self) -> String {
        let exprs: Vec<String> = self.exprs.iter().map(ToString::to_string).collect();
        format!("project {}", exprs.join(", "))
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn input_of(&self, column: usize) -> Option<usize> {
        self.sources.get(column).copied().flatten()
    }
    fn looks_at(&self, column: usize) -> bool {
        self.looked_at.contains(&column)
    }
    fn start(&self, _workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        Ok(Box::new(State { bound: Arc::clone(&self.bound), schema: Arc::clone(&self.schema) }))
    }
}

struct State {
    bound: Arc<BoundList>,
    schema: SchemaRef,
}

impl OperatorState for State {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let columns = self.bound.evaluate(&batch)?;
        out(batch_of(&self.schema, columns, batch.num_rows())?)
    }
}

/// A batch of a schema, also when it has no columns. Columns that are dictionaries of their types in the schema stay so.
pub(crate) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let is_coded = |(column, field): (&ArrayRef, &FieldRef)| is_coded(column, field.data_type());
    let schema = if columns.iter().zip(schema.fields()).any(is_coded) {
        let fields = columns.iter().zip(schema.fields()).map(|(column, field)| {
            Arc::new(field.as_ref().clone().with_data_type(column.data_type().clone()))
        });
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
    } else {
        Arc::clone(schema)
    };
    RecordBatch::try_new_with_options(schema, columns, &options)
        .map_err(|error| Error::internal(format!("an operator's output does not fit its schema: {error}")))
}
