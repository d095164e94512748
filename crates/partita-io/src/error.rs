//! One error type for everything that files do to us.
//!
//! A message says what is wrong and what to do; the place (file, line or row, row group, column) is carried
//! as data, added by whoever knows it, and printed after the sentence.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of reading or writing.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file could not be read or written, and where.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    path: Option<PathBuf>,
    line: Option<u64>,
    row: Option<u64>,
    row_group: Option<usize>,
    record_batch: Option<usize>,
    byte: Option<u64>,
    column: Option<String>,
}

#[derive(Debug)]
enum Kind {
    /// The system refused an operation.
    System { doing: &'static str, source: io::Error },
    /// The bytes are not what the format demands.
    Corrupt(String),
    /// The format is right but uses a feature that is not read.
    Unsupported(String),
    /// A declared size is beyond a limit.
    Limit { what: &'static str, asked: u64, limit: u64, setting: &'static str },
    /// The memory budget does not hold what is needed.
    Memory(String),
    /// An inferred column type does not hold a value.
    TypeTooNarrow { value: String, data_type: String },
    /// The caller's options or files do not go together.
    Invalid(String),
    /// Whoever asked for it does not want it any more.
    Cancelled,
    /// The engine's own filter failed inside a reader.
    Filter(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    fn new(kind: Kind) -> Self {
        let (path, line, row, byte, column) = (None, None, None, None, None);
        let (row_group, record_batch) = (None, None);
        Error(Box::new(Inner { kind, path, line, row, row_group, record_batch, byte, column }))
    }
    /// The system refused: `doing` is a verb phrase like "open the file".
    pub fn system(doing: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Error::new(Kind::System { doing, source }).in_file(path)
    }
    /// The bytes break the format; a full sentence without a final full stop.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Error::new(Kind::Corrupt(message.into()))
    }
    /// The file uses a feature that is not read; the message names it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(Kind::Unsupported(message.into()))
    }
    /// A size in the file is beyond `setting` of [`crate::Limits`].
    pub fn limit(what: &'static str, asked: u64, limit: u64, setting: &'static str) -> Self {
        Error::new(Kind::Limit { what, asked, limit, setting })
    }
    /// The memory budget is too small; the message names budget and need.
    pub fn memory(message: impl Into<String>) -> Self {
        Error::new(Kind::Memory(message.into()))
    }
    /// An inferred type does not hold a value; the engine answers with [`crate::Source::widened`].
    pub fn type_too_narrow(value: impl Into<String>, data_type: impl Into<String>) -> Self {
        Error::new(Kind::TypeTooNarrow { value: value.into(), data_type: data_type.into() })
    }
    /// Options, paths or schemas that do not go together.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(Kind::Invalid(message.into()))
    }
    /// The run was stopped, see [`crate::Stop`].
    pub fn cancelled() -> Self {
        Error::new(Kind::Cancelled)
    }
    /// An error of the engine's [`crate::RowFilter`], passed through unchanged.
    pub fn filter(source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Error::new(Kind::Filter(source))
    }

    /// Adds the file, unless a more exact one is known.
    #[must_use]
    pub fn in_file(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_path_buf());
        self
    }
    /// Adds the line, counted from 1.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.0.line.get_or_insert(line);
        self
    }
    /// Adds the row, counted from 0 within the file.
    #[must_use]
    pub fn at_row(mut self, row: u64) -> Self {
        self.0.row.get_or_insert(row);
        self
    }
    /// Adds the row group, counted from 0.
    #[must_use]
    pub fn in_row_group(mut self, row_group: usize) -> Self {
        self.0.row_group.get_or_insert(row_group);
        self
    }
    /// Adds the record batch of an Arrow IPC file, counted from 0.
    #[must_use]
    pub fn in_record_batch(mut self, record_batch: usize) -> Self {
        self.0.record_batch.get_or_insert(record_batch);
        self
    }
    /// Adds the byte offset in the file.
    #[must_use]
    pub fn at_byte(mut self, byte: u64) -> Self {
        self.0.byte.get_or_insert(byte);
        self
    }
    /// Adds the column's name.
    #[must_use]
    pub fn in_column(mut self, column: impl Into<String>) -> Self {
        self.0.column.get_or_insert_with(|| column.into());
        self
    }

    /// Whether an inferred type was too narrow for a value.
    pub fn is_type_too_narrow(&self) -> bool {
        matches!(self.0.kind, Kind::TypeTooNarrow { .. })
    }
    /// Whether the run was stopped.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled)
    }
    /// Whether the memory budget was too small.
    pub fn is_memory(&self) -> bool {
        matches!(self.0.kind, Kind::Memory(_))
    }
    /// The file concerned, if known.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
    /// The system's error, if the system refused.
    pub fn system_error(&self) -> Option<&io::Error> {
        match &self.0.kind {
            Kind::System { source, .. } => Some(source),
            _ => None,
        }
    }
    /// The engine's own error, if its filter failed inside a reader.
    pub fn into_filter_error(self) -> std::result::Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        match self.0.kind {
            Kind::Filter(source) => Ok(source),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        match &inner.kind {
            Kind::System { doing, source } => write!(f, "cannot {doing}: {source}")?,
            Kind::Corrupt(message) | Kind::Memory(message) | Kind::Invalid(message) => {
                f.write_str(message)?
            }
            Kind::Unsupported(message) => write!(f, "{message} is not supported")?,
            Kind::Limit { what, asked, limit, setting } => write!(
                f,
                "{what} is {asked} but at most {limit} is allowed; raise the limit `{setting}` if the file is to be trusted"
            )?,
            Kind::TypeTooNarrow { value, data_type } => {
                write!(f, "the value `{value}` is not of type {data_type}")?
            }
            Kind::Cancelled => f.write_str("the run was cancelled")?,
            Kind::Filter(source) => write!(f, "{source}")?,
        }
        if let Some(column) = &inner.column {
            write!(f, ", column `{column}`")?;
        }
        if let Some(line) = inner.line {
            write!(f, ", line {line}")?;
        }
        if let Some(row) = inner.row {
            write!(f, ", row {row}")?;
        }
        if let Some(row_group) = inner.row_group {
            write!(f, ", row group {row_group}")?;
        }
        if let Some(record_batch) = inner.record_batch {
            write!(f, ", record batch {record_batch}")?;
        }
        if let Some(byte) = inner.byte {
            write!(f, ", byte {byte}")?;
        }
        if let Some(path) = &inner.path {
            write!(f, ", in {}", path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::System { source, .. } => Some(source),
            Kind::Filter(source) => Some(&**source),
            _ => None,
        }
    }
}
