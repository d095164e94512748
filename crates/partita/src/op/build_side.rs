//! The build side of a join: its rows in one batch and a table over their keys, shared by all tasks that probe it.
//! One task makes it, or several make its columns and its table. Comes from the run; `join.rs` probes it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{concat, concat_batches};
use partita_io::Reserve;
use partita_kernels::join::JoinTable;

use super::{Held, JoinKind, JoinShape, KeyFilter, batch_of, column_bytes, logical_bytes};
use crate::error::{Error, Result};

/// A join's build side.
pub(crate) struct BuildSide {
    rows: RecordBatch,
    table: Option<Arc<BuildTable>>,
    filter: Option<Arc<KeyFilter>>,
    /// What is not held by the parts.
    held: Held,
    _columns: Vec<Arc<BuildColumn>>,
}

/// A column of the build side's rows.
#[derive(Debug)]
pub(crate) struct BuildColumn {
    values: ArrayRef,
    _held: Held,
}

/// The table over the build side's keys.
#[derive(Debug)]
pub(crate) struct BuildTable {
    table: JoinTable,
    _held: Held,
}

impl BuildColumn {
    /// All values of a column of some batches, of which there is at least one.
    ///
    /// # Errors
    /// The values do not fit into memory.
    pub(crate) fn gather<'a>(
        batches: impl Iterator<Item = &'a RecordBatch>,
        column: usize,
        memory: &Arc<dyn Reserve>,
    ) -> Result<BuildColumn> {
        let parts: Vec<&dyn Array> = batches.map(|batch| batch.column(column).as_ref()).collect();
        let mut held = Held::new(memory);
        held.set(parts.iter().map(|part| column_bytes(*part)).sum())?;
        Ok(BuildColumn { values: concat(&parts)?, _held: held })
    }

    pub(crate) fn values(&self) -> &ArrayRef {
        &self.values
    }
}

impl BuildTable {
    /// # Errors
    /// The table does not fit into memory, or there are more than 2³² − 1 rows.
    pub(crate) fn build(
        shape: &JoinShape,
        keys: &[Vec<ArrayRef>],
        memory: &Arc<dyn Reserve>,
    ) -> Result<BuildTable> {
        let keys = keys.iter().map(|keys| shape.typed(keys.iter())).collect::<Result<Vec<_>>>()?;
        let build = if shape.asks_only_keys() { JoinTable::of_keys } else { JoinTable::build };
        let table = build(&shape.key_types, &keys, shape.nulls_equal)?;
        let mut held = Held::new(memory);
        held.set(table.size_bytes())?;
        Ok(BuildTable { table, _held: held })
    }
}

impl BuildSide {
    /// Gathers the rows into one batch and builds the table. A cross join needs no table, and a join that asks only
    /// whether there is a partner needs no rows.
    ///
    /// # Errors
    /// The rows do not fit into memory or are more than 2³² − 1.
    pub(crate) fn build(
        shape: &JoinShape,
        batches: &[RecordBatch],
        memory: &Arc<dyn Reserve>,
    ) -> Result<BuildSide> {
        let mut held = Held::new(memory);
        let bytes: usize = batches.iter().map(logical_bytes).sum();
        let keys_of = |rows: &RecordBatch| -> Vec<ArrayRef> {
            shape.build_keys.iter().map(|&column| Arc::clone(rows.column(column))).collect()
        };
        if shape.asks_only_keys() {
            held.set(bytes)?;
            let keys: Vec<Vec<ArrayRef>> = batches.iter().map(keys_of).collect();
            let table = Some(Arc::new(BuildTable::build(shape, &keys, memory)?));
            held.set(0)?;
            let rows = RecordBatch::new_empty(Arc::clone(&shape.build_schema));
            return Ok(BuildSide { rows, table, filter: None, held, _columns: Vec::new() });
        }
        // The batches and the one that is made of them.
        held.set(2 * bytes)?;
        let rows = concat_batches(&shape.build_schema, batches)?;
        let table = match shape.kind {
            JoinKind::Cross => None,
            _ => Some(Arc::new(BuildTable::build(shape, &[keys_of(&rows)], memory)?)),
        };
        held.set(bytes)?;
        Ok(BuildSide { rows, table, filter: None, held, _columns: Vec::new() })
    }

    /// Of columns and a table that were made one by one.
    ///
    /// # Errors
    /// The columns are not those of the build side.
    pub(crate) fn of_parts(
        shape: &JoinShape,
        columns: Vec<Arc<BuildColumn>>,
        table: Arc<BuildTable>,
        memory: &Arc<dyn Reserve>,
    ) -> Result<BuildSide> {
        let values = columns.iter().map(|column| Arc::clone(&column.values)).collect();
        let rows = batch_of(&shape.build_schema, values, table.table.rows())?;
        Ok(BuildSide { rows, table: Some(table), filter: None, held: Held::new(memory), _columns: columns })
    }

    /// The same with a filter of its keys, if there can be a small one.
    ///
    /// # Errors
    /// The filter does not fit into memory.
    pub(crate) fn with_filter(mut self, shape: &JoinShape) -> Result<BuildSide> {
        let filter =
            self.table.as_ref().and_then(|table| KeyFilter::of_table(&table.table, &shape.key_types));
        self.held.set(self.held.bytes() + filter.as_ref().map_or(0, KeyFilter::size_bytes))?;
        self.filter = filter.map(Arc::new);
        Ok(self)
    }

    /// The filter for probe rows, if one was wanted and can be small.
    pub(crate) fn filter(&self) -> Option<Arc<KeyFilter>> {
        self.filter.clone()
    }

    pub(super) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    pub(super) fn table(&self) -> Result<&JoinTable> {
        let table = self.table.as_ref().ok_or_else(|| Error::internal("a join's build side has no table"))?;
        Ok(&table.table)
    }
}

impl std::fmt::Debug for BuildSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BuildSide({} rows)", self.rows.num_rows())
    }
}
