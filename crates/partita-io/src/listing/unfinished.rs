//! Leaves out files of an append that is not finished, also if it begins or ends while the disk is walked.
//!
//! An append moves its files in one by one under a journal (`dataset/append.rs`), and a walk is no single
//! moment either. A walk that meets files of appends is therefore done twice. An append of which both walks
//! saw the same part was going on between them, so that its journal was there; an append of which they saw
//! different parts makes the walk begin anew.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::Found;
use crate::dataset::{append_token, journals_of};
use crate::{Error, FileSystem, Result, retried};

/// How often a dataset may change while it is walked.
const WALKS_MAX: usize = 20;

/// What `walk` finds, without files of unfinished appends.
pub(super) fn settled(files: &dyn FileSystem, walk: impl Fn() -> Result<Vec<Found>>) -> Result<Vec<Found>> {
    let mut found = walk()?;
    for _ in 0..WALKS_MAX {
        if !found.iter().any(|file| append_token(&file.info.path).is_some()) {
            return Ok(found);
        }
        let mut journals = Journals { files, exist: BTreeMap::new() };
        let before = found.iter().map(|file| journals.hide(file)).collect::<Result<Vec<bool>>>()?;
        let again = walk()?;
        if !again.iter().map(|file| &file.info.path).eq(found.iter().map(|file| &file.info.path)) {
            found = again;
            continue;
        }
        journals.exist.clear();
        let mut finished = Vec::with_capacity(again.len());
        for (file, before) in again.into_iter().zip(before) {
            if !journals.hide(&file)? && !before {
                finished.push(file);
            }
        }
        if finished.is_empty() {
            return Err(Error::invalid(
                "all files that were found belong to an append that is not finished; wait for it, or write again \
                 if its process was killed",
            ));
        }
        return Ok(finished);
    }
    Err(Error::invalid("the files keep changing while they are listed; wait for the writers to finish"))
}

/// Which journals exist, each looked for once.
struct Journals<'a> {
    files: &'a dyn FileSystem,
    exist: BTreeMap<PathBuf, bool>,
}

impl Journals<'_> {
    fn hide(&mut self, file: &Found) -> Result<bool> {
        for journal in journals_of(&file.info.path) {
            let exists = match self.exist.get(&journal) {
                Some(&exists) => exists,
                None => {
                    let exists = match retried(|| self.files.info(&journal)) {
                        Ok(_) => true,
                        Err(error) if error.kind() == ErrorKind::NotFound => false,
                        Err(error) => return Err(Error::system("look for the journal", journal, error)),
                    };
                    *self.exist.entry(journal).or_insert(exists)
                }
            };
            if exists {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::*;
    use crate::{FileInfo, Local};

    fn found(path: &Path) -> Found {
        Found { info: crate::filesystem::FileSystem::info(&Local, path).unwrap(), keys: Vec::new() }
    }

    fn names(found: Vec<Found>) -> Vec<String> {
        found.iter().map(|f: &Found| f.info.path.file_name().unwrap().to_str().unwrap().to_string()).collect()
    }

    const OLD: &str = "part-00000-0.csv";
    const NEW: [&str; 2] = ["part-0123456789abcdef-00000-0.csv", "part-0123456789abcdef-00001-0.csv"];

    fn walk(root: &Path) -> Vec<Found> {
        let mut paths: Vec<FileInfo> = Local.list(root).unwrap();
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        paths.iter().filter(|f| f.path.extension().is_some()).map(|f| found(&f.path)).collect()
    }

    /// An append goes on step by step, one step before each walk that is listed in `steps`.
    fn seen(steps: &[fn(&Path)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("year=2013");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join(OLD), b"").unwrap();
        let at = Cell::new(0);
        let walked = settled(&Local, || {
            if let Some(step) = steps.get(at.get()) {
                step(&root);
            }
            at.set(at.get() + 1);
            Ok(walk(&root))
        });
        names(walked.unwrap())
    }

    fn journal(root: &Path) {
        // Above the hive directory: the journal is in the dataset's root.
        std::fs::write(root.parent().unwrap().join("_append-0123456789abcdef"), b"").unwrap();
    }
    fn first(root: &Path) {
        journal(root);
        std::fs::write(root.join(NEW[0]), b"").unwrap();
    }
    fn second(root: &Path) {
        std::fs::write(root.join(NEW[1]), b"").unwrap();
    }
    fn end(root: &Path) {
        std::fs::remove_file(root.parent().unwrap().join("_append-0123456789abcdef")).unwrap();
    }
    fn nothing(_: &Path) {}

    #[test]
    fn an_append_is_seen_wholly_or_not_at_all() {
        let all: Vec<&str> = NEW.iter().copied().rev().chain([OLD]).rev().collect();
        let none = vec![OLD];
        assert_eq!(seen(&[nothing]), none);
        assert_eq!(seen(&[journal]), none);
        assert_eq!(seen(&[first]), none);
        assert_eq!(seen(&[nothing, first]), none);
        assert_eq!(seen(&[first, second]), none);
        assert_eq!(
            seen(&[first, |root| {
                second(root);
                end(root)
            }]),
            all
        );
        assert_eq!(
            seen(&[
                |root| {
                    first(root);
                    second(root)
                },
                end
            ]),
            none
        );
        assert_eq!(
            seen(&[|root| {
                first(root);
                second(root);
                end(root)
            }]),
            all
        );
    }
}
