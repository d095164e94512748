//! The first k rows of a sort, without sorting the others. Comes from `plan/sort.rs` with a limit: each task
//! keeps its partition's best rows, then one task keeps the best of those, in partition order, so that of
//! equal rows the earlier stay. Next in the flow: `partita_kernels::sort`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use partita_kernels::sort::{SortOptions, TopK as Kernel};

use super::{Flow, Held, Operator, OperatorState, Out, Workspace};
use crate::error::{Result, Step};
use crate::expr::{BoundList, Expr};

/// Keeps the first `rows` rows by some keys.
#[derive(Debug)]
pub(crate) struct TopK {
    keys: Arc<BoundList>,
    options: Vec<SortOptions>,
    rows: usize,
    label: String,
    schema: SchemaRef,
    step: Step,
}

impl TopK {
    pub(crate) fn new(
        keys: &[(Expr, SortOptions)],
        rows: usize,
        label: &str,
        schema: &SchemaRef,
        step: Step,
    ) -> Result<TopK> {
        let exprs: Vec<Expr> = keys.iter().map(|(expr, _)| expr.clone()).collect();
        Ok(TopK {
            keys: Arc::new(BoundList::bind(&exprs, schema)?),
            options: keys.iter().map(|(_, options)| *options).collect(),
            rows,
            label: format!("first {rows} rows by {label}"),
            schema: Arc::clone(schema),
            step,
        })
    }
}

impl Operator for TopK {
    fn describe(&self) -> String {
        self.label.clone()
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let kernel = Kernel::new(Arc::clone(&self.schema), &self.options, self.rows);
        Ok(Box::new(State {
            kernel: Some(kernel),
            keys: Arc::clone(&self.keys),
            held: Held::new(&workspace.memory),
            batch_rows: workspace.batch_rows,
        }))
    }
}

struct State {
    /// Gone once finished.
    kernel: Option<Kernel>,
    keys: Arc<BoundList>,
    held: Held,
    batch_rows: usize,
}

impl OperatorState for State {
    fn push(&mut self, batch: RecordBatch, _out: &mut Out<'_>) -> Result<Flow> {
        let keys = self.keys.evaluate(&batch)?;
        if let Some(kernel) = &mut self.kernel {
            kernel.push(&keys, &batch)?;
            self.held.set(kernel.size_bytes())?;
        }
        Ok(Flow::Continue)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let Some(kernel) = self.kernel.take() else { return Ok(()) };
        let best = kernel.finish()?;
        let mut start = 0;
        while start < best.num_rows() {
            let rows = self.batch_rows.min(best.num_rows() - start);
            if out(best.slice(start, rows))? == Flow::Done {
                break;
            }
            start += rows;
        }
        Ok(())
    }
}
