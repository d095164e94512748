//! What may be said to the command: its subcommands, and the arguments that several of them share.
//!
//! Nothing here does anything: `reading.rs`, `running.rs` and `writing.rs` turn arguments into the engine's
//! options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use partita::io::csv::Encoding;

use crate::bytes;
use crate::formats::Format;
use crate::types::{ColumnTypes, column_types};
use crate::writing::WriteArguments;

/// Look at, count, describe and convert data files: CSV, newline-delimited JSON, Arrow IPC and Parquet; single
/// files, directories of them (hive directories too), and globs; larger than memory if need be.
#[derive(Debug, Parser)]
#[command(name = "partita", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 stopped with Ctrl-C.
Results go to standard output; errors, notes and progress to standard error.";

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the columns and their types
    #[command(after_help = "\
Examples:
  partita schema flights.parquet
  partita schema flights/ --null NA
  partita schema 'logs/*.csv.gz' --delimiter ';' --format csv

Types of CSV and NDJSON columns are inferred from the first 20,000 rows.")]
    Schema(SchemaArguments),
    /// Print the first rows
    #[command(after_help = "\
Examples:
  partita head flights.csv
  partita head -n 3 flights/ --select carrier,dep_delay
  partita head -n 100 flights.parquet --format ndjson | jq .carrier")]
    Head(HeadArguments),
    /// Print the number of rows
    #[command(after_help = "\
Examples:
  partita count flights/
  partita count 'logs/2024-*.csv.gz' --on-bad-row skip")]
    Count(CountArguments),
    /// Print statistics of each column: nulls, mean, quartiles, most frequent value
    #[command(after_help = "\
Examples:
  partita describe flights.parquet
  partita describe flights/ --null NA --select dep_delay,arr_delay,carrier --format csv

One row per column. Numbers have mean, std (of the sample), 25%, 50% and 75% (exact, interpolated); everything
that can be ordered has min and max; text, booleans and dates have the number of distinct values, and text and
booleans the most frequent value and its count. Nulls do not count.")]
    Describe(DescribeArguments),
    /// Convert files from one format to another
    #[command(after_help = "\
Examples:
  partita convert flights.csv flights.parquet
  partita convert flights/ flights.parquet --null NA --compression zstd:6
  partita convert flights.parquet flights.csv.gz --select carrier,origin,dest
  partita convert flights/ by_month/ --to parquet --partition-by year,month
  partita convert big.csv big/ --to parquet --target-file-size 256MiB --memory-limit 2GiB
  partita convert dirty.csv clean.parquet --types id=int64 --on-bad-row reject=bad.csv
  partita convert a.tsv b.csv --all-text

DESTINATION is one file if its name has an extension, and else a directory of files. It is a directory, too, if
there is one already, or with a final slash, --partition-by or --target-file-size. It appears whole at the end,
or not at all.")]
    Convert(ConvertArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct HeadArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// How many rows
    #[arg(short = 'n', long = "rows", value_name = "ROWS", default_value_t = 10)]
    pub(crate) rows: usize,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CountArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Where to write: a file or a directory
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: PathBuf,
    #[command(flatten)]
    pub(crate) read: ReadArguments,
    #[command(flatten)]
    pub(crate) write: WriteArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Files, directories or globs to read, as one table
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) places: Vec<PathBuf>,
}

/// How to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadArguments {
    /// Format of the source, where its name does not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) from: Option<Format>,
    /// Only these columns, in this order
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Columns that the first file does not have: an error, null where a file lacks them, or not read
    #[arg(long, value_enum, value_name = "POLICY", default_value = "error")]
    pub(crate) extra_columns: Extra,
    /// Types of some columns of CSV or NDJSON: bool, int8 to int64, uint8 to uint64, float32, float64, text,
    /// binary, date, time, timestamp, timestamp[us, UTC], decimal(10, 2)
    #[arg(long, value_name = "COLUMN=TYPE,...", value_parser = column_types)]
    pub(crate) types: Vec<ColumnTypes>,
    /// What to do with a CSV or NDJSON row that is broken or has a value that is not of its --types type: fail,
    /// put null, leave it out and count, or leave it out and list it in a CSV file
    #[arg(long, value_name = "error|null|skip|reject=FILE", default_value = "error", value_parser = bad_rows)]
    pub(crate) on_bad_row: OnBadRow,
    #[command(flatten)]
    pub(crate) csv: CsvArguments,
}

/// How to read CSV.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading CSV")]
pub(crate) struct CsvArguments {
    /// Between fields; \t or tab for a tab. Default: a comma, or a tab if the files are .tsv
    #[arg(long, value_name = "CHAR", value_parser = bytes::byte)]
    pub(crate) delimiter: Option<u8>,
    /// Around fields that hold delimiters, line ends or quotes; `none` for files without quoting. Default: "
    #[arg(long, value_name = "CHAR", value_parser = optional_byte)]
    pub(crate) quote: Option<OptionalByte>,
    /// Makes the next character inside quotes literal, besides doubled quotes
    #[arg(long, value_name = "CHAR", value_parser = bytes::byte)]
    pub(crate) escape: Option<u8>,
    /// Lines that begin with this are left out
    #[arg(long, value_name = "CHAR", value_parser = bytes::byte)]
    pub(crate) comment: Option<u8>,
    /// The first line is data; columns are column_1, column_2 and so on, or --names
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Names of the columns, in order, instead of those in the files
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) names: Vec<String>,
    /// Lines to leave out at the beginning of each file
    #[arg(long, value_name = "LINES")]
    pub(crate) skip_rows: Option<usize>,
    /// A spelling of null, besides the empty one; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) null: Vec<String>,
    /// Read every column without a type given by --types as text
    #[arg(long)]
    pub(crate) all_text: bool,
    /// utf-8, utf-8-lossy (wrong bytes become U+FFFD), latin1, utf-16, windows-1252, ... Default: utf-8
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    pub(crate) encoding: Option<Encoding>,
}

/// How to work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArguments {
    /// Threads that compute. Default: one per core
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Memory to use before spilling to disk, as in 512MiB or 2GB. Default: 70 % of what the machine has
    #[arg(long, value_name = "SIZE", value_parser = bytes::size)]
    pub(crate) memory_limit: Option<u64>,
    /// Where to spill. Default: the system's temporary directory
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) spill_dir: Option<PathBuf>,
    /// Show progress on standard error; auto: if that is a terminal
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,
}

/// How to print.
#[derive(Debug, Args)]
#[command(next_help_heading = "Printing")]
pub(crate) struct OutputArguments {
    /// How to print. Default: table on a terminal, else csv
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Shape>,
}

/// Whether to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Aligned columns; long values are cut
    Table,
    /// Comma-separated values with a header line
    Csv,
    /// One JSON object per line
    Ndjson,
}

/// What to do with columns that the first file does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extra {
    Error,
    Union,
    Ignore,
}

/// A character or none, kept apart from an argument that was not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionalByte(pub(crate) Option<u8>);

fn optional_byte(text: &str) -> Result<OptionalByte, String> {
    bytes::byte_or_none(text).map(OptionalByte)
}

fn encoding(name: &str) -> Result<Encoding, String> {
    Encoding::named(name).map_err(|error| error.to_string())
}

/// What to do with a bad row, of CSV or NDJSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnBadRow {
    Error,
    Null,
    Skip,
    Reject(PathBuf),
}

fn bad_rows(text: &str) -> Result<OnBadRow, String> {
    match text {
        "error" => Ok(OnBadRow::Error),
        "null" => Ok(OnBadRow::Null),
        "skip" => Ok(OnBadRow::Skip),
        _ => match text.strip_prefix("reject=") {
            Some(path) if !path.is_empty() => Ok(OnBadRow::Reject(PathBuf::from(path))),
            _ => Err(format!("`{text}` is not one of error, null, skip and reject=FILE")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_make_sense_to_clap() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn bad_row_policies() {
        assert_eq!(bad_rows("skip"), Ok(OnBadRow::Skip));
        assert_eq!(bad_rows("reject=a=b.csv"), Ok(OnBadRow::Reject("a=b.csv".into())));
        assert!(bad_rows("reject=").is_err());
        assert!(bad_rows("Skip").is_err());
    }
}
