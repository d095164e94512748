//! From arguments to a frame: the format, then the reader's options, then the columns.

use std::path::PathBuf;

use partita::io::csv::{self, CsvOptions};
use partita::io::ipc::IpcOptions;
use partita::io::ndjson::{self, NdjsonOptions};
use partita::io::parquet::ParquetOptions;
use partita::io::{ExtraColumns, Notice, Place, Places};
use partita::{PartitionedFrame, Session};

use crate::arguments::{Extra, OnBadRow, ReadArguments, Sources};
use crate::failure::{Failure, say};
use crate::formats::{Format, extension};

/// The rows of the sources. Which files there are and their schema is found here; rows are read later.
pub(crate) fn frame(
    sources: &Sources,
    arguments: &ReadArguments,
    session: &Session,
) -> Result<PartitionedFrame, Failure> {
    let format = match arguments.from {
        Some(format) => format,
        None => Format::of_sources(&sources.places)?,
    };
    check(arguments, format)?;
    let places: Places = sources.places.iter().map(Place::from).collect::<Vec<_>>().into();
    let frame = match format {
        Format::Csv => session.read_csv(places, csv_options(&sources.places, arguments)),
        Format::Ndjson => session.read_ndjson(places, ndjson_options(arguments)),
        Format::Ipc => {
            let options = IpcOptions { extra_columns: extra_columns(arguments), ..IpcOptions::default() };
            session.read_ipc(places, options)
        }
        Format::Parquet => {
            let options =
                ParquetOptions { extra_columns: extra_columns(arguments), ..ParquetOptions::default() };
            session.read_parquet(places, options)
        }
    };
    Ok(if arguments.select.is_empty() { frame } else { frame.select(&arguments.select) })
}

/// Tells the user what happened although nothing failed: columns widened, rows left out.
pub(crate) fn tell(notices: &[Notice]) {
    for Notice { message, rows } in notices {
        match rows {
            0 => say(&format!("note: {message}")),
            1 => say(&format!("note: {message} (1 row)")),
            rows => say(&format!("note: {message} ({rows} rows)")),
        }
    }
}

/// Whether a value, and not only the shape of its row, may make a row bad.
pub(crate) fn rows_depend_on_values(arguments: &ReadArguments) -> bool {
    !arguments.types.is_empty() || arguments.on_bad_row != OnBadRow::Error
}

/// A flag that cannot have the effect that it asks for is an error, not a silence.
fn check(arguments: &ReadArguments, format: Format) -> Result<(), Failure> {
    let csv = &arguments.csv;
    let only_csv = [
        ("--delimiter", csv.delimiter.is_some()),
        ("--quote", csv.quote.is_some()),
        ("--escape", csv.escape.is_some()),
        ("--comment", csv.comment.is_some()),
        ("--no-header", csv.no_header),
        ("--names", !csv.names.is_empty()),
        ("--skip-rows", csv.skip_rows.is_some()),
        ("--null", !csv.null.is_empty()),
        ("--all-text", csv.all_text),
        ("--encoding", csv.encoding.is_some()),
    ];
    let only_text =
        [("--types", !arguments.types.is_empty()), ("--on-bad-row", arguments.on_bad_row != OnBadRow::Error)];
    let refuse = |flag: &str, of: &str| {
        Err(Failure::usage(format!("{flag} is about reading {of}, and the source is {}", format.name())))
    };
    if format != Format::Csv
        && let Some((flag, _)) = only_csv.iter().find(|(_, given)| *given)
    {
        return refuse(flag, "csv");
    }
    if !matches!(format, Format::Csv | Format::Ndjson)
        && let Some((flag, _)) = only_text.iter().find(|(_, given)| *given)
    {
        return refuse(flag, "csv or ndjson");
    }
    Ok(())
}

fn csv_options(places: &[PathBuf], arguments: &ReadArguments) -> CsvOptions {
    let given = &arguments.csv;
    let tabs = places.iter().all(|place| extension(place).0 == "tsv");
    let mut options = CsvOptions::default();
    options.delimiter = given.delimiter.unwrap_or(if tabs { b'\t' } else { options.delimiter });
    if let Some(quote) = given.quote {
        options.quote = quote.0;
    }
    options.escape = given.escape;
    options.comment = given.comment;
    options.header = !given.no_header;
    options.names = (!given.names.is_empty()).then(|| given.names.clone());
    options.skip_rows = given.skip_rows.unwrap_or(0);
    options.nulls.extend(given.null.iter().filter(|null| !null.is_empty()).cloned());
    options.types = arguments.types.iter().flat_map(|types| types.0.clone()).collect();
    options.all_text = given.all_text;
    options.encoding = given.encoding.unwrap_or(options.encoding);
    options.extra_columns = extra_columns(arguments);
    options.bad_rows = match &arguments.on_bad_row {
        OnBadRow::Error => csv::BadRows::Error,
        OnBadRow::Null => csv::BadRows::Null,
        OnBadRow::Skip => csv::BadRows::Skip,
        OnBadRow::Reject(path) => csv::BadRows::Reject(path.clone()),
    };
    options
}

fn ndjson_options(arguments: &ReadArguments) -> NdjsonOptions {
    NdjsonOptions {
        types: arguments.types.iter().flat_map(|types| types.0.clone()).collect(),
        extra_columns: extra_columns(arguments),
        bad_rows: match &arguments.on_bad_row {
            OnBadRow::Error => ndjson::BadRows::Error,
            OnBadRow::Null => ndjson::BadRows::Null,
            OnBadRow::Skip => ndjson::BadRows::Skip,
            OnBadRow::Reject(path) => ndjson::BadRows::Reject(path.clone()),
        },
        ..NdjsonOptions::default()
    }
}

fn extra_columns(arguments: &ReadArguments) -> ExtraColumns {
    match arguments.extra_columns {
        Extra::Error => ExtraColumns::Error,
        Extra::Union => ExtraColumns::Union,
        Extra::Ignore => ExtraColumns::Ignore,
    }
}
