//! Compression of pages for the column chunks that we encode ourselves.

use crate::dataset::options::ParquetCompression;
use crate::{Error, Result};

/// A compressor with its working memory, used for page after page.
pub(super) enum Codec {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl Codec {
    /// The codec, or `None` if only the parquet crate has it.
    pub(super) fn open(compression: ParquetCompression) -> Result<Option<Self>> {
        Ok(match compression {
            ParquetCompression::None => Some(Codec::None),
            ParquetCompression::Snappy => Some(Codec::Snappy(Box::new(snap::raw::Encoder::new()))),
            ParquetCompression::Zstd(level) => {
                let compressor = zstd::bulk::Compressor::new(level).map_err(failed)?;
                Some(Codec::Zstd(Box::new(compressor)))
            }
            ParquetCompression::Lz4 | ParquetCompression::Gzip(_) | ParquetCompression::Brotli(_) => None,
        })
    }

    pub(super) fn compress(&mut self, page: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Codec::None => Ok(page),
            Codec::Snappy(encoder) => encoder.compress_vec(&page).map_err(failed),
            Codec::Zstd(compressor) => compressor.compress(&page).map_err(failed),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("cannot compress a page: {error}"))
}
