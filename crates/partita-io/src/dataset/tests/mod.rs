//! Tests of the dataset writer: what comes back, what is refused, what is left when something fails.
//!
//! Files are read back by the readers of the parquet, arrow and csv crates, never by our own.

mod append;
mod csv;
mod faults;
mod kill;
mod modes;
mod partitions;
mod roundtrip;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::filesystem::Local;

pub(super) fn local() -> Arc<dyn FileSystem> {
    Arc::new(Local)
}

/// A directory in memory where there is one: these tests sync thousands of times.
pub(super) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

pub(super) fn formats() -> [WriteFormat; 4] {
    [
        WriteFormat::Parquet(ParquetWriteOptions::default()),
        WriteFormat::Csv(CsvWriteOptions::default()),
        WriteFormat::Ipc(IpcWriteOptions::default()),
        WriteFormat::Ndjson(NdjsonWriteOptions::default()),
    ]
}

pub(super) fn parquet() -> WriteOptions {
    WriteOptions::new(WriteFormat::Parquet(ParquetWriteOptions::default()))
}

/// Rows `from..from + rows`: `id` counts, `price` is a half of it, `name` has a null in each third row, and
/// `kind` has `kinds` values.
pub(super) fn rows(from: i64, rows: i64, kinds: i64) -> RecordBatch {
    let range = || from..from + rows;
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from_iter_values(range()))),
        ("price", Arc::new(Float64Array::from_iter_values(range().map(|i| i as f64 / 2.0)))),
        (
            "name",
            Arc::new(StringViewArray::from_iter(
                range().map(|i| (i % 3 != 0).then(|| format!("name, \"{i}\" of some length"))),
            )),
        ),
        ("kind", Arc::new(StringViewArray::from_iter_values(range().map(|i| format!("k{}", i % kinds))))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Writes one part per batch.
pub(super) fn write(
    files: Arc<dyn FileSystem>,
    path: &Path,
    batches: &[RecordBatch],
    options: WriteOptions,
) -> Result<WriteReport> {
    let writer = DatasetWriter::begin(files, path, batches[0].schema(), options)?;
    let mut parts = Vec::new();
    for (index, batch) in batches.iter().enumerate() {
        let mut part = writer.part(index);
        part.write(batch)?;
        parts.push(part.finish()?);
    }
    writer.commit(parts)
}

/// Every file and empty directory below `path`, hidden ones too, with its content.
pub(super) fn tree(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(path) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let below = tree(&path);
            if below.is_empty() {
                found.insert(path, Vec::new());
            }
            found.extend(below);
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The files of a dataset that a reader sees, in the order of their names.
pub(super) fn visible(root: &Path) -> Vec<PathBuf> {
    let hidden = |path: &Path| {
        path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(['.', '_']))
    };
    tree(root)
        .into_keys()
        .filter(|path| {
            path.is_file()
                && !hidden(path.strip_prefix(root).unwrap())
                && !journals_of(path).iter().any(|journal| journal.exists())
        })
        .collect()
}

pub(super) fn read_parquet(file: &Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    let schema: SchemaRef = Arc::clone(builder.schema());
    let batches = builder.build().unwrap().collect::<std::result::Result<Vec<_>, _>>().unwrap();
    concat_batches(&schema, &batches).unwrap()
}

/// The rows of all visible Parquet files of a dataset, one after another.
pub(super) fn read_all(root: &Path) -> RecordBatch {
    let batches: Vec<_> = visible(root).iter().map(|file| read_parquet(file)).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// Temporary directories and journals anywhere below `path`.
pub(super) fn leftovers(path: &Path) -> Vec<PathBuf> {
    tree(path)
        .into_keys()
        .filter(|p| p.to_string_lossy().contains("_temporary-") || p.to_string_lossy().contains("_append-"))
        .collect()
}
