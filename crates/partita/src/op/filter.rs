//! Drops the rows for which a predicate is not true. Comes from `plan/filter.rs`; the same predicate, pushed
//! into a scan, is a [`ScanFilter`].

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use partita_io::RowFilter;

use super::{Flow, Operator, OperatorState, Out, Workspace};
use crate::error::{Result, Step};
use crate::expr::{Bound, Expr};

#[derive(Debug)]
pub(crate) struct FilterRows {
    predicate: Expr,
    bound: Arc<Bound>,
    schema: SchemaRef,
    step: Step,
}

impl FilterRows {
    pub(crate) fn new(predicate: &Expr, schema: &SchemaRef, step: Step) -> Result<FilterRows> {
        let bound = Arc::new(predicate.bind(schema)?);
        Ok(FilterRows { predicate: predicate.clone(), bound, schema: Arc::clone(schema), step })
    }
}

impl Operator for FilterRows {
    fn describe(&self) -> String {
        format!("filter {}", self.predicate)
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn input_of(&self, column: usize) -> Option<usize> {
        Some(column)
    }
    fn looks_at(&self, column: usize) -> bool {
        let name = self.schema.field(column).name();
        self.predicate.columns_used().iter().any(|used| **used == **name)
    }
    fn start(&self, _workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        Ok(Box::new(State { bound: Arc::clone(&self.bound) }))
    }
}

struct State {
    bound: Arc<Bound>,
}

impl OperatorState for State {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let keep = self.bound.evaluate_mask(&batch)?;
        match keep.true_count() {
            0 => Ok(Flow::Continue),
            all if all == batch.num_rows() => out(batch),
            _ => out(filter_record_batch(&batch, &keep)?),
        }
    }
}

/// A predicate as a reader evaluates it: over just the columns that it needs.
#[derive(Debug)]
pub(crate) struct ScanFilter {
    columns: Vec<usize>,
    bound: Bound,
    step: Step,
    /// Terms over the same columns; none if the predicate may fail, since then later terms may not see rows that
    /// earlier ones drop and none may be asked about other rows.
    parts: Vec<Arc<dyn RowFilter>>,
}

impl ScanFilter {
    pub(crate) fn new(predicate: &Expr, source: &SchemaRef, step: Step) -> Result<ScanFilter> {
        let mut filter = ScanFilter::whole(predicate, source, step)?;
        if filter.bound.raises() {
            return Ok(filter);
        }
        // Terms over one column first, which are asked about its dictionary, the others in the order they came.
        let mut groups: Vec<(Vec<usize>, Expr)> = Vec::new();
        for term in predicate.split_conjunction() {
            let columns = columns_of(&term, source)?;
            match groups.iter_mut().find(|(of, _)| *of == columns) {
                Some((_, terms)) => *terms = terms.clone().and(term),
                None => groups.push((columns, term)),
            }
        }
        groups.sort_by_key(|(columns, _)| columns.len());
        for (_, terms) in &groups {
            filter.parts.push(Arc::new(ScanFilter::whole(terms, source, step)?));
        }
        Ok(filter)
    }

    fn whole(predicate: &Expr, source: &SchemaRef, step: Step) -> Result<ScanFilter> {
        let columns = columns_of(predicate, source)?;
        let fields: Vec<_> = columns.iter().map(|&index| Arc::clone(&source.fields()[index])).collect();
        let bound = predicate.bind(&Schema::new(fields))?;
        Ok(ScanFilter { columns, bound, step, parts: Vec::new() })
    }
}

/// The columns of a source that a predicate needs, ascending.
fn columns_of(predicate: &Expr, source: &SchemaRef) -> Result<Vec<usize>> {
    let mut columns = predicate
        .columns_used()
        .iter()
        .map(|name| crate::error::column_index(source, name))
        .collect::<Result<Vec<_>>>()?;
    columns.sort_unstable();
    Ok(columns)
}

impl RowFilter for ScanFilter {
    fn columns(&self) -> &[usize] {
        &self.columns
    }
    fn keep(&self, batch: &RecordBatch) -> partita_io::Result<BooleanArray> {
        self.bound
            .evaluate_mask(batch)
            .map_err(|error| partita_io::Error::filter(Box::new(error.at_step(self.step))))
    }
    fn parts(&self) -> Vec<Arc<dyn RowFilter>> {
        self.parts.clone()
    }
    fn is_pure(&self) -> bool {
        !self.bound.raises()
    }
}
