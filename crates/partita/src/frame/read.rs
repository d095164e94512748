//! The ways into a frame from files. A reader takes a file, a directory, a glob or a list of these; finding
//! the files and their schema happens at once, reading their rows happens when the frame is run.

use std::sync::Arc;

use partita_io::csv::CsvOptions;
use partita_io::ipc::IpcOptions;
use partita_io::ndjson::NdjsonOptions;
use partita_io::parquet::ParquetOptions;
use partita_io::{Listing, ListingOptions, Places, ReadContext, Source};

use super::PartitionedFrame;
use crate::error::{Error, Step};
use crate::plan::Scan;
use crate::session::Session;

/// Endings of the names that a directory scan takes for text formats, each also compressed.
const CSV: [&str; 3] = ["csv", "tsv", "txt"];
const NDJSON: [&str; 3] = ["ndjson", "jsonl", "json"];
const PARQUET: [&str; 2] = ["parquet", "pq"];
const IPC: [&str; 4] = ["arrow", "ipc", "feather", "arrows"];

/// Finds the files and opens them as one source.
fn read(
    session: &Session,
    step: Step,
    places: Places,
    listing: &ListingOptions,
    open: impl FnOnce(Listing, &ReadContext) -> partita_io::Result<Arc<dyn Source>>,
) -> PartitionedFrame {
    let context = session.read_context();
    let source = Listing::open(places, listing, &*context.files).and_then(|listing| open(listing, &context));
    let plan = source.map_err(Error::from).map(|source| Scan::plan(source, step));
    PartitionedFrame::new(plan, session.clone(), step)
}

/// Reads CSV files with a header line; types are inferred from a sample and widened where that was too narrow.
///
/// # Example
/// ```no_run
/// use partita::prelude::*;
///
/// let flights = read_csv("testdata/nycflights13/flights");
/// println!("{}", flights.head(5).compute()?);
/// # Ok::<(), partita::Error>(())
/// ```
#[track_caller]
pub fn read_csv(places: impl Into<Places>) -> PartitionedFrame {
    let step = Step::here("read_csv");
    read_csv_step(&Session::default(), step, places.into(), &CsvOptions::default())
}

/// Reads CSV files with all choices given: delimiter, nulls, types, bad rows.
#[track_caller]
pub fn read_csv_with(places: impl Into<Places>, options: CsvOptions) -> PartitionedFrame {
    read_csv_step(&Session::default(), Step::here("read_csv"), places.into(), &options)
}

/// Reads Parquet files; only the columns and row groups that the chain needs are read.
#[track_caller]
pub fn read_parquet(places: impl Into<Places>) -> PartitionedFrame {
    read_parquet_step(
        &Session::default(),
        Step::here("read_parquet"),
        places.into(),
        &ParquetOptions::default(),
    )
}

/// Reads Parquet files with all choices given.
#[track_caller]
pub fn read_parquet_with(places: impl Into<Places>, options: ParquetOptions) -> PartitionedFrame {
    read_parquet_step(&Session::default(), Step::here("read_parquet"), places.into(), &options)
}

/// Reads Arrow IPC files, also known as Feather version 2.
#[track_caller]
pub fn read_ipc(places: impl Into<Places>) -> PartitionedFrame {
    read_ipc_step(&Session::default(), Step::here("read_ipc"), places.into(), &IpcOptions::default())
}

/// Reads Arrow IPC files with all choices given.
#[track_caller]
pub fn read_ipc_with(places: impl Into<Places>, options: IpcOptions) -> PartitionedFrame {
    read_ipc_step(&Session::default(), Step::here("read_ipc"), places.into(), &options)
}

/// Reads files of one JSON object per line; types are inferred from a sample and widened where that was too
/// narrow.
#[track_caller]
pub fn read_ndjson(places: impl Into<Places>) -> PartitionedFrame {
    read_ndjson_step(&Session::default(), Step::here("read_ndjson"), places.into(), &NdjsonOptions::default())
}

/// Reads files of one JSON object per line with all choices given.
#[track_caller]
pub fn read_ndjson_with(places: impl Into<Places>, options: NdjsonOptions) -> PartitionedFrame {
    read_ndjson_step(&Session::default(), Step::here("read_ndjson"), places.into(), &options)
}

/// The same readers with this session's files, limits and threads.
impl Session {
    /// As [`read_csv_with`].
    #[track_caller]
    pub fn read_csv(&self, places: impl Into<Places>, options: CsvOptions) -> PartitionedFrame {
        read_csv_step(self, Step::here("read_csv"), places.into(), &options)
    }

    /// As [`read_parquet_with`].
    #[track_caller]
    pub fn read_parquet(&self, places: impl Into<Places>, options: ParquetOptions) -> PartitionedFrame {
        read_parquet_step(self, Step::here("read_parquet"), places.into(), &options)
    }

    /// As [`read_ipc_with`].
    #[track_caller]
    pub fn read_ipc(&self, places: impl Into<Places>, options: IpcOptions) -> PartitionedFrame {
        read_ipc_step(self, Step::here("read_ipc"), places.into(), &options)
    }

    /// As [`read_ndjson_with`].
    #[track_caller]
    pub fn read_ndjson(&self, places: impl Into<Places>, options: NdjsonOptions) -> PartitionedFrame {
        read_ndjson_step(self, Step::here("read_ndjson"), places.into(), &options)
    }
}

fn read_csv_step(session: &Session, step: Step, places: Places, options: &CsvOptions) -> PartitionedFrame {
    let listing = ListingOptions::compressible(CSV);
    read(session, step, places, &listing, |listing, context| partita_io::csv::open(listing, options, context))
}

fn read_parquet_step(
    session: &Session,
    step: Step,
    places: Places,
    options: &ParquetOptions,
) -> PartitionedFrame {
    let listing = ListingOptions::new(PARQUET);
    read(session, step, places, &listing, |listing, context| {
        partita_io::parquet::open(listing, options, context)
    })
}

fn read_ipc_step(session: &Session, step: Step, places: Places, options: &IpcOptions) -> PartitionedFrame {
    let listing = ListingOptions::new(IPC);
    read(session, step, places, &listing, |listing, context| partita_io::ipc::open(listing, options, context))
}

fn read_ndjson_step(
    session: &Session,
    step: Step,
    places: Places,
    options: &NdjsonOptions,
) -> PartitionedFrame {
    let listing = ListingOptions::compressible(NDJSON);
    read(session, step, places, &listing, |listing, context| {
        partita_io::ndjson::open(listing, options, context)
    })
}
