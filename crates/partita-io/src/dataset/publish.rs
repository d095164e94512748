//! The moment at which a new or replacing dataset becomes visible: one rename, or one exchange of names.
//!
//! Where the system cannot exchange two names, the old dataset is renamed aside and the new one in; if the
//! run dies between the two, the next writer puts the old one back (`staging.rs`).

use std::io::{self, ErrorKind};

use super::options::{Layout, Mode};
use super::staging::Staging;
use super::target::{Existing, Target};
use crate::{Error, Result};

/// Makes `staging.data()` the target. Everything in it is durable already. If this fails, the target is as it
/// was before.
pub(super) fn publish(
    staging: &Staging,
    target: &Target,
    existing: Existing,
    mode: Mode,
    layout: Layout,
) -> Result<()> {
    target.above.sync()?;
    let undo = place(staging, target, mode, layout)?;
    let synced = staging.files().sync_dir(&target.parent);
    if let Err(error) = synced {
        undo_placement(staging, target, existing, undo)?;
        return Err(Error::system("sync the directory", &target.parent, error));
    }
    Ok(())
}

/// How to take a placement back.
enum Undo {
    /// The target was nothing: rename it back.
    Rename,
    /// The old one is in the staging directory's `data`: exchange once more.
    Exchange,
    /// The old one is aside.
    Aside,
    /// A file was replaced by a rename; the old one is gone.
    Nothing,
}

fn place(staging: &Staging, target: &Target, mode: Mode, layout: Layout) -> Result<Undo> {
    let files = staging.files();
    let (data, path) = (staging.data(), &target.path);
    let occupied = match files.info(path) {
        Ok(_) => true,
        Err(e) if e.kind() == ErrorKind::NotFound => false,
        Err(e) => return Err(Error::system("look at the target", path, e)),
    };
    if mode != Mode::Overwrite || !occupied {
        if occupied && layout == Layout::SingleFile {
            return Err(target.already_exists());
        }
        // Renaming a directory onto one that is not empty is refused by the system: nothing that appeared
        // meanwhile is lost.
        return match files.rename(&data, path) {
            Ok(()) => Ok(Undo::Rename),
            Err(e) if is_occupied(&e) => Err(Error::invalid(
                "the target was created by somebody else during the run; choose another path or run again",
            )
            .in_file(path)),
            Err(e) => Err(Error::system("rename the finished dataset to", path, e)),
        };
    }
    match files.exchange(&data, path) {
        Ok(()) => Ok(Undo::Exchange),
        Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => {
            replace_without_exchange(staging, target, layout)
        }
        Err(e) => Err(Error::system("exchange the finished dataset with", path, e)),
    }
}

fn is_occupied(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory)
}

fn replace_without_exchange(staging: &Staging, target: &Target, layout: Layout) -> Result<Undo> {
    let files = staging.files();
    let path = &target.path;
    if layout == Layout::SingleFile {
        files
            .rename(&staging.data(), path)
            .map_err(|e| Error::system("rename the finished file to", path, e))?;
        return Ok(Undo::Nothing);
    }
    files
        .rename(path, &staging.old())
        .map_err(|e| Error::system("rename the old dataset aside, away from", path, e))?;
    if let Err(error) = files.rename(&staging.data(), path) {
        put_back(staging, target)?;
        return Err(Error::system("rename the finished dataset to", path, error));
    }
    Ok(Undo::Aside)
}

/// Renames the old dataset back. If even that fails it stays aside, safe, and the next writer finds it.
fn put_back(staging: &Staging, target: &Target) -> Result<()> {
    let back = || staging.files().rename(&staging.old(), &target.path);
    back().or_else(|_| back()).map_err(|e| {
        staging.abandon();
        Error::system(
            "put back the old dataset (it is kept, and the next write there puts it back) to",
            &target.path,
            e,
        )
    })
}

fn undo_placement(staging: &Staging, target: &Target, existing: Existing, undo: Undo) -> Result<()> {
    let files = staging.files();
    let (data, path) = (staging.data(), &target.path);
    let undone = match undo {
        Undo::Rename => files.rename(path, &data).map(|()| {
            if existing == Existing::EmptyDirectory {
                let _ = files.create_dir(path, false);
            }
        }),
        Undo::Exchange => files.exchange(&data, path),
        Undo::Aside => {
            files
                .rename(path, &data)
                .map_err(|e| Error::system("take back the new dataset from", path, e))?;
            return put_back(staging, target);
        }
        Undo::Nothing => Ok(()),
    };
    undone.map_err(|e| {
        Error::system("take back the new dataset, which may not outlive a power cut, from", path, e)
    })
}
