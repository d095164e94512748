//! What the targets share: a file with the drawn bytes, and a session with little memory.

use std::path::PathBuf;
use std::sync::OnceLock;

use partita::Session;
use tempfile::TempDir;

/// The file that holds the input of one target, written anew each time.
///
/// # Panics
/// If the temporary directory cannot be written.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().expect("a temporary directory"));
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("a file in it");
    path
}

/// One thread and 256 MiB: a file that declares more must be an error. So must be a panic of another crate's decoder, which
/// the readers catch; one of our own code ends the target.
///
/// # Panics
/// If the session cannot be built.
pub fn session() -> Session {
    static SESSION: OnceLock<Session> = OnceLock::new();
    let build = || {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|place| place.file().contains("/registry/")) {
                end(panic);
            }
        }));
        Session::builder().threads(1).memory_limit(256 << 20).build().expect("a session")
    };
    SESSION.get_or_init(build).clone()
}
