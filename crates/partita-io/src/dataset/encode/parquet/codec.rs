//! Compression of pages for the column chunks that we encode ourselves.

use crate::dataset::options::ParquetCompression;
use crate::{Error, Result};

/// A compressor with its working memory, used for page after page.
pub(super) struct Codec {
    compressor: Compressor,
    /// The page compressed last.
    compressed: Vec<u8>,
}

enum Compressor {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl Codec {
    /// The codec, or `None` if only the parquet crate has it.
    pub(super) fn open(compression: ParquetCompression) -> Result<Option<Self>> {
        let compressor = match compression {
            ParquetCompression::None => Compressor::None,
            ParquetCompression::Snappy => Compressor::Snappy(Box::new(snap::raw::Encoder::new())),
            ParquetCompression::Zstd(level) => {
                Compressor::Zstd(Box::new(zstd::bulk::Compressor::new(level).map_err(failed)?))
            }
            ParquetCompression::Lz4 | ParquetCompression::Gzip(_) | ParquetCompression::Brotli(_) => {
                return Ok(None);
            }
        };
        Ok(Some(Codec { compressor, compressed: Vec::new() }))
    }

    pub(super) fn memory(&self) -> usize {
        self.compressed.capacity()
    }

    /// Whether to compress a value takes longer than to find it among others.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self.compressor, Compressor::Zstd(_))
    }

    /// The page compressed, until the next one is.
    pub(super) fn compress<'a>(&'a mut self, page: &'a [u8]) -> Result<&'a [u8]> {
        let compressed = &mut self.compressed;
        let mut room = |bytes: usize| {
            if compressed.len() < bytes {
                compressed.resize(bytes, 0);
            }
        };
        let length = match &mut self.compressor {
            Compressor::None => return Ok(page),
            Compressor::Snappy(encoder) => {
                room(snap::raw::max_compress_len(page.len()));
                encoder.compress(page, compressed).map_err(failed)?
            }
            Compressor::Zstd(compressor) => {
                room(zstd::zstd_safe::compress_bound(page.len()));
                compressor.compress_to_buffer(page, compressed.as_mut_slice()).map_err(failed)?
            }
        };
        Ok(&compressed[..length])
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("cannot compress a page: {error}"))
}
