//! Adding files to a dataset so that a reader never takes half of them for all.
//!
//! An append has a token, and the names of its files hold it: `part-TOKEN-00007-0.parquet`. The files are
//! written and made durable in a hidden directory inside the dataset; then comes
//!
//! 1. the journal `_append-TOKEN` in the dataset's root, durable, with the list of the files;
//! 2. the rename of each file to its place, and the syncing of their directories;
//! 3. the removal of the journal, which is the moment at which the append happens.
//!
//! Partita's listing leaves out files whose token has a journal (`listing/unfinished.rs`), so that it sees
//! none of an append before step 3 and all of it after. Other programs may see some files during step 2. If a run dies, the next writer finds the
//! journal and that its run is dead, deletes what was moved, and then the journal: the append did not happen.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::sink::FileSink;
use super::staging::{Staging, lock_of_dead_run, remove_empty_dir, remove_file};
use crate::filesystem::read_full_at;
use crate::{Error, FileSystem, Result};

const JOURNAL: &str = "_append-";
const TOKEN_DIGITS: usize = 16;
/// Larger than the journal of any append; a larger file is not one.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// The journals that may hide a file: one in its directory, and one in each directory above it for as long
/// as that is the only way to the dataset's root, through directories `name=value`.
pub(crate) fn journals_of(file: &Path) -> Vec<PathBuf> {
    let Some(token) = append_token(file) else { return Vec::new() };
    let mut journals = Vec::new();
    for directory in file.ancestors().skip(1) {
        journals.push(directory.join(format!("{JOURNAL}{token}")));
        if !directory.file_name().is_some_and(|name| name.as_encoded_bytes().contains(&b'=')) {
            break;
        }
    }
    journals
}

/// The token in the name of a file that an append wrote.
pub(crate) fn append_token(file: &Path) -> Option<&str> {
    let rest = file.file_name()?.to_str()?.strip_prefix("part-")?;
    let (token, _) = rest.split_once('-')?;
    (token.len() == TOKEN_DIGITS && token.bytes().all(|b| b.is_ascii_hexdigit())).then_some(token)
}

/// Moves the files, paths relative to `staging.data()`, into the dataset.
pub(super) fn append(
    staging: &Staging,
    root: &Path,
    files: &[PathBuf],
    success_marker: Option<&str>,
) -> Result<()> {
    let journal = root.join(format!("{JOURNAL}{}", staging.token()));
    let mut moved = Moved { staging, root, journal: &journal, files, directories: Vec::new(), marker: None };
    let done = moved.run(success_marker);
    if done.is_err() {
        moved.take_back();
    }
    done
}

struct Moved<'a> {
    staging: &'a Staging,
    root: &'a Path,
    journal: &'a Path,
    files: &'a [PathBuf],
    /// Partition directories made by this append.
    directories: Vec<PathBuf>,
    marker: Option<PathBuf>,
}

impl Moved<'_> {
    fn run(&mut self, success_marker: Option<&str>) -> Result<()> {
        let system = self.staging.files();
        write_journal(&**system, self.journal, self.files)?;
        sync(&**system, self.root)?;
        let mut touched = std::collections::BTreeSet::from([self.root.to_path_buf()]);
        for file in self.files {
            let to = self.root.join(file);
            self.move_in(&self.staging.data().join(file), &to)?;
            touched.extend(
                to.ancestors()
                    .skip(1)
                    .take_while(|above| above.starts_with(self.root))
                    .map(Path::to_path_buf),
            );
        }
        if let Some(name) = success_marker {
            let path = self.root.join(name);
            match FileSink::create(&**system, &path, false) {
                Ok(sink) => {
                    self.marker = Some(path);
                    sink.close()?;
                }
                Err(e) if e.system_error().is_some_and(|e| e.kind() == ErrorKind::AlreadyExists) => {}
                Err(e) => return Err(e),
            }
        }
        for directory in &touched {
            sync(&**system, directory)?;
        }
        system.remove_file(self.journal).map_err(|e| Error::system("remove the journal", self.journal, e))?;
        sync(&**system, self.root)
    }

    fn move_in(&mut self, from: &Path, to: &Path) -> Result<()> {
        let system = self.staging.files();
        // Another append that is taken back may remove an empty directory between the two calls: once more.
        for last in [false, true] {
            self.make_directories(to)?;
            match system.rename(from, to) {
                Err(e) if e.kind() == ErrorKind::NotFound && !last => {}
                Err(e) => return Err(Error::system("move the finished file to", to, e)),
                Ok(()) => break,
            }
        }
        Ok(())
    }

    fn make_directories(&mut self, file: &Path) -> Result<()> {
        let mut above: Vec<&Path> = file
            .ancestors()
            .skip(1)
            .take_while(|above| above.starts_with(self.root) && *above != self.root)
            .collect();
        above.reverse();
        for directory in above {
            match self.staging.files().create_dir(directory, false) {
                Ok(()) => self.directories.push(directory.to_path_buf()),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::system("create the directory", directory, e)),
            }
        }
        Ok(())
    }

    /// Undoes a failed append: readers see nothing of it at any moment, because the journal is there until
    /// the last file is gone. What cannot be undone now is left to the next writer.
    fn take_back(&self) {
        let system = &**self.staging.files();
        let attempt = || -> Result<()> {
            // The failure may have come after the journal's removal.
            if system.info(self.journal).is_err() {
                write_journal(system, self.journal, self.files)?;
            }
            for file in self.files {
                remove_file(system, &self.root.join(file))?;
            }
            for directory in self.directories.iter().rev() {
                let _ = remove_empty_dir(system, directory);
            }
            if let Some(marker) = &self.marker {
                remove_file(system, marker)?;
            }
            remove_file(system, self.journal)
        };
        let _ = attempt().or_else(|_| attempt());
    }
}

fn write_journal(system: &dyn FileSystem, path: &Path, files: &[PathBuf]) -> Result<()> {
    let mut sink = FileSink::create(system, path, false)?;
    let errors = sink.errors();
    for file in files {
        // Names of partition directories are percent-encoded, so that none holds a line feed.
        let line = file.to_string_lossy();
        sink.write_all(line.as_bytes())
            .and_then(|()| sink.write_all(b"\n"))
            .map_err(|e| errors.explain(e))?;
    }
    sink.close().map(|_| ())
}

fn sync(system: &dyn FileSystem, directory: &Path) -> Result<()> {
    system.sync_dir(directory).map_err(|e| Error::system("sync the directory", directory, e))
}

/// Undoes the appends of runs that died. Those of live runs, and what cannot be read, stay as they are.
pub(super) fn repair(system: &dyn FileSystem, root: &Path) {
    let Ok(entries) = system.list(root) else { return };
    let names = entries.iter().filter_map(|entry| entry.path.file_name().and_then(OsStr::to_str));
    for token in names.filter_map(|name| name.strip_prefix(JOURNAL)) {
        // Held until the journal is gone, so that two writers do not repair at once.
        let Some(_lock) = lock_of_dead_run(system, root, token) else { continue };
        let _ = undo(system, root, token);
    }
}

fn undo(system: &dyn FileSystem, root: &Path, token: &str) -> Result<()> {
    let journal = root.join(format!("{JOURNAL}{token}"));
    for file in read_journal(system, &journal)? {
        // A journal that was tampered with must not delete anything but files of its own append below the root.
        let relative = Path::new(&file);
        let inside = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if inside && append_token(relative) == Some(token) {
            let path = root.join(relative);
            remove_file(system, &path)?;
            for above in
                path.ancestors().skip(1).take_while(|above| above.starts_with(root) && *above != root)
            {
                if system.remove_dir(above).is_err() {
                    break; // not empty
                }
            }
        }
    }
    remove_file(system, &journal)
}

fn read_journal(system: &dyn FileSystem, path: &Path) -> Result<Vec<String>> {
    let reading = |e| Error::system("read the journal", path, e);
    let file = system.open(path).map_err(reading)?;
    let len = file.info().map_err(reading)?.len;
    if len > JOURNAL_BYTES_MAX {
        return Err(Error::corrupt("the journal of an append is too long to be one").in_file(path));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = read_full_at(&*file, 0, &mut bytes).map_err(reading)?;
    bytes.truncate(read);
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::corrupt("the journal of an append is not text").in_file(path))?;
    Ok(text.lines().map(str::to_string).collect())
}
