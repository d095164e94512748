//! Where a dataset goes: the path with links followed, what is there now, and whether the mode allows it.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::options::{Layout, Mode, WriteOptions};
use super::staging::remove_empty_dir;
use crate::{Error, FileInfo, FileKind, FileSystem, Result};

/// The place of a dataset, absolute and without links.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) parent: PathBuf,
    pub(super) name: OsString,
    /// Directories above the target that did not exist, removed again unless the dataset arrives.
    pub(super) above: CreatedDirs,
}

/// What is at the target before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Nothing,
    EmptyDirectory,
    Directory,
    File,
}

/// Directories made by this run, removed on drop in reverse order unless kept.
#[derive(Debug)]
pub(super) struct CreatedDirs {
    files: Arc<dyn FileSystem>,
    directories: Vec<PathBuf>,
}

impl CreatedDirs {
    /// Makes the directory and all above it that are missing.
    fn make(files: &Arc<dyn FileSystem>, directory: &Path) -> Result<Self> {
        let mut made = CreatedDirs { files: Arc::clone(files), directories: Vec::new() };
        let mut missing = Vec::new();
        let mut at = directory;
        loop {
            match files.info(at) {
                Ok(info) if info.kind == FileKind::Directory => break,
                Ok(_) => {
                    return Err(Error::invalid(
                        "a dataset cannot be below something that is not a directory",
                    )
                    .in_file(at));
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(Error::system("look at the directory", at, e)),
            }
            missing.push(at.to_path_buf());
            match at.parent() {
                Some(above) if !above.as_os_str().is_empty() => at = above,
                _ => break,
            }
        }
        for path in missing.into_iter().rev() {
            match files.create_dir(&path, false) {
                Ok(()) => made.directories.push(path),
                // Another run needs it too, and made it first.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::system("create the directory", path, e)),
            }
        }
        Ok(made)
    }

    /// Makes the new names durable.
    pub(super) fn sync(&self) -> Result<()> {
        for directory in &self.directories {
            if let Some(above) = directory.parent().map(or_here) {
                self.files.sync_dir(above).map_err(|e| Error::system("sync the directory", above, e))?;
            }
        }
        Ok(())
    }

    pub(super) fn keep(&mut self) {
        self.directories.clear();
    }
}

impl Drop for CreatedDirs {
    fn drop(&mut self) {
        for directory in self.directories.drain(..).rev() {
            // Not empty means that somebody else has begun to use it.
            let _ = remove_empty_dir(&*self.files, &directory)
                .or_else(|_| remove_empty_dir(&*self.files, &directory));
        }
    }
}

impl Target {
    /// Follows links and makes what is missing above the target.
    pub(super) fn locate(files: &Arc<dyn FileSystem>, path: &Path, layout: Layout) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Error::invalid("the path to write to is empty"));
        }
        if layout == Layout::SingleFile && ends_with_separator(path) {
            return Err(Error::invalid("a single file was asked for, but the path ends like a directory's")
                .in_file(path));
        }
        match files.info(path) {
            Ok(_) => {
                let path = files.canonical(path).map_err(|e| Error::system("resolve the path", path, e))?;
                let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                    return Err(
                        Error::invalid("a dataset cannot take the place of the root directory").in_file(path)
                    );
                };
                let (parent, name) = (or_here(parent).to_path_buf(), name.to_os_string());
                let above = CreatedDirs { files: Arc::clone(files), directories: Vec::new() };
                Ok(Target { path, parent, name, above })
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Self::locate_new(files, path),
            Err(e) => Err(Error::system("look at the target", path, e)),
        }
    }

    fn locate_new(files: &Arc<dyn FileSystem>, path: &Path) -> Result<Self> {
        if files.is_link(path).unwrap_or(false) {
            return Err(Error::invalid(
                "the target is a link to nothing; remove it or create what it points to",
            )
            .in_file(path));
        }
        let Some(name) = path.file_name().map(OsStr::to_os_string) else {
            return Err(Error::invalid("the path to write to does not end in a name").in_file(path));
        };
        let parent = or_here(path.parent().unwrap_or(Path::new("")));
        let above = CreatedDirs::make(files, parent)?;
        let parent = files.canonical(parent).map_err(|e| Error::system("resolve the path", parent, e))?;
        Ok(Target { path: parent.join(&name), parent, name, above })
    }

    /// What is at the target, if the mode allows it to be there.
    pub(super) fn inspect(&self, files: &dyn FileSystem, options: &WriteOptions) -> Result<Existing> {
        let info = match files.info(&self.path) {
            Ok(info) => info,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Existing::Nothing),
            Err(e) => return Err(Error::system("look at the target", &self.path, e)),
        };
        match (info.kind, options.layout) {
            (FileKind::File, Layout::SingleFile) => match options.mode {
                Mode::Error => Err(self.already_exists()),
                Mode::Overwrite | Mode::Append => Ok(Existing::File),
            },
            (FileKind::File, Layout::Directory) => {
                Err(self
                    .refuse("is a file, and a directory was to be written; remove it or choose another path"))
            }
            (FileKind::Directory, Layout::SingleFile) => Err(self.refuse(
                "is a directory, and a single file was to be written; remove it or choose another path",
            )),
            (FileKind::Other, _) => {
                Err(self.refuse("is neither a file nor a directory, and cannot be replaced in one step"))
            }
            (FileKind::Directory, Layout::Directory) => self.inspect_directory(files, &info, options.mode),
        }
    }

    fn inspect_directory(&self, files: &dyn FileSystem, info: &FileInfo, mode: Mode) -> Result<Existing> {
        if mode != Mode::Append {
            let above = files
                .info(&self.parent)
                .map_err(|e| Error::system("look at the directory", &self.parent, e))?;
            let device = |info: &FileInfo| info.identity.map(|(device, _)| device);
            if device(info) != device(&above) {
                return Err(self.refuse("is the root of a file system of its own, which cannot be replaced in one step; write into a directory below it"));
            }
        }
        let entries =
            files.list(&self.path).map_err(|e| Error::system("list the directory", &self.path, e))?;
        match mode {
            _ if entries.is_empty() => Ok(Existing::EmptyDirectory),
            Mode::Error => Err(self.already_exists()),
            Mode::Append => Ok(Existing::Directory),
            Mode::Overwrite => {
                if let Some(foreign) = foreign_file(files, entries)? {
                    return Err(Error::invalid(format!(
                        "overwriting would delete `{}`, which is not a data file; remove it or choose another path",
                        foreign.display()
                    ))
                    .in_file(&self.path));
                }
                Ok(Existing::Directory)
            }
        }
    }

    pub(super) fn already_exists(&self) -> Error {
        Error::invalid("the target exists already; choose the mode `overwrite` or `append`, or another path")
            .in_file(&self.path)
    }

    fn refuse(&self, why: &str) -> Error {
        Error::invalid(format!("the target {why}")).in_file(&self.path)
    }
}

/// The path, or `.` for none: the parent of `name` is written as an empty path.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn ends_with_separator(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|&b| std::path::is_separator(char::from(b)))
}

/// A file of a directory that does not look like data: a hint that the path is a mistake, and that replacing
/// the directory would delete somebody's work.
fn foreign_file(files: &dyn FileSystem, entries: Vec<FileInfo>) -> Result<Option<PathBuf>> {
    for entry in entries {
        let name = entry.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(['.', '_']) {
            continue;
        }
        let link =
            files.is_link(&entry.path).map_err(|e| Error::system("look at the file", &entry.path, e))?;
        if entry.kind == FileKind::Directory && !link {
            let inner =
                files.list(&entry.path).map_err(|e| Error::system("list the directory", &entry.path, e))?;
            if let Some(foreign) = foreign_file(files, inner)? {
                return Ok(Some(foreign));
            }
        } else if !looks_like_data(&name) {
            return Ok(Some(entry.path));
        }
    }
    Ok(None)
}

fn looks_like_data(name: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        "parquet", "parq", "pq", "csv", "tsv", "txt", "psv", "arrow", "feather", "ipc", "arrows", "json",
        "ndjson", "jsonl", "orc", "avro",
    ];
    let lower = name.to_ascii_lowercase();
    let plain = [".gz", ".zst", ".bz2", ".snappy", ".lz4"]
        .iter()
        .find_map(|c| lower.strip_suffix(c))
        .unwrap_or(&lower);
    name.starts_with("part-") || plain.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}
