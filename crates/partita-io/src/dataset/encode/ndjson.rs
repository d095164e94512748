//! One JSON object per line, by arrow's writer.
//!
//! JSON has no spelling for NaN and infinities, and arrow would silently write null: they are an error, or
//! null where the caller says so.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type, SchemaRef};
use arrow::json::writer::{LineDelimited, Writer, WriterBuilder};

use super::{Encoder, TextSink};
use crate::dataset::options::{NdjsonWriteOptions, NonFinite};
use crate::dataset::sink::{FileSink, SinkErrors};
use crate::{Error, Result};

pub(super) struct NdjsonEncoder {
    /// Encodes into memory; the bytes are taken out after each batch.
    writer: Writer<Vec<u8>, LineDelimited>,
    sink: TextSink,
    errors: SinkErrors,
    non_finite: NonFinite,
    rows: u64,
}

impl NdjsonEncoder {
    pub(super) fn open(options: &NdjsonWriteOptions, _schema: &SchemaRef, sink: FileSink) -> Result<Self> {
        let errors = sink.errors();
        let sink = TextSink::open(options.compression, sink)?;
        let writer = WriterBuilder::new()
            .with_explicit_nulls(options.explicit_nulls)
            .build::<_, LineDelimited>(Vec::new());
        Ok(NdjsonEncoder { writer, sink, errors, non_finite: options.non_finite, rows: 0 })
    }
}

impl Encoder for NdjsonEncoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.non_finite == NonFinite::Error {
            for (column, field) in batch.columns().iter().zip(batch.schema_ref().fields()) {
                if has_non_finite(column) {
                    return Err(Error::invalid(
                        "JSON cannot spell NaN or infinity; replace them, or ask for null with `non_finite`",
                    )
                    .in_column(field.name()));
                }
            }
        }
        self.writer.write(batch).map_err(|e| self.errors.explain(e))?;
        std::io::Write::write_all(&mut self.sink, self.writer.get_ref())
            .map_err(|e| self.errors.explain(e))?;
        self.writer.get_mut().clear();
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.sink.bytes()
    }

    fn memory(&self) -> usize {
        self.writer.get_ref().capacity()
    }

    fn finish(mut self: Box<Self>) -> Result<FileSink> {
        self.writer.finish().map_err(|e| self.errors.explain(e))?;
        std::io::Write::write_all(&mut self.sink, self.writer.get_ref())
            .map_err(|e| self.errors.explain(e))?;
        let errors = self.errors;
        self.sink.finish().map_err(|e| errors.explain(e))
    }
}

/// Whether a float that is not null, at any depth, is NaN or infinite.
fn has_non_finite(array: &ArrayRef) -> bool {
    let valid = |at: usize| array.is_valid(at);
    match array.data_type() {
        DataType::Float16 => array
            .as_primitive::<Float16Type>()
            .values()
            .iter()
            .enumerate()
            .any(|(i, v)| !v.is_finite() && valid(i)),
        DataType::Float32 => array
            .as_primitive::<Float32Type>()
            .values()
            .iter()
            .enumerate()
            .any(|(i, v)| !v.is_finite() && valid(i)),
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .enumerate()
            .any(|(i, v)| !v.is_finite() && valid(i)),
        DataType::List(_) => has_non_finite(array.as_list::<i32>().values()),
        DataType::LargeList(_) => has_non_finite(array.as_list::<i64>().values()),
        DataType::ListView(_) => has_non_finite(array.as_list_view::<i32>().values()),
        DataType::LargeListView(_) => has_non_finite(array.as_list_view::<i64>().values()),
        DataType::FixedSizeList(..) => has_non_finite(array.as_fixed_size_list().values()),
        DataType::Map(..) => array.as_map().entries().columns().iter().any(has_non_finite),
        DataType::Struct(_) => array.as_struct().columns().iter().any(has_non_finite),
        DataType::Dictionary(..) => has_non_finite(array.as_any_dictionary().values()),
        DataType::RunEndEncoded(_, values) => {
            values.data_type().is_floating()
                && arrow::compute::cast(array, values.data_type()).is_ok_and(|plain| has_non_finite(&plain))
        }
        _ => false,
    }
}
