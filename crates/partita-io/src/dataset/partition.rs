//! Splitting the rows of a part by partition values, in bounded memory and with one file open at a time.
//!
//! Rows wait in memory, each with the number of its value combination. When the buffer is full it is sorted
//! by that number (stably) and goes to a temporary file as one run. At the end all runs are read side by
//! side, value by value, straight into the dataset's files: as in an external sort, whatever the number of
//! values. Each value gets one file per part, which `part.rs` may cut at a target size.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::Shared;
use super::encode::compact_views;
use super::spill::{Run, RunReader};
use crate::hive::{NAME_BYTES_MAX, encode_component};
use crate::{Error, Result};

/// Rows of one value in a run, next to each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) key: u32,
    pub(super) rows: usize,
}

/// What the rows of one value combination are handed to.
pub(super) trait Receiver {
    /// Takes rows of the partition directory at hand.
    fn rows(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Closes the directory at hand and begins another, relative to the dataset.
    fn directory(&mut self, relative: PathBuf) -> Result<()>;
}

/// The rows of one part, on their way to their partition directories.
pub(super) struct Partitioner {
    shared: Arc<Shared>,
    part: usize,
    keys: Keys,
    waiting: Vec<RecordBatch>,
    /// The key of each waiting row.
    waiting_keys: Vec<Vec<u32>>,
    waiting_bytes: usize,
    runs: Vec<Run>,
    /// Bytes in temporary files.
    pub(super) spilled: u64,
}

impl Partitioner {
    pub(super) fn new(shared: Arc<Shared>, part: usize) -> Result<Self> {
        let keys = Keys::new(&shared)?;
        Ok(Partitioner {
            shared,
            part,
            keys,
            waiting: Vec::new(),
            waiting_keys: Vec::new(),
            waiting_bytes: 0,
            runs: Vec::new(),
            spilled: 0,
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let by: Vec<ArrayRef> =
            self.shared.partition_columns.iter().map(|&at| Arc::clone(batch.column(at))).collect();
        self.waiting_keys.push(self.keys.of_rows(&by)?);
        let columns =
            self.shared.data_columns.iter().map(|&at| compact_views(Arc::clone(batch.column(at)))).collect();
        let rows = RecordBatch::try_new(Arc::clone(&self.shared.data_schema), columns)
            .map_err(|e| Error::invalid(e.to_string()))?;
        self.waiting_bytes += rows.columns().iter().map(shown_bytes).sum::<usize>() + 4 * rows.num_rows();
        self.waiting.push(rows);
        if self.waiting_bytes > self.shared.options.partition_buffer_bytes {
            self.spill()?;
        }
        Ok(())
    }

    pub(super) fn memory(&self) -> usize {
        self.waiting_bytes
    }

    /// Hands all rows on, value by value in the order in which the values first appeared; the rows of a value
    /// keep their order.
    pub(super) fn finish(mut self, receiver: &mut dyn Receiver) -> Result<()> {
        let (stretches, order) = self.sorted();
        let waiting: Vec<&RecordBatch> = self.waiting.iter().collect();
        let mut readers = std::mem::take(&mut self.runs)
            .into_iter()
            .map(|run| run.open(&*self.shared.files))
            .collect::<Result<Vec<RunReader>>>()?;
        let (mut stretches, mut at) = (stretches.into_iter().peekable(), 0);
        for (key, directory) in (0u32..).zip(&self.keys.directories) {
            receiver.directory(directory.clone())?;
            for reader in &mut readers {
                while let Some(rows) = reader.rows_of(key)? {
                    receiver.rows(&rows)?;
                }
            }
            if let Some(stretch) = stretches.next_if(|stretch| stretch.key == key) {
                for piece in order[at..at + stretch.rows].chunks(BLOCK_ROWS) {
                    receiver.rows(&gather(&waiting, piece)?)?;
                }
                at += stretch.rows;
            }
        }
        readers.into_iter().try_for_each(|reader| reader.remove(&*self.shared.files))
    }

    /// Writes the waiting rows to a temporary file, sorted by key.
    fn spill(&mut self) -> Result<()> {
        let (stretches, order) = self.sorted();
        let waiting: Vec<&RecordBatch> = self.waiting.iter().collect();
        let rows = order.len().max(1);
        // Every run has one block in memory while the runs are merged, so blocks are small.
        let block_bytes =
            (self.shared.options.partition_buffer_bytes / BLOCKS).clamp(LEAST_BLOCK, BLOCK_BYTES);
        let block_rows = (block_bytes * rows / self.waiting_bytes.max(1)).clamp(64, BLOCK_ROWS);
        let path = self.shared.staging.spill(self.part, self.runs.len());
        let blocks = order.chunks(block_rows).map(|piece| gather(&waiting, piece));
        let run = Run::write(&*self.shared.files, path, &self.shared.data_schema, blocks, stretches)?;
        self.spilled += run.bytes;
        self.runs.push(run);
        self.waiting.clear();
        self.waiting_keys.clear();
        self.waiting_bytes = 0;
        Ok(())
    }

    /// The waiting rows in the order of their keys, and how many each key has.
    fn sorted(&self) -> (Vec<Stretch>, Vec<(usize, usize)>) {
        let mut ends = vec![0usize; self.keys.directories.len()];
        self.waiting_keys.iter().flatten().for_each(|&key| ends[key as usize] += 1);
        let stretches = (0u32..)
            .zip(&ends)
            .filter(|&(_, &rows)| rows > 0)
            .map(|(key, &rows)| Stretch { key, rows })
            .collect();
        let mut next = 0;
        for end in &mut ends {
            next += std::mem::replace(end, next);
        }
        let mut order = vec![(0, 0); next];
        for (batch, keys) in self.waiting_keys.iter().enumerate() {
            for (row, &key) in keys.iter().enumerate() {
                let place = &mut ends[key as usize];
                order[*place] = (batch, row);
                *place += 1;
            }
        }
        (stretches, order)
    }
}

/// Most rows that are gathered at once.
const BLOCK_ROWS: usize = 16 << 10;
/// A run has about so many blocks...
const BLOCKS: usize = 128;
/// ...of at least so many bytes...
const LEAST_BLOCK: usize = 16 << 10;
/// ...and at most so many.
const BLOCK_BYTES: usize = 1 << 20;

/// Bytes of the rows that are there; a slice of a large array does not count as the whole.
fn shown_bytes(column: &ArrayRef) -> usize {
    match column.data_type() {
        // Compacted before, so that they hold little more than they show.
        DataType::Utf8View | DataType::BinaryView => column.get_array_memory_size(),
        _ => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()),
    }
}

fn gather(batches: &[&RecordBatch], rows: &[(usize, usize)]) -> Result<RecordBatch> {
    interleave_record_batch(batches, rows)
        .map_err(|e| Error::invalid(format!("cannot sort rows by partition: {e}")))
}

/// Numbers for value combinations, in the order of their first appearance.
struct Keys {
    names: Vec<String>,
    converter: RowConverter,
    of_row: HashMap<Box<[u8]>, u32>,
    /// Different values can have one spelling (several bit patterns of NaN), and then share a directory.
    of_directory: HashMap<PathBuf, u32>,
    directories: Vec<PathBuf>,
}

impl Keys {
    fn new(shared: &Shared) -> Result<Self> {
        let fields = shared.partition_columns.iter().map(|&at| shared.schema.field(at));
        let (names, sort_fields): (Vec<_>, Vec<_>) =
            fields.map(|field| (field.name().clone(), SortField::new(field.data_type().clone()))).unzip();
        let converter = RowConverter::new(sort_fields).map_err(|e| Error::invalid(e.to_string()))?;
        Ok(Keys {
            names,
            converter,
            of_row: HashMap::new(),
            of_directory: HashMap::new(),
            directories: Vec::new(),
        })
    }

    fn of_rows(&mut self, columns: &[ArrayRef]) -> Result<Vec<u32>> {
        let rows = self.converter.convert_columns(columns).map_err(|e| Error::invalid(e.to_string()))?;
        let mut keys = Vec::with_capacity(rows.num_rows());
        let mut previous = None;
        for (at, row) in rows.iter().enumerate() {
            let key = match previous {
                Some((before, key)) if before == row => key,
                _ => match self.of_row.get(row.data()) {
                    Some(&key) => key,
                    None => self.add(columns, at, row.data().into())?,
                },
            };
            previous = Some((row, key));
            keys.push(key);
        }
        Ok(keys)
    }

    fn add(&mut self, columns: &[ArrayRef], at: usize, row: Box<[u8]>) -> Result<u32> {
        let mut directory = PathBuf::new();
        for (name, column) in self.names.iter().zip(columns) {
            let component = component(name, column, at)?;
            directory.push(component);
        }
        let next = u32::try_from(self.directories.len())
            .map_err(|_| Error::invalid("there are more partition directories than can be counted"))?;
        let key = *self.of_directory.entry(directory.clone()).or_insert(next);
        if key == next {
            self.directories.push(directory);
        }
        self.of_row.insert(row, key);
        Ok(key)
    }
}

/// The directory name of a column's value at a row.
fn component(name: &str, column: &ArrayRef, at: usize) -> Result<String> {
    let options = FormatOptions::new();
    let null = column.logical_nulls().is_some_and(|nulls| nulls.is_null(at));
    let text = if null {
        None
    } else {
        let shown = ArrayFormatter::try_new(column, &options).and_then(|f| f.value(at).try_to_string());
        Some(shown.map_err(|e| {
            Error::invalid(format!("cannot make a partition directory of the value: {e}")).in_column(name)
        })?)
    };
    let component = encode_component(name, text.as_deref());
    if component.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the partition directory `{}...` would have a name of {} bytes, but file systems allow {NAME_BYTES_MAX}; \
             partition by a column with shorter values",
            component.chars().take(40).collect::<String>(),
            component.len(),
        ))
        .in_column(name));
    }
    Ok(component)
}
