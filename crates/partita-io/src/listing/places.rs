//! What a user may name: one path or many, each a file, a directory or a glob.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file, a directory or a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(PathBuf);

impl Place {
    /// The path or pattern as it was given.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl<P: AsRef<Path>> From<P> for Place {
    fn from(path: P) -> Self {
        Place(path.as_ref().to_path_buf())
    }
}

/// One or more [`Place`]s, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Vec<Place>);

impl Places {
    /// The places in order.
    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("nothing"),
            [one] => write!(f, "{}", one.0.display()),
            [first, rest @ ..] => write!(f, "{} and {} more", first.0.display(), rest.len()),
        }
    }
}

impl From<Place> for Places {
    fn from(place: Place) -> Self {
        Places(vec![place])
    }
}

/// One path gives one place.
macro_rules! from_one {
    ($($one:ty),*) => {$(
        impl From<$one> for Places {
            fn from(path: $one) -> Self {
                Places(vec![Place::from(path)])
            }
        }
    )*};
}
from_one!(&str, String, &String, &Path, PathBuf, &PathBuf, &std::ffi::OsStr, std::ffi::OsString);

impl<P: Into<Place>> From<Vec<P>> for Places {
    fn from(paths: Vec<P>) -> Self {
        paths.into_iter().collect()
    }
}

impl<P: Into<Place>, const N: usize> From<[P; N]> for Places {
    fn from(paths: [P; N]) -> Self {
        paths.into_iter().collect()
    }
}

impl<P: Into<Place> + Clone> From<&[P]> for Places {
    fn from(paths: &[P]) -> Self {
        paths.iter().cloned().collect()
    }
}

impl<P: Into<Place> + Clone> From<&Vec<P>> for Places {
    fn from(paths: &Vec<P>) -> Self {
        paths.iter().cloned().collect()
    }
}

impl<P: Into<Place>> FromIterator<P> for Places {
    fn from_iter<I: IntoIterator<Item = P>>(paths: I) -> Self {
        Places(paths.into_iter().map(Into::into).collect())
    }
}
