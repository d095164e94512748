//! The file of rejected rows: written in the order of the splits, whatever order they are read in, and put
//! in place only when the run is over.
//!
//! Readers hand in the lines of a whole split; lines that come early wait for the splits before them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, FileSystem, Reserve, Result, WriteFile};

/// What happens to a bad row: one with too few or too many fields, or with a value that is not of the type
/// given for its column, or not text in the file's encoding; a line that is not JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// An error that names file, line, byte, column and value.
    #[default]
    Error,
    /// A bad value becomes null, missing fields become null (of a line that is not JSON all of them), surplus
    /// fields are dropped; such rows are counted.
    Null,
    /// The row is left out and counted.
    Skip,
    /// The row is left out and written to this CSV file: file, line, byte, column, value, reason.
    Reject(PathBuf),
}

const HEADER: &str = "file,line,byte,column,value,reason\n";

/// One run over the splits of a source that writes a reject file.
#[derive(Debug)]
pub(crate) struct RejectFile {
    path: PathBuf,
    splits: usize,
    files: Arc<dyn FileSystem>,
    memory: Arc<dyn Reserve>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    writer: Option<Box<dyn WriteFile>>,
    next: usize,
    waiting: BTreeMap<usize, Vec<u8>>,
    failed: bool,
    placed: bool,
}

impl RejectFile {
    pub(crate) fn new(
        path: &Path,
        splits: usize,
        files: &Arc<dyn FileSystem>,
        memory: &Arc<dyn Reserve>,
    ) -> Self {
        let (files, memory) = (Arc::clone(files), Arc::clone(memory));
        RejectFile { path: path.to_path_buf(), splits, files, memory, state: Mutex::default() }
    }

    /// Takes the lines of a split that was read to its end.
    pub(crate) fn finish(&self, split: usize, lines: Vec<u8>) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if split < state.next || state.placed {
            return Ok(());
        }
        self.memory.reserve(lines.len())?;
        if let Some(replaced) = state.waiting.insert(split, lines) {
            self.memory.release(replaced.len());
        }
        while let Some(lines) = {
            let next = state.next;
            state.waiting.remove(&next)
        } {
            self.memory.release(lines.len());
            state.next += 1;
            self.write(&mut state, &lines)?;
        }
        if state.next == self.splits { self.place(&mut state) } else { Ok(()) }
    }

    /// A split failed: the run will be, too, and its rejects mean nothing.
    pub(crate) fn fail(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failed = true;
    }

    fn partial(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".partial");
        PathBuf::from(name)
    }

    fn write(&self, state: &mut State, lines: &[u8]) -> Result<()> {
        let partial = self.partial();
        let result = match &mut state.writer {
            Some(writer) => writer.write_all(lines),
            None => {
                if self.files.info(&partial).is_ok() {
                    self.files
                        .remove_file(&partial)
                        .map_err(|source| Error::system("remove an old reject file", &partial, source))?;
                }
                let created = self.files.create(&partial, false);
                let mut writer =
                    created.map_err(|source| Error::system("create the reject file", &partial, source))?;
                let result = writer.write_all(HEADER.as_bytes()).and_then(|()| writer.write_all(lines));
                state.writer = Some(writer);
                result
            }
        };
        result.map_err(|source| {
            state.failed = true;
            Error::system("write the reject file", &partial, source)
        })
    }

    fn place(&self, state: &mut State) -> Result<()> {
        let partial = self.partial();
        if state.writer.is_none() {
            self.write(state, &[])?;
        }
        if let Some(mut writer) = state.writer.take() {
            let synced = writer.flush().and_then(|()| writer.sync());
            synced.map_err(|source| Error::system("write the reject file", &partial, source))?;
        }
        self.files
            .rename(&partial, &self.path)
            .map_err(|source| Error::system("rename the reject file", &self.path, source))?;
        state.placed = true;
        Ok(())
    }
}

impl Drop for RejectFile {
    /// A run that stopped early (a limit was reached) keeps what it rejected; a failed one leaves nothing.
    fn drop(&mut self) {
        let mut state = std::mem::take(self.state.get_mut().unwrap_or_else(PoisonError::into_inner));
        let waiting = std::mem::take(&mut state.waiting);
        self.memory.release(waiting.values().map(Vec::len).sum());
        if state.placed || (state.writer.is_none() && waiting.is_empty()) {
            return;
        }
        let kept = !state.failed
            && waiting.values().all(|lines| self.write(&mut state, lines).is_ok())
            && self.place(&mut state).is_ok();
        if !kept {
            drop(state.writer.take());
            // Nobody is left to be told if this fails, too.
            let _ = self.files.remove_file(&self.partial());
        }
    }
}

/// One line of the file.
pub(crate) struct Reject<'a> {
    pub(crate) file: &'a Path,
    pub(crate) line: u64,
    pub(crate) byte: u64,
    pub(crate) column: &'a str,
    pub(crate) value: &'a [u8],
    pub(crate) reason: &'a str,
}

impl Reject<'_> {
    pub(crate) fn write_to(&self, lines: &mut Vec<u8>) {
        put_field(lines, self.file.to_string_lossy().as_bytes(), b',');
        put_field(lines, self.line.to_string().as_bytes(), b',');
        put_field(lines, self.byte.to_string().as_bytes(), b',');
        put_field(lines, self.column.as_bytes(), b',');
        put_field(lines, String::from_utf8_lossy(self.value).as_bytes(), b',');
        put_field(lines, self.reason.as_bytes(), b'\n');
    }
}

fn put_field(lines: &mut Vec<u8>, field: &[u8], end: u8) {
    let needs_quotes = field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
    if needs_quotes {
        lines.push(b'"');
        for &byte in field {
            lines.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == b'"')));
        }
        lines.push(b'"');
    } else {
        lines.extend_from_slice(field);
    }
    lines.push(end);
}
