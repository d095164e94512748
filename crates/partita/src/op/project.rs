//! New columns from expressions, batch by batch. Comes from `plan/project.rs`.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use super::{Flow, Operator, OperatorState, Out, Workspace};
use crate::error::{Error, Result, Step};
use crate::expr::{BoundList, Expr};

#[derive(Debug)]
pub(crate) struct ProjectColumns {
    exprs: Vec<Expr>,
    bound: Arc<BoundList>,
    /// Per expression the input column that it is, renamed or not.
    sources: Vec<Option<usize>>,
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
        Ok(ProjectColumns { exprs: exprs.to_vec(), bound, sources, schema, step })
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

/// A batch of a schema, also when it has no columns.
pub(crate) fn batch_of(
    schema: &SchemaRef,
    columns: Vec<arrow::array::ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::internal(format!("an operator's output does not fit its schema: {error}")))
}
