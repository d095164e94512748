//! Files to record batches and back.
//!
//! The engine reads every format through one trait, [`Source`], and writes every format through one type,
//! the dataset writer. Nothing here knows an expression, a plan or a thread pool: a filter comes in as a
//! [`RowFilter`] or as a list of [`Prune`] terms, memory is asked of a [`Reserve`], and every call to the
//! outside goes through a [`FileSystem`], so that tests can make the N-th call of any kind fail.
//!
//! Read `source.rs` first: it is the contract that the engine's scan calls. `csv/`, `parquet/`, `ipc/`
//! and `ndjson/` implement it; `dataset/` is the way back to disk.

mod adapter;
#[cfg(feature = "mimalloc")]
mod allocator;
mod compression;
pub mod csv;
mod data_file;
mod dataset;
mod error;
mod file_columns;
mod filesystem;
mod guard;
mod hive;
pub mod ipc;
mod limits;
mod listing;
mod machine;
pub mod ndjson;
pub mod parquet;
mod prune;
mod reject;
mod replace;
mod reserved;
mod source;
mod together;
mod unify;

#[cfg(feature = "mimalloc")]
pub use allocator::keep_freed_memory;
pub use compression::{ByteStream, Compression};
pub use data_file::DataFile;
pub use dataset::{
    CsvLineEnd, CsvWriteOptions, DatasetWriter, IpcCompression, IpcWriteOptions, Layout, Mode,
    NdjsonWriteOptions, NonFinite, ParquetCompression, ParquetStatistics, ParquetVersion,
    ParquetWriteOptions, Part, PartWriter, TextCompression, WriteFormat, WriteOptions, WriteReport,
    WrittenFile,
};
pub use error::{Error, Result};
pub use filesystem::{
    Call, Fault, Faulty, FileInfo, FileKind, FileSystem, JournalEntry, Local, ReadFile, WriteFile,
    read_exact_at, read_full_at, retried,
};
pub use limits::Limits;
pub use listing::{Listing, ListingOptions, PartitionColumn, Place, Places};
pub use machine::{memory_available, resident_memory};
pub use replace::replace_file;
pub use source::{
    BatchReader, ColumnStatistics, Compare, Notice, Prune, ReadContext, Reserve, RowFilter, ScanRequest,
    Source, Split, Statistics, Stop, Unlimited,
};
pub use unify::ExtraColumns;
