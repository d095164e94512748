//! From what the user names (a file, a directory, a glob, a list of those) to the files of a source, in a
//! fixed order, with the columns that the names of hive directories give.
//!
//! `listing/places.rs` holds what may be named, `listing/scan.rs` walks directories, `listing/partitions.rs` types
//! the values of `key=value` directories. A format's `open` calls [`Listing::open`], reads the schema of each
//! file, and goes on to `unify.rs`.
//!
//! # Rules
//! - Order: places as given; below a directory or glob by path, name by name, bytewise.
//! - A directory is scanned through all levels. Names beginning with `_` or `.` are passed over. Of what is
//!   left, files whose extension belongs to the format are taken; a directory without any is an error. A file
//!   named directly, or by a glob, is taken whatever its extension.
//! - A name with `*`, `?` or `[` is a glob unless a file of exactly that name exists. `**` crosses levels. No
//!   wildcard matches the dot or the underscore at the beginning of a name.
//! - A link may lead to a file or directory inside the place given; one that leads outside or back up is an
//!   error.
//! - Hive keys are looked for below the place given, or below the last directory of a glob that has no
//!   wildcard. All files must have the same keys in the same order.
//! - Files of an append that is not finished are left out, wherever they are met (`listing/unfinished.rs`),
//!   and naming the temporary directory of a write is an error.
//! - A file that is named twice is an error: its rows would count twice.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};

use crate::{Error, FileInfo, FileSystem, Prune, Result};

mod partitions;
mod places;
mod scan;
mod unfinished;

pub use places::{Place, Places};

/// How places become files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingOptions {
    /// Extensions, without a dot and in lower case, that a directory scan takes: `["csv", "csv.gz"]`.
    pub extensions: Vec<String>,
    /// Whether `key=value` directories give columns. Default true.
    pub hive: bool,
    /// Types of partition columns that are not to be inferred.
    pub partition_types: Vec<(String, DataType)>,
    /// Whether links may lead out of the place that was named. Default false.
    pub links_outside: bool,
}

impl ListingOptions {
    /// The defaults for a format with these extensions.
    pub fn new<'a>(extensions: impl IntoIterator<Item = &'a str>) -> Self {
        ListingOptions {
            extensions: extensions.into_iter().map(str::to_ascii_lowercase).collect(),
            hive: true,
            partition_types: Vec::new(),
            links_outside: false,
        }
    }

    /// The defaults for CSV.
    pub fn csv() -> Self {
        ListingOptions::compressible(["csv", "tsv", "txt"])
    }

    /// The defaults for Parquet.
    pub fn parquet() -> Self {
        ListingOptions::new(["parquet", "parq", "pq"])
    }

    /// The defaults for Arrow IPC files and streams.
    pub fn ipc() -> Self {
        ListingOptions::new(["arrow", "arrows", "ipc", "feather"])
    }

    /// The defaults for newline-delimited JSON.
    pub fn ndjson() -> Self {
        ListingOptions::compressible(["ndjson", "jsonl", "json"])
    }

    /// The defaults for a text format that may be compressed as a whole: each extension alone and with
    /// `.gz`, `.zst` and `.zstd`.
    pub fn compressible<'a>(extensions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut options = ListingOptions::new([]);
        for extension in extensions {
            for suffix in ["", ".gz", ".zst", ".zstd"] {
                options.extensions.push(format!("{}{suffix}", extension.to_ascii_lowercase()));
            }
        }
        options
    }
}

/// A column that the names of directories give: its type, and one value per file.
#[derive(Clone, Debug)]
pub struct PartitionColumn {
    /// Name and type.
    pub field: FieldRef,
    /// As many values as there are files, in their order.
    pub values: ArrayRef,
}

/// The files of a source.
#[derive(Clone, Debug)]
pub struct Listing {
    /// At least one file, in row order.
    pub files: Vec<FileInfo>,
    /// Columns from the names of directories, outermost first.
    pub partitions: Vec<PartitionColumn>,
    places: Places,
}

/// A file that a scan found, with the hive keys and values on the way to it.
#[derive(Debug)]
struct Found {
    info: FileInfo,
    keys: Vec<(String, Option<String>)>,
}

impl Listing {
    /// Finds the files.
    ///
    /// # Errors
    /// Nothing was named, a path does not exist, a glob matches nothing, a directory holds no file of the
    /// format, links lead astray, hive keys differ, or a value does not fit the type declared for its column.
    pub fn open(places: impl Into<Places>, options: &ListingOptions, files: &dyn FileSystem) -> Result<Self> {
        let places = places.into();
        if places.is_empty() {
            return Err(Error::invalid(
                "the list of files to read is empty; name at least one file or directory",
            ));
        }
        let found = unfinished::settled(files, || {
            let mut found = Vec::new();
            for place in places.iter() {
                scan::place(place.path(), options, files, &mut found)?;
            }
            Ok(found)
        })?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = found.iter().find(|file| !seen.insert(&file.info.path)) {
            return Err(Error::invalid("the file is named twice, so its rows would count twice; read it once and concat it with itself if that is what you want")
                .in_file(&twice.info.path));
        }
        let partitions =
            if options.hive { partitions::columns(&found, &options.partition_types)? } else { Vec::new() };
        Ok(Listing { files: found.into_iter().map(|file| file.info).collect(), partitions, places })
    }

    /// Sum of the files' lengths.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len).sum()
    }

    /// Name and type of each partition column.
    pub fn partition_fields(&self) -> Vec<FieldRef> {
        self.partitions.iter().map(|column| FieldRef::clone(&column.field)).collect()
    }

    /// The indices of the files whose partition values let rows pass `prune`. `first_partition` is the index
    /// of the first partition column in the source's schema.
    pub fn kept(&self, prune: &[Prune], first_partition: usize) -> Vec<usize> {
        let passes = |file: usize| {
            prune.iter().all(|term| {
                let Some(column) =
                    term.column.checked_sub(first_partition).and_then(|i| self.partitions.get(i))
                else {
                    return true;
                };
                crate::prune::may_match_constant(&column.values.slice(file, 1), term)
            })
        };
        (0..self.files.len()).filter(|&file| passes(file)).collect()
    }

    /// Place and number of files, for `explain`.
    pub fn describe(&self) -> String {
        let files = self.files.len();
        format!(
            "{}, {files} {}, {} bytes",
            self.places,
            if files == 1 { "file" } else { "files" },
            self.bytes()
        )
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// The name in `names` that `wanted` was most likely meant to be.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (wanted.chars().count() / 3).max(1);
    let distances = names.into_iter().map(|name| (edit_distance(wanted, name), name));
    distances.filter(|&(distance, _)| distance <= most).min().map(|(_, name)| name)
}

/// Insertions, removals, replacements and swaps of neighbours between two names, case aside.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &right) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(left != right)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left == b[j - 1] && a[i - 1] == right {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// `path` relative to `root`, for messages and hive keys; all of it if it does not lie below.
fn below<'a>(path: &'a Path, root: &Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}

/// A few names for a message, then how many more there are.
fn some_of(mut names: Vec<String>) -> String {
    const SHOWN: usize = 5;
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn shown(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_path_buf() }
}

#[cfg(test)]
mod tests;
