//! Files through the public API: corpora of others, broken bytes, round trips, datasets, repairs.

mod broken;
mod by_value;
mod coded;
mod collected;
mod corpora;
mod datasets;
mod reduced;
mod repairs;
mod round_trips;

use std::path::{Path, PathBuf};

use partita::{PartitionedFrame, Result};

use crate::rows::Rows;

/// A file or directory of `testdata/`.
pub(crate) fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(path)
}

/// The rows of a frame.
pub(crate) fn rows(frame: &PartitionedFrame) -> Result<Rows> {
    let table = frame.compute()?;
    let names = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    Ok(Rows::of_batches(names, &table.to_batches()?))
}

/// Names of everything below a directory, sorted.
pub(crate) fn below(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return names };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        names.push(path.to_string_lossy().into_owned());
        if path.is_dir() {
            names.extend(below(&path));
        }
    }
    names.sort();
    names
}
