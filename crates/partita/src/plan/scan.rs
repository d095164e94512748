//! A scan: files read through a `Source`, with the columns and the filter that the optimizer pushed into it.

use std::sync::Arc;

use arrow::datatypes::Schema;
use partita_io::Source;

use super::{Node, Plan, PlanRef, column_index};
use crate::error::{Result, Step};
use crate::expr::Expr;

#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) source: Arc<dyn Source>,
    /// Names of the columns read, in output order; `None` for all.
    pub(crate) columns: Option<Vec<String>>,
    /// Over the source's columns, which need not be among `columns`.
    pub(crate) filter: Option<Expr>,
    /// The step that the filter comes from: the scan's own is the one that its files' errors are told with.
    pub(crate) filter_step: Option<Step>,
    /// No more rows than this are needed from any one split.
    pub(crate) limit: Option<usize>,
}

impl Scan {
    pub(crate) fn plan(source: Arc<dyn Source>, step: Step) -> PlanRef {
        let schema = source.schema().clone();
        let scan = Scan { source, columns: None, filter: None, filter_step: None, limit: None };
        Plan::new(Node::Scan(scan), schema, step)
    }

    /// This scan as a plan, after its columns, filter or source were changed.
    pub(crate) fn into_plan(self, step: Step) -> Result<PlanRef> {
        let all = self.source.schema();
        let schema = match &self.columns {
            None => all.clone(),
            Some(columns) => {
                let fields = columns
                    .iter()
                    .map(|name| Ok(Arc::clone(&all.fields()[column_index(all, name)?])))
                    .collect::<Result<Vec<_>>>()?;
                Arc::new(Schema::new(fields))
            }
        };
        if let Some(filter) = &self.filter {
            filter.bind(all)?;
        }
        Ok(Plan::new(Node::Scan(self), schema, step))
    }
}
