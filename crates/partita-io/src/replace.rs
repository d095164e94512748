//! One file written whole or not at all: a report, a drawing.

use std::path::Path;

use crate::error::{Error, Result};
use crate::filesystem::FileSystem;

/// Writes `bytes` beside `path` and renames, so that a reader sees the old file or the new one.
///
/// # Errors
/// The system refuses; the message names the file.
pub fn replace_file(files: &dyn FileSystem, path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let write = || {
        let mut file = files.create(&aside, false)?;
        file.write_all(bytes)?;
        file.flush()?;
        drop(file);
        files.rename(&aside, path)
    };
    write().map_err(|error| {
        // The error says more than whether what is left could be removed.
        drop(files.remove_file(&aside));
        Error::system("write the file", path, error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::Local;

    #[test]
    fn a_file_is_written_over_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("drawing.svg");
        replace_file(&Local, &path, b"one").unwrap();
        replace_file(&Local, &path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = replace_file(&Local, Path::new("no/such/place.svg"), b"").unwrap_err().to_string();
        assert!(error.contains("no/such/place.svg") && error.contains("write the file"), "{error}");
    }
}
