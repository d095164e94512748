//! Arrow IPC files.
//!
//! Small batches are joined first: each record batch of a file costs a message and, for text views, the
//! whole of their buffers. Dictionary columns are written as their values, because a file cannot hold a
//! second dictionary for a column and batches of one stream need not share theirs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions as ArrowOptions};

use super::Encoder;
use crate::dataset::options::{IpcCompression, IpcWriteOptions};
use crate::dataset::sink::{FileSink, SinkErrors};
use crate::{Error, Result};

/// A record batch of the file has at least so many rows or bytes, but for the last.
const BATCH_ROWS: usize = 64 << 10;
const BATCH_BYTES: usize = 8 << 20;

pub(super) struct IpcEncoder {
    writer: FileWriter<FileSink>,
    schema: SchemaRef,
    errors: SinkErrors,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
}

impl IpcEncoder {
    pub(super) fn open(options: &IpcWriteOptions, schema: &SchemaRef, sink: FileSink) -> Result<Self> {
        let errors = sink.errors();
        let compression = match options.compression {
            IpcCompression::None => None,
            IpcCompression::Lz4 => Some(CompressionType::LZ4_FRAME),
            IpcCompression::Zstd => Some(CompressionType::ZSTD),
        };
        let schema = Arc::new(plain_schema(schema));
        let writer = ArrowOptions::default()
            .try_with_compression(compression)
            .and_then(|options| FileWriter::try_new_with_options(sink, &schema, options))
            .map_err(|e| errors.explain(e))?;
        Ok(IpcEncoder { writer, schema, errors, waiting: Vec::new(), waiting_rows: 0, waiting_bytes: 0 })
    }

    fn write_waiting(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let batch = concat_batches(&self.schema, &self.waiting).map_err(|e| self.errors.explain(e))?;
        self.waiting.clear();
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        self.writer.write(&batch).map_err(|e| self.errors.explain(e))
    }
}

impl Encoder for IpcEncoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = BATCH_ROWS.min(batch.num_rows() - from);
            let piece = plain_batch(&batch.slice(from, rows), &self.schema)?;
            self.waiting_rows += rows;
            self.waiting_bytes += piece.get_array_memory_size();
            self.waiting.push(piece);
            if self.waiting_rows >= BATCH_ROWS || self.waiting_bytes >= BATCH_BYTES {
                self.write_waiting()?;
            }
            from += rows;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.writer.get_ref().bytes() + self.waiting_bytes as u64
    }

    fn memory(&self) -> usize {
        self.waiting_bytes
    }

    fn finish(mut self: Box<Self>) -> Result<FileSink> {
        self.write_waiting()?;
        self.writer.into_inner().map_err(|e| self.errors.explain(e))
    }
}

/// The schema with dictionaries replaced by the type of their values, at any depth.
fn plain_schema(schema: &Schema) -> Schema {
    let fields: Vec<FieldRef> = schema.fields().iter().map(plain_field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let data_type = plain_type(field.data_type());
    if data_type == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(field.metadata().clone()))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) => DataType::LargeList(plain_field(item)),
        DataType::ListView(item) => DataType::ListView(plain_field(item)),
        DataType::LargeListView(item) => DataType::LargeListView(plain_field(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(plain_field(item), *n),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect::<Fields>()),
        other => other.clone(),
    }
}

/// The batch with plain types, and with text views that hold their own rows' bytes only.
fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            let plain = if column.data_type() == field.data_type() {
                Arc::clone(column)
            } else {
                arrow::compute::cast(column, field.data_type()).map_err(|e| {
                    Error::invalid(format!("cannot write as Arrow IPC: {e}")).in_column(field.name())
                })?
            };
            Ok(compact_views(plain))
        })
        .collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(SchemaRef::clone(schema), columns).map_err(|e| Error::invalid(e.to_string()))
}

/// Copies text out of shared buffers if most of them belongs to other rows.
pub(crate) fn compact_views(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => {
            let views = array.as_string_view();
            let held: usize = views.data_buffers().iter().map(|b| b.len()).sum();
            if held > 2 * views.total_buffer_bytes_used() { Arc::new(views.gc()) } else { array }
        }
        DataType::BinaryView => {
            let views = array.as_binary_view();
            let held: usize = views.data_buffers().iter().map(|b| b.len()).sum();
            if held > 2 * views.total_buffer_bytes_used() { Arc::new(views.gc()) } else { array }
        }
        _ => array,
    }
}
