//! Which format a file has: said with a flag, or told from names.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::failure::Failure;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values, or another delimiter; .csv, .tsv, .txt
    Csv,
    /// One JSON object per line; .ndjson, .jsonl, .json
    #[value(alias = "jsonl", alias = "json")]
    Ndjson,
    /// Arrow IPC, also known as Feather; .arrow, .ipc, .feather
    #[value(alias = "arrow", alias = "feather")]
    Ipc,
    /// Apache Parquet; .parquet, .pq
    Parquet,
}

/// How a whole text file is compressed, as the end of its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suffix {
    None,
    Gzip,
    Zstd,
}

impl Format {
    /// What messages and `--from` call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Ipc => "ipc",
            Format::Parquet => "parquet",
        }
    }

    /// The format that a file's name tells.
    pub(crate) fn of_name(path: &Path) -> Option<Format> {
        match extension(path).0.as_str() {
            "csv" | "tsv" | "txt" => Some(Format::Csv),
            "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
            "arrow" | "arrows" | "ipc" | "feather" => Some(Format::Ipc),
            "parquet" | "pq" => Some(Format::Parquet),
            _ => None,
        }
    }

    /// The format of what is to be read.
    pub(crate) fn of_sources(paths: &[PathBuf]) -> Result<Format, Failure> {
        let mut found: Vec<(Format, PathBuf)> = Vec::new();
        for path in paths {
            // The name of a directory may look like a file's, `flights.parquet` say; what is inside counts.
            if path.is_dir() {
                in_directory(path, 0, &mut found);
            } else if let Some(format) = Format::of_name(path) {
                found.push((format, path.clone()));
            }
        }
        let Some((format, first)) = found.first() else {
            if let Some(nothing) = paths.iter().find_map(nothing_there) {
                return Err(Failure::Work(nothing.into()));
            }
            return Err(Failure::usage(format!(
                "the name of `{}` does not tell its format; say it with --from csv, ndjson, ipc or parquet",
                paths.first().map(|path| path.display().to_string()).unwrap_or_default()
            )));
        };
        match found.iter().find(|(other, _)| other != format) {
            None => Ok(*format),
            Some((other, second)) => Err(Failure::usage(format!(
                "`{}` is {} and `{}` is {}; say with --from which of them to read",
                first.display(),
                format.name(),
                second.display(),
                other.name()
            ))),
        }
    }
}

/// Why there is nothing to read at a path, if that is so. A glob is the reader's to judge.
fn nothing_there(path: &PathBuf) -> Option<partita::io::Error> {
    let glob = path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte));
    if path.is_dir() {
        let message = "no file in the directory has a name that tells its format; say the format with --from";
        return Some(partita::io::Error::invalid(message).in_file(path));
    }
    let place = path.display();
    let missing = || partita::io::Error::invalid(format!("there is no file or directory `{place}`"));
    (!glob && !path.exists()).then(missing)
}

/// A file's extension in lower case, without that of its compression, and the compression.
pub(crate) fn extension(path: &Path) -> (String, Suffix) {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let (name, suffix) = if let Some(name) = name.strip_suffix(".gz") {
        (name, Suffix::Gzip)
    } else if let Some(name) = name.strip_suffix(".zst").or_else(|| name.strip_suffix(".zstd")) {
        (name, Suffix::Zstd)
    } else {
        (name.as_str(), Suffix::None)
    };
    (name.rsplit_once('.').map(|(_, extension)| extension.to_owned()).unwrap_or_default(), suffix)
}

/// Adds the formats of the visible data files below a directory, each with the first file that has it.
/// What cannot be listed is passed over: the reader will say what is wrong with it.
fn in_directory(directory: &Path, depth: usize, found: &mut Vec<(Format, PathBuf)>) {
    /// More levels than any dataset has; a loop of links must end.
    const DEEPEST: usize = 32;
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| {
            name.as_encoded_bytes().starts_with(b".") || name.as_encoded_bytes().starts_with(b"_")
        });
        if hidden {
            continue;
        }
        if path.is_dir() {
            if depth < DEEPEST {
                in_directory(&path, depth + 1, found);
            }
        } else if let Some(format) = Format::of_name(&path)
            && !found.iter().any(|(known, _)| *known == format)
        {
            found.push((format, path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats() {
        for (name, format) in [
            ("a.csv", Some(Format::Csv)),
            ("a.b.TSV.GZ", Some(Format::Csv)),
            ("dir/*.jsonl.zst", Some(Format::Ndjson)),
            ("x.feather", Some(Format::Ipc)),
            ("x.pq", Some(Format::Parquet)),
            ("x", None),
            ("csv", None),
            ("x.gz", None),
        ] {
            assert_eq!(Format::of_name(Path::new(name)), format, "{name}");
        }
        assert_eq!(extension(Path::new("a/b.csv.zstd")), ("csv".to_owned(), Suffix::Zstd));
    }
}
