//! How to write: the arguments, and the engine's options that they become.

use std::path::Path;

use clap::{Args, ValueEnum};
use partita::io::{
    CsvLineEnd, CsvWriteOptions, IpcCompression, IpcWriteOptions, Layout, Mode, NdjsonWriteOptions,
    ParquetCompression, ParquetWriteOptions, TextCompression, WriteFormat, WriteOptions,
};

use crate::bytes;
use crate::failure::Failure;
use crate::formats::{Format, Suffix, extension};

/// How to write.
#[derive(Debug, Args)]
#[command(next_help_heading = "Writing")]
pub(crate) struct WriteArguments {
    /// Format of the destination, where its name does not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: Option<Format>,
    /// What to do if the destination exists
    #[arg(long, value_enum, value_name = "MODE", default_value = "error")]
    mode: OnExisting,
    /// Columns whose values become directories name=value
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    partition_by: Vec<String>,
    /// none, snappy, zstd[:1-22], lz4, gzip[:0-9] or brotli[:0-11] for Parquet; none, lz4 or zstd for IPC; none,
    /// gzip or zstd for CSV and NDJSON. Default: snappy for Parquet, lz4 for IPC, as the name tells for text
    #[arg(long, value_name = "CODEC[:LEVEL]", value_parser = compression)]
    compression: Option<Compression>,
    /// Most rows of a Parquet row group. Default: 524288
    #[arg(long, value_name = "ROWS", value_parser = positive)]
    row_group_rows: Option<usize>,
    /// Begin another file when one has reached about this size, as in 256MiB
    #[arg(long, value_name = "SIZE", value_parser = bytes::size)]
    target_file_size: Option<u64>,
    /// Between fields of CSV that is written. Default: a comma, or a tab for .tsv
    #[arg(long, value_name = "CHAR", value_parser = bytes::byte)]
    output_delimiter: Option<u8>,
    /// How null is spelled in CSV that is written. Default: nothing; empty text is then ""
    #[arg(long, value_name = "TEXT")]
    output_null: Option<String>,
    /// Write CSV without a header line
    #[arg(long)]
    output_no_header: bool,
    /// End lines of CSV with CR LF
    #[arg(long)]
    output_crlf: bool,
}

/// What to do if the destination exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnExisting {
    /// Fail
    Error,
    /// Replace it, at the end and in one step
    Overwrite,
    /// Add files to the directory
    Append,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    None,
    Snappy,
    Zstd,
    Lz4,
    Gzip,
    Brotli,
}

/// A codec, and its level where one was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Compression {
    codec: Codec,
    level: Option<u32>,
}

fn compression(text: &str) -> Result<Compression, String> {
    let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
    let (codec, levels) = match name {
        "none" => (Codec::None, None),
        "snappy" => (Codec::Snappy, None),
        "lz4" => (Codec::Lz4, None),
        "zstd" => (Codec::Zstd, Some(1..=22)),
        "gzip" => (Codec::Gzip, Some(0..=9)),
        "brotli" => (Codec::Brotli, Some(0..=11)),
        _ => return Err(format!("`{name}` is not one of none, snappy, zstd, lz4, gzip and brotli")),
    };
    let level = match (level, levels) {
        (None, _) => None,
        (Some(_), None) => return Err(format!("{name} has no levels; write only `{name}`")),
        (Some(level), Some(levels)) => {
            let known = level.parse::<u32>().ok().filter(|level| levels.contains(level));
            let range =
                || format!("a level of {name} is {} to {}, not `{level}`", levels.start(), levels.end());
            Some(known.ok_or_else(range)?)
        }
    };
    Ok(Compression { codec, level })
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{text}` is not a number of rows; write 1 or more")),
    }
}

/// The engine's options for writing to `destination`.
pub(crate) fn options(destination: &Path, arguments: &WriteArguments) -> Result<WriteOptions, Failure> {
    let Some(format) = arguments.to.or_else(|| Format::of_name(destination)) else {
        return Err(Failure::usage(format!(
            "the name of `{}` does not tell the format to write; say it with --to csv, ndjson, ipc or parquet",
            destination.display()
        )));
    };
    check(arguments, format)?;
    let layout = layout(destination, arguments);
    Ok(WriteOptions {
        mode: match arguments.mode {
            OnExisting::Error => Mode::Error,
            OnExisting::Overwrite => Mode::Overwrite,
            OnExisting::Append => Mode::Append,
        },
        partition_by: arguments.partition_by.clone(),
        target_file_bytes: arguments.target_file_size,
        layout,
        ..WriteOptions::new(write_format(format, destination, layout, arguments)?)
    })
}

fn check(arguments: &WriteArguments, format: Format) -> Result<(), Failure> {
    let csv = [
        ("--output-delimiter", arguments.output_delimiter.is_some()),
        ("--output-null", arguments.output_null.is_some()),
        ("--output-no-header", arguments.output_no_header),
        ("--output-crlf", arguments.output_crlf),
    ];
    let refuse = |flag: &str, of: &str| {
        Err(Failure::usage(format!("{flag} is about writing {of}, and the destination is {}", format.name())))
    };
    if format != Format::Csv
        && let Some((flag, _)) = csv.iter().find(|(_, given)| *given)
    {
        return refuse(flag, "csv");
    }
    if format != Format::Parquet && arguments.row_group_rows.is_some() {
        return refuse("--row-group-rows", "parquet");
    }
    Ok(())
}

/// One file or a directory of files; the help of `convert` says how this is told.
fn layout(destination: &Path, arguments: &WriteArguments) -> Layout {
    let ends_like_a_directory = destination
        .as_os_str()
        .as_encoded_bytes()
        .last()
        .is_some_and(|byte| std::path::is_separator(char::from(*byte)));
    let directory = ends_like_a_directory
        || !arguments.partition_by.is_empty()
        || arguments.target_file_size.is_some()
        || extension(destination).0.is_empty()
        || destination.is_dir();
    if directory { Layout::Directory } else { Layout::SingleFile }
}

fn write_format(
    format: Format,
    destination: &Path,
    layout: Layout,
    arguments: &WriteArguments,
) -> Result<WriteFormat, Failure> {
    let (ending, suffix) = match layout {
        Layout::SingleFile => extension(destination),
        Layout::Directory => (String::new(), Suffix::None),
    };
    Ok(match format {
        Format::Parquet => {
            let mut options = ParquetWriteOptions::default();
            if let Some(compression) = arguments.compression {
                options.compression = parquet_compression(compression);
            }
            options.row_group_rows = arguments.row_group_rows.unwrap_or(options.row_group_rows);
            WriteFormat::Parquet(options)
        }
        Format::Ipc => WriteFormat::Ipc(IpcWriteOptions { compression: ipc_compression(arguments)? }),
        Format::Csv => {
            let tab = ending == "tsv";
            let mut options = CsvWriteOptions {
                delimiter: arguments.output_delimiter.unwrap_or(if tab { b'\t' } else { b',' }),
                header: !arguments.output_no_header,
                null: arguments.output_null.clone().unwrap_or_default(),
                compression: text_compression(arguments, suffix)?,
                ..CsvWriteOptions::default()
            };
            if arguments.output_crlf {
                options.line_end = CsvLineEnd::CrLf;
            }
            WriteFormat::Csv(options)
        }
        Format::Ndjson => WriteFormat::Ndjson(NdjsonWriteOptions {
            compression: text_compression(arguments, suffix)?,
            ..NdjsonWriteOptions::default()
        }),
    })
}

fn parquet_compression(Compression { codec, level }: Compression) -> ParquetCompression {
    // Levels without one given are the codecs' own defaults, but for Brotli's 11, which takes forever.
    match codec {
        Codec::None => ParquetCompression::None,
        Codec::Snappy => ParquetCompression::Snappy,
        Codec::Lz4 => ParquetCompression::Lz4,
        Codec::Zstd => ParquetCompression::Zstd(level.map_or(3, |level| level as i32)),
        Codec::Gzip => ParquetCompression::Gzip(level.unwrap_or(6)),
        Codec::Brotli => ParquetCompression::Brotli(level.unwrap_or(4)),
    }
}

fn ipc_compression(arguments: &WriteArguments) -> Result<IpcCompression, Failure> {
    match arguments.compression {
        None => Ok(IpcCompression::default()),
        Some(Compression { codec: Codec::None, .. }) => Ok(IpcCompression::None),
        Some(Compression { codec: Codec::Lz4, .. }) => Ok(IpcCompression::Lz4),
        Some(Compression { codec: Codec::Zstd, level: None }) => Ok(IpcCompression::Zstd),
        Some(_) => Err(Failure::usage("ipc is compressed with none, lz4 or zstd (without a level)")),
    }
}

/// The name's ending decides unless the flag does; they must not contradict each other.
fn text_compression(arguments: &WriteArguments, suffix: Suffix) -> Result<TextCompression, Failure> {
    const LEVEL: u32 = 6;
    const ZSTD_LEVEL: i32 = 3;
    let Some(Compression { codec, level }) = arguments.compression else {
        return Ok(match suffix {
            Suffix::None => TextCompression::None,
            Suffix::Gzip => TextCompression::Gzip(LEVEL),
            Suffix::Zstd => TextCompression::Zstd(ZSTD_LEVEL),
        });
    };
    let (chosen, fits) = match codec {
        Codec::None => (TextCompression::None, suffix == Suffix::None),
        Codec::Gzip => (TextCompression::Gzip(level.unwrap_or(LEVEL)), suffix != Suffix::Zstd),
        Codec::Zstd => {
            let level = level.map_or(ZSTD_LEVEL, |level| level as i32);
            (TextCompression::Zstd(level), suffix != Suffix::Gzip)
        }
        _ => return Err(Failure::usage("csv and ndjson are compressed with none, gzip or zstd")),
    };
    if !fits {
        return Err(Failure::usage(
            "--compression says something else than the end of the destination's name",
        ));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_and_levels() {
        let codec = |codec, level| Ok(Compression { codec, level });
        assert_eq!(compression("none"), codec(Codec::None, None));
        assert_eq!(compression("zstd:22"), codec(Codec::Zstd, Some(22)));
        assert_eq!(compression("gzip:0"), codec(Codec::Gzip, Some(0)));
        assert_eq!(compression("brotli"), codec(Codec::Brotli, None));
        for wrong in
            ["", "zip", "zstd:0", "zstd:23", "gzip:10", "brotli:12", "snappy:1", "zstd:", "zstd:fast"]
        {
            assert!(compression(wrong).is_err(), "{wrong}");
        }
    }
}
