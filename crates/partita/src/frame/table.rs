//! What `compute` returns: the rows, and the report of the run.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::util::pretty::pretty_format_batches;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::error::Result;
use crate::op::{PackedBatch, kept_bytes};
use crate::report::Report;
use crate::session::Session;

/// Rows in memory, as record batches in order. Printing it shows the first rows.
#[derive(Clone, Debug)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<PackedBatch>,
    report: Arc<Report>,
    /// Whose threads unpack all rows.
    session: Session,
}

impl Table {
    pub(super) fn new(
        schema: SchemaRef,
        batches: Vec<PackedBatch>,
        report: Arc<Report>,
        session: &Session,
    ) -> Table {
        let batches: Vec<PackedBatch> = batches.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        // A file whose column was widened gives the schema that the rows really have.
        let schema = batches.first().map_or(schema, |batch| Arc::clone(batch.schema()));
        Table { schema, batches, report, session: session.clone() }
    }

    /// The rows of one batch.
    pub(super) fn of_batch(batch: &RecordBatch, report: Arc<Report>, session: &Session) -> Result<Table> {
        let packed = PackedBatch::pack(batch, batch.schema_ref())?;
        Ok(Table::new(batch.schema(), vec![packed], report, session))
    }

    /// The columns and their types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.batches.iter().map(PackedBatch::num_rows).sum()
    }

    /// The rows, in order. Batches are never empty, so there are none if there are no rows.
    ///
    /// A table keeps many rows packed: whole numbers in few bytes, texts that repeat as codes. Each batch is unpacked
    /// when its turn comes, and is not kept.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = RecordBatch> + ExactSizeIterator + '_ {
        self.batches.iter().map(PackedBatch::unpack)
    }

    /// All [`batches`](Table::batches) at once, unpacked on the session's threads.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn to_batches(&self) -> Result<Vec<RecordBatch>> {
        // A function of a graph is on these threads already, and must not wait for work of theirs.
        if rayon::current_thread_index().is_some() {
            return Ok(self.batches().collect());
        }
        let unpack = || self.batches.par_iter().map(PackedBatch::unpack).collect();
        Ok(self.session.pool()?.install(unpack))
    }

    /// All rows as one record batch; copies them unless there is just one batch.
    ///
    /// # Errors
    /// A column is too large for one array of its type.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        match self.batches.as_slice() {
            [one] => Ok(one.unpack()),
            _ => Ok(concat_batches(&self.schema, &self.to_batches()?)?),
        }
    }

    /// The bytes of a table's rows; of any other value none.
    pub(super) fn weigh(value: &dyn Any) -> usize {
        let table = value.downcast_ref::<Table>();
        let batches = table.map_or(&[][..], |table| &table.batches);
        let before = std::iter::once(None).chain(batches.iter().map(Some));
        batches.iter().zip(before).map(|(batch, before)| kept_bytes(batch, before)).sum()
    }

    pub(super) fn shared_report(&self) -> Arc<Report> {
        Arc::clone(&self.report)
    }

    /// What the run did: stages with rows, bytes and time, memory and spilling.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Shows at most twenty rows, then how many there are.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        let mut left = SHOWN;
        let mut shown = Vec::new();
        for batch in self.batches() {
            let rows = left.min(batch.num_rows());
            shown.push(batch.slice(0, rows));
            left -= rows;
            if left == 0 {
                break;
            }
        }
        if shown.is_empty() {
            shown.push(RecordBatch::new_empty(self.schema.clone()));
        }
        match pretty_format_batches(&shown) {
            Ok(text) => write!(f, "{text}")?,
            Err(error) => write!(f, "(rows cannot be shown: {error})")?,
        }
        if self.num_rows() > SHOWN {
            write!(f, "\n{SHOWN} of {} rows", self.num_rows())?;
        }
        Ok(())
    }
}
