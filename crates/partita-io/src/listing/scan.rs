//! Walks the disk: one place given by the user -> the files that it stands for.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::{Found, ListingOptions, below, name_of, nearest, partitions, shown, some_of};
use crate::dataset::INFIX;
use crate::{Error, FileInfo, FileKind, FileSystem, Result, retried};

/// Deeper directories are taken for a loop that the system does not show (bind mounts).
const DEEPEST: usize = 128;

const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Appends the files of one place to `found`.
pub(super) fn place(
    path: &Path,
    options: &ListingOptions,
    files: &dyn FileSystem,
    found: &mut Vec<Found>,
) -> Result<()> {
    match retried(|| files.info(path)) {
        Ok(info) => one(info, options, files, path, found),
        Err(error) if is_missing(&error) && is_glob(path) => glob(path, options, files, found),
        Err(error) if is_missing(&error) => Err(missing(path, files)),
        Err(error) => Err(Error::system("look at the path", path, error)),
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    // A pattern may be no valid name at all on some systems.
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

fn is_glob(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// A path that exists: a file itself, or all files below a directory. `root` is where hive keys begin.
fn one(
    info: FileInfo,
    options: &ListingOptions,
    files: &dyn FileSystem,
    root: &Path,
    found: &mut Vec<Found>,
) -> Result<()> {
    match info.kind {
        FileKind::File => {
            let keys = keys_of(below(&info.path, root), options)?;
            found.push(Found { info, keys });
            Ok(())
        }
        FileKind::Directory => {
            if is_temporary(&info.path) {
                return Err(Error::invalid(
                    "the directory belongs to a write that did not finish, so its files may not be whole; \
                     read the dataset that was finished, or write it again",
                )
                .in_file(&info.path));
            }
            let mut walk =
                Walk { options, files, root, canonical: None, ancestors: Vec::new(), passed: Vec::new() };
            let before = found.len();
            walk.directory(&info, found)?;
            if found.len() == before { Err(walk.nothing(&info.path)) } else { Ok(()) }
        }
        FileKind::Other => {
            Err(Error::invalid("the path is neither a file nor a directory").in_file(&info.path))
        }
    }
}

fn keys_of(relative: &Path, options: &ListingOptions) -> Result<Vec<(String, Option<String>)>> {
    if options.hive { partitions::keys(relative) } else { Ok(Vec::new()) }
}

/// The error for a path that does not exist, with the name it was probably meant to be.
fn missing(path: &Path, files: &dyn FileSystem) -> Error {
    let mut parent = path;
    let mut child = path;
    while let Some(above) = parent.parent() {
        (child, parent) = (parent, above);
        if files.info(&shown(parent)).is_ok_and(|info| info.kind == FileKind::Directory) {
            break;
        }
    }
    let entries = files.list(&shown(parent)).unwrap_or_default();
    let names: Vec<String> = entries.iter().map(|entry| name_of(&entry.path)).collect();
    let hint = match nearest(&name_of(child), names.iter().map(String::as_str)) {
        Some(name) => format!("; did you mean `{}`?", parent.join(name).display()),
        None if child != path => format!("; there is no `{}`", child.display()),
        None => String::new(),
    };
    Error::invalid(format!("there is no file or directory `{}`{hint}", path.display()))
}

/// Whether a directory scan passes over a name.
fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.'))
}

fn sorted_entries(directory: &Path, files: &dyn FileSystem) -> Result<Vec<FileInfo>> {
    let mut entries = retried(|| files.list(&shown(directory)))
        .map_err(|error| Error::system("list the directory", directory, error))?;
    entries.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
    if directory.as_os_str().is_empty() {
        // `.` was listed for ``; the user's `*.csv` is to stay without `./`.
        for entry in &mut entries {
            entry.path = entry.path.strip_prefix(".").unwrap_or(&entry.path).to_path_buf();
        }
    }
    Ok(entries)
}

/// A recursive scan of one directory.
struct Walk<'a> {
    options: &'a ListingOptions,
    files: &'a dyn FileSystem,
    root: &'a Path,
    /// The scanned directory without links, asked for when the first link is met.
    canonical: Option<PathBuf>,
    /// The directories that lead here, without links.
    ancestors: Vec<(PathBuf, Option<(u64, u64)>)>,
    /// Names of files that the scan did not take.
    passed: Vec<String>,
}

impl Walk<'_> {
    fn directory(&mut self, directory: &FileInfo, found: &mut Vec<Found>) -> Result<()> {
        if self.ancestors.len() >= DEEPEST {
            return Err(Error::invalid(format!("directories are nested deeper than {DEEPEST} levels"))
                .in_file(&directory.path));
        }
        self.ancestors.push((directory.path.clone(), directory.identity));
        for entry in sorted_entries(&directory.path, self.files)? {
            let name = entry.path.file_name().unwrap_or_default();
            if is_hidden(name) {
                self.passed.push(name_of(&entry.path));
                continue;
            }
            match entry.kind {
                FileKind::File if !self.has_extension(name) => self.passed.push(name_of(&entry.path)),
                FileKind::File => {
                    self.check_link(&entry)?;
                    let keys = keys_of(below(&entry.path, self.root), self.options)?;
                    found.push(Found { info: entry, keys });
                }
                FileKind::Directory => {
                    self.check_link(&entry)?;
                    self.directory(&entry, found)?;
                }
                FileKind::Other => self.other(&entry)?,
            }
        }
        self.ancestors.pop();
        Ok(())
    }

    fn has_extension(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy().to_ascii_lowercase();
        self.options.extensions.iter().any(|extension| {
            name.strip_suffix(extension.as_str()).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
        })
    }

    /// Pipes and devices are passed over; a link to nothing that is called like a data file is not.
    fn other(&mut self, entry: &FileInfo) -> Result<()> {
        let name = entry.path.file_name().unwrap_or_default();
        if self.has_extension(name) && self.files.is_link(&entry.path).unwrap_or(false) {
            return Err(Error::invalid("the link leads to nothing").in_file(&entry.path));
        }
        self.passed.push(name_of(&entry.path));
        Ok(())
    }

    fn check_link(&mut self, entry: &FileInfo) -> Result<()> {
        let resolving = |error| Error::system("follow the link", &entry.path, error);
        if entry.kind == FileKind::Directory
            && entry.identity.is_some()
            && self.ancestors.iter().any(|(_, identity)| *identity == entry.identity)
        {
            return Err(
                Error::invalid("the link leads back up to a directory that contains it").in_file(&entry.path)
            );
        }
        if self.options.links_outside || !retried(|| self.files.is_link(&entry.path)).map_err(resolving)? {
            return Ok(());
        }
        let canonical = match self.canonical.take() {
            Some(canonical) => canonical,
            None => {
                let top = self.ancestors.first().map_or(self.root, |(path, _)| path);
                retried(|| self.files.canonical(top)).map_err(resolving)?
            }
        };
        let target = retried(|| self.files.canonical(&entry.path)).map_err(resolving)?;
        let inside = target.starts_with(&canonical);
        self.canonical = Some(canonical);
        if inside {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the link leads out of the directory that was named, to `{}`; name the target itself, or allow \
             links that lead outside",
            target.display()
        ))
        .in_file(&entry.path))
    }

    /// The error for a directory without a single file of the format, saying what was there.
    fn nothing(&self, directory: &Path) -> Error {
        let extensions = self.options.extensions.iter().map(|name| format!(".{name}")).collect::<Vec<_>>();
        let there = match self.passed.len() {
            0 => "it is empty".to_string(),
            _ => format!("it holds {}", some_of(self.passed.clone())),
        };
        Error::invalid(format!(
            "the directory `{}` holds no file that ends in {}; {there}; name files of another extension by a glob",
            directory.display(),
            extensions.join(", "),
        ))
    }
}

/// All matches of a pattern, files as they are and directories scanned.
fn glob(path: &Path, options: &ListingOptions, files: &dyn FileSystem, found: &mut Vec<Found>) -> Result<()> {
    let (root, patterns) = compiled(path)?;
    match retried(|| files.info(&shown(&root))) {
        Ok(_) => {}
        Err(error) if is_missing(&error) => return Err(missing(&root, files)),
        Err(error) => return Err(Error::system("look at the path", &root, error)),
    }
    let mut matches = BTreeMap::new();
    expand(&root, &patterns, files, 0, &mut matches)?;
    if matches.is_empty() {
        let names = sorted_entries(&root, files).unwrap_or_default();
        let names: Vec<String> = names.iter().map(|entry| name_of(&entry.path)).collect();
        let there =
            if names.is_empty() { "is empty".to_string() } else { format!("holds {}", some_of(names)) };
        return Err(Error::invalid(format!(
            "no file matches `{}`; `{}` {there}",
            path.display(),
            shown(&root).display()
        )));
    }
    for info in matches.into_values() {
        one(info, options, files, &root, found)?;
    }
    Ok(())
}

/// Whether a path leads into the hidden directory in which a writer works.
fn is_temporary(path: &Path) -> bool {
    path.components().any(|component| {
        let name = component.as_os_str();
        is_hidden(name) && name.to_string_lossy().contains(INFIX)
    })
}

/// One component of a pattern.
enum Piece {
    Literal(PathBuf),
    Wild(Pattern),
    AnyDepth,
}

/// The part of the pattern before the first wildcard, and the pieces after it.
fn compiled(path: &Path) -> Result<(PathBuf, Vec<Piece>)> {
    let mut root = PathBuf::new();
    let mut pieces = Vec::new();
    for component in path.components() {
        let text = component.as_os_str().to_string_lossy();
        if matches!(component, Component::Normal(_)) && text.contains(['*', '?', '[']) {
            pieces.push(if text == "**" {
                Piece::AnyDepth
            } else {
                Piece::Wild(Pattern::new(&text).map_err(|error| {
                    Error::invalid(format!("`{}` is not a valid pattern: {}", path.display(), error.msg))
                })?)
            });
        } else if pieces.is_empty() {
            root.push(component);
        } else {
            pieces.push(Piece::Literal(PathBuf::from(component.as_os_str())));
        }
    }
    // A pattern that ends in `**` means the files below.
    if matches!(pieces.last(), Some(Piece::AnyDepth)) {
        pieces.push(Piece::Wild(Pattern::new("*").unwrap_or_default()));
    }
    Ok((root, pieces))
}

fn expand(
    directory: &Path,
    pieces: &[Piece],
    files: &dyn FileSystem,
    depth: usize,
    matches: &mut BTreeMap<PathBuf, FileInfo>,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(
            Error::invalid(format!("directories are nested deeper than {DEEPEST} levels")).in_file(directory)
        );
    }
    let Some((piece, rest)) = pieces.split_first() else { return Ok(()) };
    let mut visit = |info: FileInfo| -> Result<()> {
        if !rest.is_empty() && info.kind == FileKind::Directory {
            expand(&info.path, rest, files, depth + 1, matches)
        } else {
            // Below `**` directories are walked already; elsewhere a matched directory is scanned.
            if rest.is_empty() && info.kind != FileKind::Other {
                matches.insert(info.path.clone(), info);
            }
            Ok(())
        }
    };
    match piece {
        Piece::Literal(name) => match retried(|| files.info(&directory.join(name))) {
            Ok(info) => visit(info),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(Error::system("look at the path", directory.join(name), error)),
        },
        Piece::Wild(pattern) => {
            for info in sorted_entries(directory, files)? {
                let name = name_of(&info.path);
                let hidden = name.starts_with('_') && !pattern.as_str().starts_with('_');
                if !hidden && pattern.matches_with(&name, MATCHING) {
                    visit(info)?;
                }
            }
            Ok(())
        }
        Piece::AnyDepth => {
            expand(directory, rest, files, depth + 1, matches)?;
            for info in sorted_entries(directory, files)? {
                let hidden = is_hidden(info.path.file_name().unwrap_or_default());
                // Links are not followed at any depth: they may lead in circles.
                let link = || files.is_link(&info.path).unwrap_or(true);
                if info.kind == FileKind::Directory && !hidden && !link() {
                    expand(&info.path, pieces, files, depth + 1, matches)?;
                }
            }
            Ok(())
        }
    }
}
