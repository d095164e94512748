//! Parquet files.
//!
//! A row group is encoded column by column while its rows come in, and is written when it has
//! `row_group_rows` rows or `row_group_bytes` bytes, so a writer never holds more than that. Flat columns of
//! the usual types are encoded in `chunk.rs`; all others by the parquet crate, into the same row group.

mod bounds;
mod chunk;
mod codec;
mod header;
mod hybrid;
mod pages;
#[cfg(test)]
mod tests;
mod values;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use self::chunk::{Chunk, ChunkOptions, Press};
use self::codec::Codec;
use super::Encoder;
use crate::dataset::options::{ParquetCompression, ParquetStatistics, ParquetVersion, ParquetWriteOptions};
use crate::dataset::sink::{FileSink, SinkErrors};
use crate::{Error, Result};

/// Text and binary bounds in statistics are cut to this many bytes (the maximum rounded up).
const STATISTIC_BYTES_MAX: usize = 64;

/// Rows that go through one column before the next: small enough to stay in cache.
const SLICE_ROWS: usize = 16 << 10;

/// Rows that tell how much a whole row group takes.
const TELLING_ROWS: usize = 1 << 10;

/// Most rows of a page. Readers skip by page, and narrow columns would fill a page with a whole row group.
const PAGE_ROWS: usize = 64 << 10;

pub(super) struct ParquetEncoder {
    writer: SerializedFileWriter<FileSink>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    errors: SinkErrors,
    options: ParquetWriteOptions,
    chunk_options: ChunkOptions,
    /// None if only the parquet crate has the codec.
    press: Option<Press>,
    columns: Vec<Column>,
    rows: usize,
}

/// A column of the row group at hand.
enum Column {
    Own(Box<Chunk>),
    /// The leaves of a column that the parquet crate encodes.
    Theirs(Vec<ArrowColumnWriter>),
}

impl ParquetEncoder {
    pub(super) fn open(options: &ParquetWriteOptions, schema: &SchemaRef, sink: FileSink) -> Result<Self> {
        let errors = sink.errors();
        let arrow_options = ArrowWriterOptions::new().with_properties(properties(options)?);
        // This one writes the Arrow schema into the metadata; its parts do the rest.
        let (writer, factory) =
            ArrowWriter::try_new_with_options(sink, SchemaRef::clone(schema), arrow_options)
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(|e| errors.explain(e))?;
        let own = options.version == ParquetVersion::V1;
        let chunk_options = ChunkOptions {
            compression: codec(options.compression)?,
            statistics: options.statistics,
            page_bytes: options.page_bytes.max(1),
            page_rows: options.row_group_rows.clamp(1, PAGE_ROWS),
        };
        Ok(ParquetEncoder {
            writer,
            factory,
            schema: SchemaRef::clone(schema),
            errors,
            options: options.clone(),
            chunk_options,
            press: if own { Codec::open(options.compression)?.map(Press::new) } else { None },
            columns: Vec::new(),
            rows: 0,
        })
    }

    fn begin_row_group(&mut self) -> Result<()> {
        let group = self.writer.flushed_row_groups().len();
        let mut theirs =
            self.factory.create_column_writers(group).map_err(|e| self.errors.explain(e))?.into_iter();
        let leaves = self.writer.schema_descr();
        let mut leaf = 0;
        for (root, field) in self.schema.fields().iter().enumerate() {
            let first = leaf;
            while leaf < leaves.num_columns() && leaves.get_column_root_idx(leaf) == root {
                leaf += 1;
            }
            let writers: Vec<ArrowColumnWriter> = theirs.by_ref().take(leaf - first).collect();
            let own = if self.press.is_some() && leaf - first == 1 {
                self.own(field, leaves.column(first))
            } else {
                None
            };
            self.columns.push(own.unwrap_or(Column::Theirs(writers)));
        }
        Ok(())
    }

    /// The column, if we encode it ourselves.
    fn own(&self, field: &Field, description: ColumnDescPtr) -> Option<Column> {
        let flat = description.max_rep_level() == 0 && description.max_def_level() <= 1;
        let dictionary = self.options.dictionary;
        let values = values::values(field.data_type(), dictionary).filter(|_| flat)?;
        Some(Column::Own(Box::new(Chunk::new(description, self.chunk_options.clone(), values, dictionary))))
    }

    fn write_slice(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.begin_row_group()?;
        }
        for ((column, field), array) in self.columns.iter_mut().zip(self.schema.fields()).zip(batch.columns())
        {
            match (column, &mut self.press) {
                (Column::Own(chunk), Some(press)) => chunk.append(array, press)?,
                (Column::Own(_), None) => {}
                (Column::Theirs(writers), _) => {
                    let leaves = compute_leaves(field, array).map_err(|e| self.errors.explain(e))?;
                    for (writer, leaf) in writers.iter_mut().zip(&leaves) {
                        writer.write(leaf).map_err(|e| self.errors.explain(e))?;
                    }
                }
            }
        }
        self.rows += batch.num_rows();
        if self.rows >= self.options.row_group_rows || self.waiting() >= self.options.row_group_bytes {
            self.end_row_group()?;
        }
        Ok(())
    }

    /// Bytes that the row group at hand takes.
    fn waiting(&self) -> usize {
        let held = self.columns.iter().map(|column| match column {
            Column::Own(chunk) => chunk.memory(),
            Column::Theirs(writers) => writers.iter().map(ArrowColumnWriter::memory_size).sum(),
        });
        held.sum()
    }

    fn end_row_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let errors = &self.errors;
        let mut group = self.writer.next_row_group().map_err(|e| errors.explain(e))?;
        for column in self.columns.drain(..) {
            match (column, &mut self.press) {
                (Column::Own(chunk), Some(press)) => {
                    let (bytes, close) = chunk.close(press)?;
                    group.append_column(&bytes, close).map_err(|e| errors.explain(e))?;
                }
                (Column::Own(_), None) => {}
                (Column::Theirs(writers), _) => {
                    for writer in writers {
                        let chunk = writer.close().map_err(|e| errors.explain(e))?;
                        chunk.append_to_row_group(&mut group).map_err(|e| errors.explain(e))?;
                    }
                }
            }
        }
        group.close().map(|_| ()).map_err(|e| errors.explain(e))
    }
}

impl Encoder for ParquetEncoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let room = self.options.row_group_rows.saturating_sub(self.rows).max(1);
            let rows = SLICE_ROWS.min(room).min(batch.num_rows() - from);
            self.write_slice(&batch.slice(from, rows))?;
            from += rows;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let waiting = self.columns.iter().map(|column| match column {
            Column::Own(chunk) => chunk.bytes(),
            Column::Theirs(writers) => writers.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum(),
        });
        (self.writer.bytes_written() + waiting.sum::<usize>()) as u64
    }

    fn memory(&self) -> usize {
        self.waiting() + self.press.as_ref().map_or(0, Press::memory)
    }

    fn most_memory(&self) -> usize {
        let (waiting, options) = (self.waiting(), &self.options);
        let whole = match self.rows {
            // Too few rows to tell how many will come.
            ..TELLING_ROWS => waiting,
            rows => (waiting.saturating_mul(options.row_group_rows) / rows).min(options.row_group_bytes),
        };
        // A column that turns from codes to values is there twice.
        self.memory().saturating_add((whole + whole / 2).saturating_sub(waiting))
    }

    fn finish(mut self: Box<Self>) -> Result<FileSink> {
        self.end_row_group()?;
        let errors = self.errors;
        self.writer.into_inner().map_err(|e| errors.explain(e))
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("cannot encode a column chunk: {error}"))
}

/// Whether the options are in range and the parquet crate can write a file of this schema.
pub(crate) fn check(options: &ParquetWriteOptions, schema: &Schema) -> Result<()> {
    properties(options)?;
    if options.row_group_rows == 0 || options.row_group_bytes == 0 || options.page_bytes == 0 {
        return Err(Error::invalid("row groups and pages of a Parquet file cannot have size 0"));
    }
    parquet::arrow::ArrowSchemaConverter::new()
        .convert(schema)
        .map(|_| ())
        .map_err(|e| Error::invalid(format!("cannot write this schema as Parquet: {e}")))
}

fn properties(options: &ParquetWriteOptions) -> Result<WriterProperties> {
    let metadata =
        options.metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), Some(value.clone()))).collect();
    Ok(WriterProperties::builder()
        .set_compression(codec(options.compression)?)
        .set_max_row_group_row_count(Some(options.row_group_rows.max(1)))
        .set_data_page_size_limit(options.page_bytes.max(1))
        // The row limit of a page would cut pages of narrow columns long before they are full.
        .set_data_page_row_count_limit(options.row_group_rows.clamp(1, PAGE_ROWS))
        .set_dictionary_enabled(options.dictionary)
        .set_statistics_enabled(match options.statistics {
            ParquetStatistics::None => EnabledStatistics::None,
            ParquetStatistics::RowGroup => EnabledStatistics::Chunk,
            ParquetStatistics::Page => EnabledStatistics::Page,
        })
        .set_statistics_truncate_length(Some(STATISTIC_BYTES_MAX))
        .set_column_index_truncate_length(Some(STATISTIC_BYTES_MAX))
        .set_writer_version(match options.version {
            ParquetVersion::V1 => WriterVersion::PARQUET_1_0,
            ParquetVersion::V2 => WriterVersion::PARQUET_2_0,
        })
        .set_created_by(concat!("partita ", env!("CARGO_PKG_VERSION")).to_string())
        .set_key_value_metadata(Some(metadata))
        .build())
}

fn codec(compression: ParquetCompression) -> Result<Compression> {
    let level = |e: parquet::errors::ParquetError| Error::invalid(format!("no such compression level: {e}"));
    Ok(match compression {
        ParquetCompression::None => Compression::UNCOMPRESSED,
        ParquetCompression::Snappy => Compression::SNAPPY,
        ParquetCompression::Lz4 => Compression::LZ4_RAW,
        ParquetCompression::Zstd(n) => Compression::ZSTD(ZstdLevel::try_new(n).map_err(level)?),
        ParquetCompression::Gzip(n) => Compression::GZIP(GzipLevel::try_new(n).map_err(level)?),
        ParquetCompression::Brotli(n) => Compression::BROTLI(BrotliLevel::try_new(n).map_err(level)?),
    })
}
