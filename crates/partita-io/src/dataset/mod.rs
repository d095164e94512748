//! The way back to disk: a dataset appears whole or not at all.
//!
//! [`DatasetWriter::begin`] checks everything that can be checked before data is computed (`check.rs`,
//! `target.rs`), cleans up after runs that died, and makes a hidden working directory (`staging.rs`). Each
//! part of the data is written there by its own [`PartWriter`] (`part.rs`, `partition.rs`) in one of the
//! formats of `encode/`. [`DatasetWriter::commit`] makes it visible: by one rename or exchange
//! (`publish.rs`), or, for an append, file by file under a journal (`append.rs`). Whatever fails, and
//! wherever the process dies, what was at the target before is there after.

mod append;
mod check;
mod encode;
mod options;
mod part;
mod partition;
mod publish;
mod sink;
mod spill;
mod staging;
mod sync;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub(crate) use append::{append_token, journals_of};
pub use options::{
    CsvLineEnd, CsvWriteOptions, IpcCompression, IpcWriteOptions, Layout, Mode, NdjsonWriteOptions,
    NonFinite, ParquetCompression, ParquetStatistics, ParquetVersion, ParquetWriteOptions, TextCompression,
    WriteFormat, WriteOptions,
};
pub use part::PartWriter;
use sink::FileSink;
pub(crate) use staging::INFIX;
use staging::{Staging, remove_file};
use sync::{Synced, Syncer};
use target::{Existing, Target};

use crate::{Error, FileSystem, Notice, Result};

/// The empty file that says that a dataset is complete, for programs that look for it.
const SUCCESS_MARKER: &str = "_SUCCESS";

/// Writes one dataset. Dropped without [`DatasetWriter::commit`] it removes everything that it made.
#[derive(Debug)]
pub struct DatasetWriter {
    shared: Arc<Shared>,
    target: Target,
    existing: Existing,
}

/// A finished part, to be handed to [`DatasetWriter::commit`].
#[derive(Clone, Debug)]
pub struct Part {
    index: usize,
    files: Vec<WrittenFile>,
}

impl Part {
    /// Its files, with paths relative to the dataset.
    pub fn files(&self) -> &[WrittenFile] {
        &self.files
    }
}

/// One file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it is: relative to the dataset in a [`Part`], in full in a [`WriteReport`].
    pub path: PathBuf,
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteReport {
    /// The files, by part and place in the part.
    pub files: Vec<WrittenFile>,
    /// Rows in all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What the user should know although the data is in place.
    pub notices: Vec<Notice>,
}

/// What all parts of a dataset need.
#[derive(Debug)]
pub(crate) struct Shared {
    files: Arc<dyn FileSystem>,
    /// Dropped before the directory in which its files are.
    syncer: Syncer,
    staging: Staging,
    options: WriteOptions,
    schema: SchemaRef,
    /// The schema of the files: without partition columns.
    data_schema: SchemaRef,
    data_columns: Vec<usize>,
    partition_columns: Vec<usize>,
    /// In file names, if files are added to others.
    name_token: Option<String>,
    /// Partition directories made so far, relative to the dataset.
    directories: Mutex<BTreeSet<PathBuf>>,
    /// Files made so far, relative to the dataset.
    created: Mutex<BTreeSet<PathBuf>>,
    single_file_claimed: AtomicBool,
}

impl DatasetWriter {
    /// Checks that a dataset of this schema can be written to `path` with these options, and prepares it.
    ///
    /// # Errors
    /// The schema does not fit the format, the mode does not allow what is at `path`, or the place cannot be
    /// written to.
    pub fn begin(
        files: Arc<dyn FileSystem>,
        path: impl AsRef<Path>,
        schema: SchemaRef,
        options: WriteOptions,
    ) -> Result<Self> {
        let path = path.as_ref();
        let (data_columns, partition_columns) =
            check::check(&schema, &options).map_err(|e| e.in_file(path))?;
        let target = Target::locate(&files, path, options.layout)?;
        // First, because it may bring back a dataset whose replacement died half-way.
        staging::sweep(&*files, &target.parent);
        let existing = target.inspect(&*files, &options)?;
        let adds = options.mode == Mode::Append && existing == Existing::Directory;
        let staging = if adds {
            append::repair(&*files, &target.path);
            staging::sweep(&*files, &target.path);
            Staging::begin(Arc::clone(&files), &target.path, None)?
        } else {
            Staging::begin(Arc::clone(&files), &target.parent, Some(&target.name))?
        };
        if options.layout == Layout::Directory {
            let data = staging.data();
            files.create_dir(&data, false).map_err(|e| Error::system("create the directory", data, e))?;
        }
        let data_schema = Arc::new(schema.project(&data_columns).map_err(|e| Error::invalid(e.to_string()))?);
        let name_token = adds.then(|| staging.token().to_string());
        let shared = Arc::new(Shared {
            syncer: Syncer::new(Arc::clone(&files), staging.data()),
            files,
            staging,
            options,
            schema,
            data_schema,
            data_columns,
            partition_columns,
            name_token,
            directories: Mutex::default(),
            created: Mutex::default(),
            single_file_claimed: AtomicBool::new(false),
        });
        Ok(DatasetWriter { shared, target, existing })
    }

    /// A writer for the part with this index. File names depend on it, so each part needs its own. May be
    /// called from any thread.
    pub fn part(&self, index: usize) -> PartWriter {
        PartWriter::new(Arc::clone(&self.shared), index)
    }

    /// Makes the dataset of these parts visible. Files of other parts are removed.
    ///
    /// # Errors
    /// The system refuses. What was at the target before is there still, and nothing else is.
    pub fn commit(mut self, mut parts: Vec<Part>) -> Result<WriteReport> {
        parts.sort_by_key(|part| part.index);
        if let Some(pair) = parts.windows(2).find(|pair| pair[0].index == pair[1].index) {
            return Err(Error::invalid(format!("part {} was given twice", pair[0].index)));
        }
        if parts.iter().all(|part| part.files.is_empty()) {
            parts = vec![self.part(0).finish_empty()?];
        }
        let mut files: Vec<WrittenFile> = parts.into_iter().flat_map(|part| part.files).collect();
        self.shared.remove_others(&files)?;
        let synced = self.shared.syncer.finish()?;
        if self.shared.name_token.is_some() {
            self.commit_append(&files)?;
        } else {
            self.commit_whole(synced)?;
        }
        self.target.above.keep();
        let mut notices = Vec::new();
        if let Err(error) = self.shared.staging.remove() {
            notices.push(Notice {
                message: format!(
                    "the dataset is written, but a temporary directory could not be removed: {error}"
                ),
                rows: 0,
            });
        }
        for file in &mut files {
            file.path = match self.shared.options.layout {
                Layout::Directory => self.target.path.join(&file.path),
                Layout::SingleFile => self.target.path.clone(),
            };
        }
        let (rows, bytes) = files.iter().fold((0, 0), |(rows, bytes), f| (rows + f.rows, bytes + f.bytes));
        Ok(WriteReport { files, rows, bytes, notices })
    }

    /// Removes everything that was written.
    ///
    /// # Errors
    /// The system refuses; the next write to the same place will try again.
    pub fn abort(self) -> Result<()> {
        // What is not synced is removed.
        self.shared.syncer.stop();
        self.shared.staging.remove()
    }

    fn commit_whole(&self, synced: Synced) -> Result<()> {
        let shared = &*self.shared;
        let WriteOptions { mode, layout, success_marker, .. } = shared.options;
        if success_marker {
            let path = shared.staging.data().join(SUCCESS_MARKER);
            FileSink::create(&*shared.files, &path, false)?.close()?;
        }
        if layout == Layout::Directory {
            shared.sync_directories(synced)?;
        }
        publish::publish(&shared.staging, &self.target, self.existing, mode, layout)
    }

    fn commit_append(&self, files: &[WrittenFile]) -> Result<()> {
        let shared = &*self.shared;
        let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        let marker = shared.options.success_marker.then_some(SUCCESS_MARKER);
        append::append(&shared.staging, &self.target.path, &paths, marker)
    }
}

impl Shared {
    /// The name of a file: by part, by place in the part, and by the append's token.
    fn file_name(&self, part: usize, sequence: usize) -> String {
        let extension = self.options.format.extension();
        match &self.name_token {
            None => format!("part-{part:05}-{sequence}.{extension}"),
            Some(token) => format!("part-{token}-{part:05}-{sequence}.{extension}"),
        }
    }

    /// Makes a partition directory, and those above it, once.
    fn make_directory(&self, relative: &Path) -> Result<()> {
        let mut above: Vec<&Path> =
            relative.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
        above.reverse();
        for directory in above {
            // Held while the directory is made: no other part must find it noted and not there.
            let mut made = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
            if made.contains(directory) {
                continue;
            }
            let path = self.staging.data().join(directory);
            match self.files.create_dir(&path, false) {
                Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                    return Err(Error::system("create the directory", path, e));
                }
                _ => made.insert(directory.to_path_buf()),
            };
        }
        Ok(())
    }

    fn sync_directories(&self, synced: Synced) -> Result<()> {
        let made = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let data = self.staging.data();
        let above = match synced {
            Synced::Files => made.len(),
            Synced::Everything => 0,
        };
        let made = made.iter().map(|relative| data.join(relative)).rev().take(above);
        for directory in made.chain([data.clone()]) {
            self.files
                .sync_dir(&directory)
                .map_err(|e| Error::system("sync the directory", &directory, e))?;
        }
        Ok(())
    }

    /// Removes files of parts that were begun but are not part of the dataset.
    fn remove_others(&self, keep: &[WrittenFile]) -> Result<()> {
        let keep: BTreeSet<&Path> = keep.iter().map(|file| file.path.as_path()).collect();
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        if self.options.layout == Layout::SingleFile {
            return Ok(());
        }
        for other in created.iter().filter(|path| !keep.contains(path.as_path())) {
            remove_file(&*self.files, &self.staging.data().join(other))?;
        }
        Ok(())
    }

    fn claim_single_file(&self) -> Result<()> {
        if self.single_file_claimed.swap(true, Ordering::Relaxed) {
            return Err(Error::invalid("a single file is written by one part; combine the parts first"));
        }
        Ok(())
    }

    fn unclaim_single_file(&self) {
        self.single_file_claimed.store(false, Ordering::Relaxed);
    }

    /// The batch with this dataset's schema.
    fn conform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        for (column, field) in batch.columns().iter().zip(self.schema.fields()) {
            if column.data_type() != field.data_type() {
                return Err(Error::invalid(format!(
                    "a column of type {} was to be written as {}; cast it first",
                    column.data_type(),
                    field.data_type()
                ))
                .in_column(field.name()));
            }
        }
        RecordBatch::try_new(SchemaRef::clone(&self.schema), batch.columns().to_vec())
            .map_err(|e| Error::invalid(format!("the rows do not fit the dataset's schema: {e}")))
    }
}
