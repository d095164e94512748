//! From record batches to the bytes of one file, per format.
//!
//! [`open`] picks the encoder; `part.rs` feeds it. An encoder knows nothing of names, directories or modes.

mod csv;
mod csv_cells;
mod ipc;
mod ndjson;
mod parquet;

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::options::{TextCompression, WriteFormat};
use super::sink::FileSink;
use crate::{Error, Result};

/// One file being encoded.
pub(crate) trait Encoder: Send {
    /// Appends rows. Batches have the schema that the file was opened with.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;
    /// About how long the file would be if it ended now: a function of the rows written, nothing else.
    fn bytes(&self) -> u64;
    /// Bytes of memory held.
    fn memory(&self) -> usize;
    /// Bytes of memory that will be held before they are written.
    fn most_memory(&self) -> usize {
        self.memory()
    }
    /// Writes what is left and gives the file back.
    fn finish(self: Box<Self>) -> Result<FileSink>;
}

/// Begins a file of the format, with columns as in `schema`.
pub(crate) fn open(format: &WriteFormat, schema: &SchemaRef, sink: FileSink) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        WriteFormat::Parquet(options) => Box::new(parquet::ParquetEncoder::open(options, schema, sink)?),
        WriteFormat::Csv(options) => Box::new(csv::CsvEncoder::open(options, schema, sink)?),
        WriteFormat::Ipc(options) => Box::new(ipc::IpcEncoder::open(options, schema, sink)?),
        WriteFormat::Ndjson(options) => Box::new(ndjson::NdjsonEncoder::open(options, schema, sink)?),
    })
}

pub(crate) use ipc::compact_views;
pub(crate) use parquet::check as check_parquet;

/// A text file with or without compression.
enum TextSink {
    Plain(FileSink),
    Gzip(Box<flate2::write::GzEncoder<FileSink>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, FileSink>>),
}

impl TextSink {
    fn open(compression: TextCompression, sink: FileSink) -> Result<Self> {
        Ok(match compression {
            TextCompression::None => TextSink::Plain(sink),
            TextCompression::Gzip(level) => {
                let level = flate2::Compression::new(level.min(9));
                TextSink::Gzip(Box::new(flate2::write::GzEncoder::new(sink, level)))
            }
            TextCompression::Zstd(level) => {
                let errors = sink.errors();
                let encoder =
                    zstd::stream::write::Encoder::new(sink, level).map_err(|e| errors.explain(e))?;
                TextSink::Zstd(Box::new(encoder))
            }
        })
    }

    fn bytes(&self) -> u64 {
        match self {
            TextSink::Plain(sink) => sink.bytes(),
            TextSink::Gzip(encoder) => encoder.get_ref().bytes(),
            TextSink::Zstd(encoder) => encoder.get_ref().bytes(),
        }
    }

    fn finish(self) -> io::Result<FileSink> {
        match self {
            TextSink::Plain(sink) => Ok(sink),
            TextSink::Gzip(encoder) => encoder.finish(),
            TextSink::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for TextSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            TextSink::Plain(sink) => sink.write(bytes),
            TextSink::Gzip(encoder) => encoder.write(bytes),
            TextSink::Zstd(encoder) => encoder.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self {
            TextSink::Plain(sink) => sink.flush(),
            TextSink::Gzip(encoder) => encoder.flush(),
            TextSink::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// The compression level asked for exists.
pub(crate) fn check_text_compression(compression: TextCompression) -> Result<()> {
    match compression {
        TextCompression::Gzip(level) if level > 9 => {
            Err(Error::invalid(format!("gzip has levels 0 to 9, not {level}")))
        }
        TextCompression::Zstd(level) if !(1..=22).contains(&level) => {
            Err(Error::invalid(format!("zstd has levels 1 to 22, not {level}")))
        }
        _ => Ok(()),
    }
}
