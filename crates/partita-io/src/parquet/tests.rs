//! Tests of the Parquet reader: real files, damaged files, pruning and filters.

mod corpus;
mod filters;
mod flat;
mod golden;
mod hostile;
mod pruned;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::{ParquetOptions, open};
use crate::{Limits, Listing, ListingOptions, Local, ReadContext, Result, ScanRequest, Source};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/parquet-testing").join(name)
}

fn context() -> ReadContext {
    ReadContext::new(Arc::new(Local))
}

fn list(path: &Path) -> Result<Listing> {
    Listing::open(path.to_path_buf(), &ListingOptions::new(["parquet"]), &Local)
}

fn open_path(path: &Path) -> Result<Arc<dyn Source>> {
    open(list(path)?, &ParquetOptions::default(), &context())
}

fn read_all(source: &dyn Source, request: &ScanRequest) -> Result<Vec<RecordBatch>> {
    let context = context();
    let mut batches = Vec::new();
    for split in source.splits(request, &context)? {
        let mut reader = source.read(&split, request, &context)?;
        while let Some(batch) = reader.next_batch()? {
            batches.push(batch);
        }
    }
    Ok(batches)
}
