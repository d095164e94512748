//! The build side of a join: its rows in one batch and a table over their keys, shared by all tasks that probe it.
//! One task makes it, or several make its columns and its table. Comes from the run; `join.rs` probes it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use partita_io::Reserve;
use partita_kernels::join::JoinTable;

use super::{
    Held, JoinKind, JoinShape, KeyFilter, PackedBatch, PackedColumn, column_bytes, fixed_bytes, logical_bytes,
};
use crate::error::{Error, Result};

/// Bytes of a view of text.
const VIEW_BYTES: usize = 16;

/// A join's build side.
pub(crate) struct BuildSide {
    rows: usize,
    columns: Vec<Arc<BuildColumn>>,
    table: Option<Arc<BuildTable>>,
    filter: Option<Arc<KeyFilter>>,
    /// What is not held by the parts.
    held: Held,
}

/// A column of the build side's rows. Rows of it are taken from all over it, so that it should be small.
#[derive(Debug)]
pub(crate) struct BuildColumn {
    values: PackedColumn,
    _held: Option<Held>,
}

/// The table over the build side's keys.
#[derive(Debug)]
pub(crate) struct BuildTable {
    table: JoinTable,
    _held: Held,
}

impl BuildColumn {
    /// All parts of a column, of which there is at least one.
    ///
    /// # Errors
    /// The values do not fit into memory.
    pub(crate) fn gather(parts: &[PackedColumn], memory: &Arc<dyn Reserve>) -> Result<BuildColumn> {
        let mut held = Held::new(memory);
        // What is packed may have to be unpacked to be one.
        held.set(parts.iter().map(unpacked_bytes).sum())?;
        let values = PackedColumn::concat(&parts.iter().collect::<Vec<_>>())?;
        held.set(values.kept_beside(None).map(|array| column_bytes(array.as_ref())).sum())?;
        Ok(BuildColumn { values, _held: Some(held) })
    }

    /// Of rows for which somebody else holds memory.
    fn of_rows(rows: &RecordBatch) -> Vec<Arc<BuildColumn>> {
        let plain =
            |column: &ArrayRef| BuildColumn { values: PackedColumn::plain(Arc::clone(column)), _held: None };
        rows.columns().iter().map(|column| Arc::new(plain(column))).collect()
    }
}

/// About how many bytes the rows of a column take as an array.
fn unpacked_bytes(column: &PackedColumn) -> usize {
    match column.as_array() {
        Some(array) => column_bytes(array.as_ref()),
        None => column.len() * fixed_bytes(column.data_type()).unwrap_or(VIEW_BYTES),
    }
}

impl BuildTable {
    /// # Errors
    /// As [`BuildTable::build`].
    pub(crate) fn of_columns(
        shape: &JoinShape,
        keys: &[&Arc<BuildColumn>],
        memory: &Arc<dyn Reserve>,
    ) -> Result<BuildTable> {
        let mut held = Held::new(memory);
        let packed = keys.iter().filter(|key| key.values.as_array().is_none());
        held.set(packed.map(|key| unpacked_bytes(&key.values)).sum())?;
        let keys = keys.iter().map(|key| key.values.to_array()).collect();
        BuildTable::build(shape, &[keys], memory)
    }

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
            let columns = BuildColumn::of_rows(&RecordBatch::new_empty(Arc::clone(&shape.build_schema)));
            return Ok(BuildSide { rows: 0, columns, table, filter: None, held });
        }
        // The batches and the one that is made of them.
        held.set(2 * bytes)?;
        let rows = concat_batches(&shape.build_schema, batches)?;
        let table = match shape.kind {
            JoinKind::Cross => None,
            _ => Some(Arc::new(BuildTable::build(shape, &[keys_of(&rows)], memory)?)),
        };
        held.set(bytes)?;
        let columns = BuildColumn::of_rows(&rows);
        Ok(BuildSide { rows: rows.num_rows(), columns, table, filter: None, held })
    }

    /// The same of rows that are packed, which stay so.
    ///
    /// # Errors
    /// As [`BuildSide::build`].
    pub(crate) fn of_packed(
        shape: &JoinShape,
        rows: &[PackedBatch],
        memory: &Arc<dyn Reserve>,
    ) -> Result<BuildSide> {
        if rows.is_empty() || shape.asks_only_keys() {
            let rows: Vec<RecordBatch> = rows.iter().map(PackedBatch::unpack).collect();
            return BuildSide::build(shape, &rows, memory);
        }
        let column = |column: usize| {
            let parts: Vec<_> = rows.iter().map(|rows| rows.columns()[column].clone()).collect();
            Ok(Arc::new(BuildColumn::gather(&parts, memory)?))
        };
        let columns = (0..shape.build_schema.fields().len()).map(column).collect::<Result<Vec<_>>>()?;
        let keys: Vec<_> = shape.build_keys.iter().map(|&key| &columns[key]).collect();
        let table = BuildTable::of_columns(shape, &keys, memory)?;
        Ok(BuildSide::of_parts(columns, Arc::new(table), memory))
    }

    /// Of columns and a table that were made one by one.
    pub(crate) fn of_parts(
        columns: Vec<Arc<BuildColumn>>,
        table: Arc<BuildTable>,
        memory: &Arc<dyn Reserve>,
    ) -> BuildSide {
        let rows = table.table.rows();
        BuildSide { rows, columns, table: Some(table), filter: None, held: Held::new(memory) }
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

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A column of its rows, if it has such.
    pub(super) fn column(&self, column: usize) -> Result<&PackedColumn> {
        let column = self.columns.get(column);
        Ok(&column.ok_or_else(|| Error::internal("a join's build side lacks a column"))?.values)
    }

    pub(super) fn table(&self) -> Result<&JoinTable> {
        let table = self.table.as_ref().ok_or_else(|| Error::internal("a join's build side has no table"))?;
        Ok(&table.table)
    }
}

impl std::fmt::Debug for BuildSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BuildSide({} rows)", self.rows)
    }
}
