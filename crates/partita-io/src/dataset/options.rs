//! What a caller may choose about writing: format, mode, partitioning and file sizes.
//!
//! `begin.rs` checks these against the schema and the target before any data is computed.

/// How to write a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteOptions {
    /// The file format and its own options.
    pub format: WriteFormat,
    /// What to do if something is at the target already.
    pub mode: Mode,
    /// Columns whose values become directories `name=value`; they are left out of the files.
    pub partition_by: Vec<String>,
    /// Begin a new file when the current one has reached about this many bytes. `None` writes one file per
    /// part (and per partition value).
    pub target_file_bytes: Option<u64>,
    /// Write an empty file `_SUCCESS` beside the data files.
    pub success_marker: bool,
    /// A directory of files or a single file.
    pub layout: Layout,
    /// Memory for rows that wait to be sorted by partition value, per part. What does not fit goes to a
    /// temporary file. Default 64 MiB.
    pub partition_buffer_bytes: usize,
}

impl WriteOptions {
    /// A new directory of files of one format; refuses to touch what exists.
    pub fn new(format: WriteFormat) -> Self {
        WriteOptions {
            format,
            mode: Mode::Error,
            partition_by: Vec::new(),
            target_file_bytes: None,
            success_marker: false,
            layout: Layout::Directory,
            partition_buffer_bytes: 64 << 20,
        }
    }
}

/// What to do if something is at the target already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Refuse. An empty directory counts as nothing.
    #[default]
    Error,
    /// Replace it at the end, in one step.
    Overwrite,
    /// Add files to the dataset. What is not there yet is created.
    Append,
}

/// What is made at the target path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A directory of files.
    #[default]
    Directory,
    /// One file, written by one part.
    SingleFile,
}

/// A file format with its options.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteFormat {
    /// Apache Parquet.
    Parquet(ParquetWriteOptions),
    /// Comma-separated values, RFC 4180.
    Csv(CsvWriteOptions),
    /// The Arrow IPC file format (also known as Feather version 2).
    Ipc(IpcWriteOptions),
    /// One JSON object per line.
    Ndjson(NdjsonWriteOptions),
}

impl WriteFormat {
    /// The ending of the names of its files.
    pub fn extension(&self) -> String {
        let (base, compression) = match self {
            WriteFormat::Parquet(_) => ("parquet", TextCompression::None),
            WriteFormat::Ipc(_) => ("arrow", TextCompression::None),
            WriteFormat::Csv(options) => ("csv", options.compression),
            WriteFormat::Ndjson(options) => ("ndjson", options.compression),
        };
        match compression {
            TextCompression::None => base.to_string(),
            TextCompression::Gzip(_) => format!("{base}.gz"),
            TextCompression::Zstd(_) => format!("{base}.zst"),
        }
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            WriteFormat::Parquet(_) => "Parquet",
            WriteFormat::Csv(_) => "CSV",
            WriteFormat::Ipc(_) => "Arrow IPC",
            WriteFormat::Ndjson(_) => "NDJSON",
        }
    }
}

/// How Parquet pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetCompression {
    /// Not at all.
    None,
    /// Snappy.
    Snappy,
    /// LZ4 (the `LZ4_RAW` codec).
    Lz4,
    /// Zstandard, level 1 to 22.
    Zstd(i32),
    /// Gzip, level 0 to 9.
    Gzip(u32),
    /// Brotli, level 0 to 11.
    Brotli(u32),
}

/// For how much of a Parquet file minima and maxima are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetStatistics {
    /// None.
    None,
    /// Per row group.
    RowGroup,
    /// Per row group and per page, in the page index.
    Page,
}

/// The Parquet format's version of data pages and encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetVersion {
    /// What every reader understands.
    V1,
    /// Data pages of version 2 and delta encodings.
    V2,
}

/// Options of the Parquet writer.
#[derive(Clone, Debug, PartialEq)]
pub struct ParquetWriteOptions {
    /// Compression of pages. With Zstandard, floats that hardly repeat are encoded as BYTE_STREAM_SPLIT where that costs
    /// at most a tenth of their size: it takes a tenth of the time.
    pub compression: ParquetCompression,
    /// Most rows of a row group. Default 512 Ki.
    pub row_group_rows: usize,
    /// Most bytes of a row group, as encoded in memory; bounds what a writer holds. Default 128 MiB.
    pub row_group_bytes: usize,
    /// About how many bytes a page has before compression. Default 1 MiB.
    pub page_bytes: usize,
    /// Whether columns with few distinct values are written as a dictionary and codes. Default yes.
    pub dictionary: bool,
    /// Minima, maxima and null counts. Default per page.
    pub statistics: ParquetStatistics,
    /// Version of pages. Default 1.
    pub version: ParquetVersion,
    /// Pairs for the file's key-value metadata, beside the Arrow schema.
    pub metadata: Vec<(String, String)>,
}

impl Default for ParquetWriteOptions {
    fn default() -> Self {
        ParquetWriteOptions {
            compression: ParquetCompression::Snappy,
            row_group_rows: 512 << 10,
            row_group_bytes: 128 << 20,
            page_bytes: 1 << 20,
            dictionary: true,
            statistics: ParquetStatistics::Page,
            version: ParquetVersion::V1,
            metadata: Vec::new(),
        }
    }
}

/// How text files are compressed as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextCompression {
    /// Not at all.
    #[default]
    None,
    /// Gzip, level 0 to 9.
    Gzip(u32),
    /// Zstandard, level 1 to 22.
    Zstd(i32),
}

/// Options of the CSV writer.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvWriteOptions {
    /// Between fields. Default a comma.
    pub delimiter: u8,
    /// Round fields that need it; doubled inside. Default `"`.
    pub quote: u8,
    /// Whether the first line of each file names the columns. Default yes.
    pub header: bool,
    /// How null is spelled. Default nothing at all; empty text is then written as `""`.
    pub null: String,
    /// After each line. Default `\n`.
    pub line_end: CsvLineEnd,
    /// Compression of the file. Default none.
    pub compression: TextCompression,
}

impl Default for CsvWriteOptions {
    fn default() -> Self {
        CsvWriteOptions {
            delimiter: b',',
            quote: b'"',
            header: true,
            null: String::new(),
            line_end: CsvLineEnd::Lf,
            compression: TextCompression::None,
        }
    }
}

/// What ends a line of CSV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsvLineEnd {
    /// A line feed.
    #[default]
    Lf,
    /// Carriage return and line feed, as RFC 4180 has it.
    CrLf,
}

/// Options of the Arrow IPC writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpcWriteOptions {
    /// Compression of buffers. Default LZ4.
    pub compression: IpcCompression,
}

/// How Arrow IPC buffers are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpcCompression {
    /// Not at all, so that readers can map the file into memory.
    None,
    /// LZ4 frames.
    #[default]
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Options of the NDJSON writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NdjsonWriteOptions {
    /// Write `"name":null` instead of leaving the name out. Default no.
    pub explicit_nulls: bool,
    /// What becomes of NaN and infinities, which JSON cannot spell. Default an error.
    pub non_finite: NonFinite,
    /// Compression of the file. Default none.
    pub compression: TextCompression,
}

/// What becomes of NaN and infinities in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// The write fails and names the column.
    #[default]
    Error,
    /// They become null.
    Null,
}
