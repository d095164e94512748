//! CSV files: lines, quotes and nulls. How a single value is spelled is in `csv_cells.rs`.
//!
//! Fields are quoted when they need it: they hold a delimiter, a quote or a line end, or would read as null
//! although they are not. Reading a file back gives every value, with one exception that CSV itself makes:
//! in a file of one column a null is written as an empty quoted field, because a line with nothing on it is
//! skipped by every reader.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};

use super::csv_cells::{Cells, cells};
use super::{Encoder, TextSink};
use crate::dataset::options::{CsvLineEnd, CsvWriteOptions};
use crate::dataset::sink::{FileSink, SinkErrors};
use crate::{Error, Result};

/// Lines are gathered until they are about so long, then written.
const BLOCK_BYTES: usize = 128 << 10;

pub(super) struct CsvEncoder {
    sink: TextSink,
    errors: SinkErrors,
    quoting: Quoting,
    line_end: &'static [u8],
    /// What null is written as; differs from `quoting.null` in a file of one column.
    null: Vec<u8>,
    delimiter: u8,
    block: Vec<u8>,
}

impl CsvEncoder {
    pub(super) fn open(options: &CsvWriteOptions, schema: &SchemaRef, sink: FileSink) -> Result<Self> {
        let errors = sink.errors();
        let quoting = Quoting::new(options);
        let line_end: &'static [u8] = match options.line_end {
            CsvLineEnd::Lf => b"\n",
            CsvLineEnd::CrLf => b"\r\n",
        };
        let null = if options.null.is_empty() && schema.fields().len() == 1 {
            vec![options.quote; 2]
        } else {
            options.null.as_bytes().to_vec()
        };
        let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
        if options.header {
            for (at, field) in schema.fields().iter().enumerate() {
                if at > 0 {
                    block.push(options.delimiter);
                }
                quoting.write(field.name().as_bytes(), &mut block);
            }
            block.extend_from_slice(line_end);
        }
        let sink = TextSink::open(options.compression, sink)?;
        Ok(CsvEncoder { sink, errors, quoting, line_end, null, delimiter: options.delimiter, block })
    }

    fn write_block(&mut self) -> Result<()> {
        self.sink.write_all(&self.block).map_err(|e| self.errors.explain(e))?;
        self.block.clear();
        Ok(())
    }
}

impl Encoder for CsvEncoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema_ref();
        let arrays = batch.columns().iter().zip(schema.fields()).map(plain).collect::<Result<Vec<_>>>()?;
        let columns = arrays
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| {
                let cells = cells(column, &self.quoting).map_err(|e| e.in_column(field.name()))?;
                Ok((cells, column.logical_nulls().filter(|nulls| nulls.null_count() > 0)))
            })
            .collect::<Result<Vec<(Box<dyn Cells + '_>, Option<NullBuffer>)>>>()?;
        for row in 0..batch.num_rows() {
            for (at, (cells, nulls)) in columns.iter().enumerate() {
                if at > 0 {
                    self.block.push(self.delimiter);
                }
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    self.block.extend_from_slice(&self.null);
                } else {
                    let done = cells.write(row, &self.quoting, &mut self.block);
                    done.map_err(|e| e.in_column(schema.field(at).name()))?;
                }
            }
            self.block.extend_from_slice(self.line_end);
            if self.block.len() >= BLOCK_BYTES {
                self.write_block()?;
            }
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.sink.bytes() + self.block.len() as u64
    }

    fn memory(&self) -> usize {
        self.block.capacity()
    }

    fn finish(mut self: Box<Self>) -> Result<FileSink> {
        self.write_block()?;
        let errors = self.errors;
        self.sink.finish().map_err(|e| errors.explain(e))
    }
}

/// The column with a dictionary replaced by its values: gathering is much cheaper than spelling.
fn plain((column, field): (&ArrayRef, &FieldRef)) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values)
            .map_err(|e| Error::invalid(format!("cannot write as CSV: {e}")).in_column(field.name())),
        _ => Ok(Arc::clone(column)),
    }
}

/// Which fields need quotes.
pub(super) struct Quoting {
    quote: u8,
    null: Vec<u8>,
    /// Bytes that a field may not hold outside quotes.
    special: [bool; 256],
}

impl Quoting {
    fn new(options: &CsvWriteOptions) -> Self {
        let mut special = [false; 256];
        for byte in [options.delimiter, options.quote, b'\n', b'\r'] {
            special[usize::from(byte)] = true;
        }
        Quoting { quote: options.quote, null: options.null.as_bytes().to_vec(), special }
    }

    /// Whether a number or date can be written as it is, without looking at each. Their spellings are made of
    /// these bytes alone.
    pub(super) fn plain_is_safe(&self) -> bool {
        !b"0123456789+-.:TZeEainftrusl".iter().any(|&b| self.special[usize::from(b)])
            && (self.null.is_empty() || std::str::from_utf8(&self.null).is_ok_and(never_plain))
    }

    /// Writes a field of any content that is not null.
    pub(super) fn write(&self, field: &[u8], out: &mut Vec<u8>) {
        if !field.iter().any(|&b| self.special[usize::from(b)]) && field != self.null && !field.is_empty() {
            out.extend_from_slice(field);
            return;
        }
        out.push(self.quote);
        for piece in field.split_inclusive(|&b| b == self.quote) {
            out.extend_from_slice(piece);
            if piece.last() == Some(&self.quote) {
                out.push(self.quote);
            }
        }
        out.push(self.quote);
    }
}

/// Whether a null spelling can be taken for no number, date or boolean.
fn never_plain(null: &str) -> bool {
    !null.bytes().any(|b| b.is_ascii_digit()) && !["true", "false", "NaN", "inf", "-inf"].contains(&null)
}
