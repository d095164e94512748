//! Tests of the CSV reader against the `csv` crate, naive loops and values worked out by hand.

mod equivalence;
mod files;
mod memory;
mod policies;
mod values;
mod widening;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use self::memory::Memory;
use super::{CsvOptions, open};
use crate::{Listing, ListingOptions, Notice, ReadContext, Result, ScanRequest, Source};

/// A context over files in memory.
fn context(files: &[(&str, &[u8])]) -> (ReadContext, Listing, Arc<Memory>) {
    let memory = Arc::new(Memory::new(files));
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let listing = listed(&names, &*memory);
    let files: Arc<dyn crate::FileSystem> = Arc::clone(&memory) as Arc<dyn crate::FileSystem>;
    (ReadContext::new(files), listing, memory)
}

fn listed(names: &[&str], files: &dyn crate::FileSystem) -> Listing {
    Listing::open(names.to_vec(), &ListingOptions::compressible(["csv"]), files).unwrap()
}

/// Everything that a source yields for a request, split after split.
fn read_all(
    source: &dyn Source,
    request: &ScanRequest,
    context: &ReadContext,
) -> Result<(Vec<RecordBatch>, Vec<Notice>)> {
    let (mut batches, mut notices) = (Vec::new(), Vec::new());
    for split in source.splits(request, context)? {
        let mut reader = source.read(&split, request, context)?;
        while let Some(batch) = reader.next_batch()? {
            assert!(batch.num_rows() <= request.batch_rows);
            batches.push(batch);
        }
        notices.extend(reader.take_notices());
    }
    Ok((batches, notices))
}

/// Rows as text, null as `None`; the display forms are arrow's.
fn rows_of(batches: &[RecordBatch]) -> Vec<Vec<Option<String>>> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| (column, ArrayFormatter::try_new(column, &options).expect("a printable type")))
            .collect();
        for row in 0..batch.num_rows() {
            let cell = |(column, formatter): &(&arrow::array::ArrayRef, ArrayFormatter<'_>)| {
                use arrow::array::Array;
                (!column.is_null(row)).then(|| formatter.value(row).to_string())
            };
            rows.push(columns.iter().map(cell).collect());
        }
    }
    rows
}

type Rows = Vec<Vec<Option<String>>>;

/// Opens one file in memory and reads all of it; types that are too narrow are widened as the engine does.
fn read_text(text: &[u8], options: &CsvOptions) -> Result<(Vec<DataType>, Rows, Vec<Notice>)> {
    let (context, listing, _) = context(&[("data.csv", text)]);
    read_files(&listing, options, &context)
}

fn read_files(
    listing: &Listing,
    options: &CsvOptions,
    context: &ReadContext,
) -> Result<(Vec<DataType>, Rows, Vec<Notice>)> {
    let request = ScanRequest::default();
    let source = open(listing.clone(), options, context)?;
    let (source, result, mut widened) = match read_all(&*source, &request, context) {
        Err(error) if error.is_type_too_narrow() => {
            let (source, notices) = source.widened(&request, context)?;
            let result = read_all(&*source, &request, context);
            (source, result, notices)
        }
        result => (source, result, Vec::new()),
    };
    let (batches, notices) = result?;
    widened.extend(notices);
    let types = source.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    Ok((types, rows_of(&batches), widened))
}

fn testdata(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path)
}

fn some(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| Some((*cell).to_owned())).collect()
}

/// The message of an error that must be there.
fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("there must be an error"),
        Err(error) => error.to_string(),
    }
}
