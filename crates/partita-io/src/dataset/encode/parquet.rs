//! Parquet files, by the parquet crate's column writers.
//!
//! A row group is encoded column by column while its rows come in, and is written when it has
//! `row_group_rows` rows or `row_group_bytes` bytes, so a writer never holds more than that.

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::Encoder;
use crate::dataset::options::{ParquetCompression, ParquetStatistics, ParquetVersion, ParquetWriteOptions};
use crate::dataset::sink::{FileSink, SinkErrors};
use crate::{Error, Result};

/// Text and binary bounds in statistics are cut to this many bytes (the maximum rounded up).
const STATISTIC_BYTES_MAX: usize = 64;

/// A batch given to the parquet crate in one piece: small enough that its level buffers stay in cache.
const SLICE_ROWS: usize = 16 << 10;

pub(super) struct ParquetEncoder {
    writer: ArrowWriter<FileSink>,
    errors: SinkErrors,
    row_group_bytes: usize,
}

impl ParquetEncoder {
    pub(super) fn open(options: &ParquetWriteOptions, schema: &SchemaRef, sink: FileSink) -> Result<Self> {
        let errors = sink.errors();
        let arrow_options = ArrowWriterOptions::new().with_properties(properties(options)?);
        let writer = ArrowWriter::try_new_with_options(sink, SchemaRef::clone(schema), arrow_options)
            .map_err(|e| errors.explain(e))?;
        Ok(ParquetEncoder { writer, errors, row_group_bytes: options.row_group_bytes })
    }
}

impl Encoder for ParquetEncoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = SLICE_ROWS.min(batch.num_rows() - from);
            self.writer.write(&batch.slice(from, rows)).map_err(|e| self.errors.explain(e))?;
            if self.writer.memory_size() >= self.row_group_bytes {
                self.writer.flush().map_err(|e| self.errors.explain(e))?;
            }
            from += rows;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    fn memory(&self) -> usize {
        self.writer.memory_size()
    }

    fn finish(self: Box<Self>) -> Result<FileSink> {
        let errors = self.errors;
        self.writer.into_inner().map_err(|e| errors.explain(e))
    }
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
        .set_data_page_row_count_limit(options.row_group_rows.clamp(1, 128 << 10))
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
