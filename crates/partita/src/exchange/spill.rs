//! Runs on disk: Arrow IPC with LZ4, private to the user, gone when the run ends.
//!
//! A run is written as *blocks* of some rows, each an IPC stream of its own with a checksum, so that a reader
//! fetches only the blocks that hold its rows, and a merge of many runs holds a small block of each. In a run that lies by
//! bucket blocks end where buckets do, for these are what readers fetch. All spill files of a run lie in one directory (mode
//! 0700, unguessable name) that holds a locked file while the run lives; a directory whose lock is free was
//! left by a crash, and the next run that spills removes it.

use std::io::{Cursor, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow::array::RecordBatch;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use partita_io::{FileKind, FileSystem, ReadFile, WriteFile};
use partita_kernels::take::narrow_batch;

use crate::error::{Error, Result};
use crate::session::mib;

/// Most rows of a block.
const BLOCK_ROWS: usize = 16_384;
/// A run has about so many blocks...
const BLOCKS: usize = 128;
/// ...of so many bytes: in smaller ones what a block says about itself would outweigh its rows.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=256 << 10;
/// A block is at most so long to end where a bucket does: what is larger leaves holes between allocations.
const LONGEST_BYTES: usize = 64 << 10;
/// Directories of spill files begin with this.
const PREFIX: &str = "partita-spill-";
const LOCK: &str = "lock";

/// The directory of one run's spill files; made at the first spill, removed on drop.
#[derive(Debug)]
pub(crate) struct SpillDirectory {
    files: Arc<dyn FileSystem>,
    parent: PathBuf,
    made: Mutex<Option<Made>>,
    next: AtomicUsize,
    /// Bytes in all files.
    written: AtomicU64,
}

#[derive(Debug)]
struct Made {
    path: PathBuf,
    written: Vec<PathBuf>,
    _lock: LockGuard,
}

struct LockGuard(
    #[allow(dead_code, reason = "held for its drop")] Option<Box<dyn std::any::Any + Send + Sync>>,
);

impl std::fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LockGuard")
    }
}

impl SpillDirectory {
    pub(crate) fn new(files: Arc<dyn FileSystem>, parent: PathBuf) -> Arc<SpillDirectory> {
        let (next, written) = (AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(SpillDirectory { files, parent, made: Mutex::new(None), next, written })
    }

    /// A new file, for one writer.
    ///
    /// # Errors
    /// The directory cannot be made or written.
    pub(crate) fn create_file(self: &Arc<Self>) -> Result<SpillFile> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            *made = Some(self.make()?);
        }
        let Some(directory) = made.as_mut() else {
            return Err(Error::internal("the spill directory vanished"));
        };
        let path = directory.path.join(format!("{number:06}.arrows"));
        let writer = self
            .files
            .create(&path, true)
            .map_err(|error| self.failed("create a spill file", &path, 0, error))?;
        directory.written.push(path.clone());
        drop(made);
        Ok(SpillFile {
            directory: Arc::clone(self),
            file: Arc::new(Opened { path, reader: OnceLock::new() }),
            writer,
            end: 0,
        })
    }

    fn make(&self) -> Result<Made> {
        const ATTEMPTS: usize = 64;
        self.sweep();
        for _ in 0..ATTEMPTS {
            let path = self.parent.join(format!("{PREFIX}{}-{:016x}", std::process::id(), random()));
            self.files
                .create_dir(&path, true)
                .map_err(|error| self.failed("create the spill directory", &path, 0, error))?;
            let lock_path = path.join(LOCK);
            match self.lock(&lock_path) {
                Ok(Some(lock)) => {
                    return Ok(Made { path, written: vec![lock_path], _lock: LockGuard(Some(lock)) });
                }
                Ok(None) => {}
                Err(error) => {
                    drop(self.files.remove_file(&lock_path));
                    drop(self.files.remove_dir(&path));
                    return Err(self.failed("lock the spill directory", &lock_path, 0, error));
                }
            }
        }
        let error = std::io::Error::from(std::io::ErrorKind::WouldBlock);
        Err(self.failed("lock a spill directory", &self.parent, 0, error))
    }

    /// Makes and takes a directory's lock. `None` if the sweep of another run met the lock before it was taken:
    /// then the directory is being removed, and this run needs another one.
    fn lock(&self, path: &Path) -> std::io::Result<Option<Box<dyn std::any::Any + Send + Sync>>> {
        let lock = self.files.create(path, true).and_then(|_| self.files.try_lock(path));
        // The lock of a file that was removed meanwhile is worth nothing.
        match lock.and_then(|lock| self.files.info(path).map(|_| lock)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => other,
        }
    }

    /// Removes what crashed runs left. Nothing here may fail this run: what cannot be removed stays.
    fn sweep(&self) {
        let Ok(entries) = self.files.list(&self.parent) else { return };
        for entry in entries {
            let name =
                entry.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if entry.kind != FileKind::Directory || !name.starts_with(PREFIX) {
                continue;
            }
            match self.files.try_lock(&entry.path.join(LOCK)) {
                Ok(Some(_held)) => {
                    if let Ok(left) = self.files.list(&entry.path) {
                        let left: Vec<PathBuf> = left.into_iter().map(|file| file.path).collect();
                        self.remove(&entry.path, &left);
                    }
                }
                Ok(None) => {}
                // Without a lock it is empty: a run ended before it made one. One that is just about to will
                // find its directory gone, and makes another.
                Err(_) => drop(self.files.remove_dir(&entry.path)),
            }
        }
    }

    /// Removes a directory and the files in it, the lock last: what cannot be removed now is known by it to the
    /// next run's sweep.
    fn remove(&self, path: &Path, files: &[PathBuf]) {
        let lock = path.join(LOCK);
        let others = files.iter().filter(|file| **file != lock);
        let kept = others.filter(|file| self.files.remove_file(file).is_err()).count();
        if kept == 0 {
            drop(self.files.remove_file(&lock));
            drop(self.files.remove_dir(path));
        }
    }

    fn failed(&self, doing: &'static str, path: &Path, bytes: usize, error: std::io::Error) -> Error {
        let error = Error::from(partita_io::Error::system(doing, path, error));
        let written = usize::try_from(self.written.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let need = match bytes {
            0 => String::new(),
            bytes => format!(": {bytes} bytes more are needed beside the {} spilled so far", mib(written)),
        };
        error.context(format!(
            "while spilling to {}{need}; choose another place with `spill_dir` or raise `memory_limit`",
            self.parent.display()
        ))
    }
}

impl Drop for SpillDirectory {
    fn drop(&mut self) {
        let made = self.made.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.take() {
            // The run is over; a file that cannot be removed now is swept by the next run.
            self.remove(&made.path, &made.written);
        }
    }
}

/// Bits that another process cannot guess: the standard library's per-process hash keys come from the system.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// One spill file being written.
pub(crate) struct SpillFile {
    directory: Arc<SpillDirectory>,
    file: Arc<Opened>,
    writer: Box<dyn WriteFile>,
    end: u64,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    reader: OnceLock<Arc<dyn ReadFile>>,
}

/// Where a run lies in a spill file.
#[derive(Debug)]
pub(crate) struct SpilledRun {
    directory: Arc<SpillDirectory>,
    file: Arc<Opened>,
    blocks: Box<[Block]>,
    /// Of all rows in memory.
    bytes: usize,
}

/// There are many of them, so they are small: a run has fewer rows than 2³², and a block fewer bytes.
#[derive(Debug)]
struct Block {
    first_row: u32,
    rows: u32,
    offset: u64,
    bytes: u32,
    checksum: u32,
}

impl Block {
    /// Of the run.
    fn rows(&self) -> Range<usize> {
        self.first_row as usize..self.first_row as usize + self.rows as usize
    }
}

/// The rows of a block, of a run of so many rows and bytes.
pub(super) fn block_rows(rows: usize, bytes: usize) -> usize {
    let block_bytes = (bytes / BLOCKS).clamp(*BLOCK_BYTES.start(), *BLOCK_BYTES.end());
    (rows.saturating_mul(block_bytes) / bytes.max(1)).clamp(1, BLOCK_ROWS)
}

impl SpillFile {
    /// Writes batches of so many `rows` and `bytes` in all as a run. Blocks end at the first of `ends`, which are positions
    /// among the rows in ascending order, that makes them long enough, if it is near.
    ///
    /// # Errors
    /// The disk is full or fails; the message names the directory and the bytes needed.
    pub(crate) fn write(
        &mut self,
        batches: impl Iterator<Item = RecordBatch>,
        (rows, bytes): (usize, usize),
        ends: &[u32],
    ) -> Result<SpilledRun> {
        let block_rows = block_rows(rows, bytes);
        let longest = rows.saturating_mul(LONGEST_BYTES) / bytes.max(1);
        let mut blocks = Vec::new();
        let mut first_row = 0;
        for batch in batches {
            let mut start = 0;
            while start < batch.num_rows() {
                let least = first_row + block_rows;
                let end = ends.get(ends.partition_point(|end| (*end as usize) < least));
                let end = end.map_or(least, |end| *end as usize);
                let rows = if end - first_row <= longest { end - first_row } else { block_rows };
                let rows = rows.min(batch.num_rows() - start);
                blocks.push(self.write_block(&batch.slice(start, rows), first_row)?);
                start += rows;
                first_row += rows;
            }
        }
        self.writer
            .flush()
            .map_err(|error| self.directory.failed("write a spill file", &self.file.path, 0, error))?;
        let (directory, file) = (Arc::clone(&self.directory), Arc::clone(&self.file));
        Ok(SpilledRun { directory, file, blocks: blocks.into(), bytes })
    }

    fn write_block(&mut self, rows: &RecordBatch, first_row: usize) -> Result<Block> {
        let encoded = encode(rows)?;
        self.writer.write_all(&encoded).map_err(|error| {
            self.directory.failed("write a spill file", &self.file.path, encoded.len(), error)
        })?;
        let (offset, bytes) = (self.end, encoded.len());
        self.end += bytes as u64;
        self.directory.written.fetch_add(bytes as u64, Ordering::Relaxed);
        let number = |count: usize| {
            u32::try_from(count).map_err(|_| Error::internal("a block of a spill file is larger than 4 GiB"))
        };
        Ok(Block {
            first_row: number(first_row)?,
            rows: number(rows.num_rows())?,
            offset,
            bytes: number(bytes)?,
            checksum: checksum(&encoded),
        })
    }
}

impl SpilledRun {
    pub(crate) fn bytes_on_disk(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.bytes)).sum()
    }

    /// The first row after the block that holds `row`.
    pub(super) fn block_end(&self, row: usize) -> usize {
        let at = self.blocks.partition_point(|block| block.rows().end <= row);
        self.blocks.get(at).map_or(usize::MAX, |block| block.rows().end)
    }

    /// How many bytes its rows take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory that it takes itself.
    pub(super) fn own_bytes(&self) -> usize {
        size_of_val(&*self.blocks)
    }

    /// About how many bytes the rows of a block take in memory.
    pub(super) fn block_bytes(&self) -> usize {
        self.bytes / self.blocks.len().max(1)
    }

    /// # Errors
    /// The file cannot be read, or was changed since it was written.
    pub(crate) fn read(&self, rows: Range<usize>) -> Result<Vec<RecordBatch>> {
        let first = self.blocks.partition_point(|block| block.rows().end <= rows.start);
        let wanted = self.blocks[first..].iter().take_while(|block| block.rows().start < rows.end);
        wanted
            .map(|block| {
                let batch = self.read_block(block)?;
                let of_run = block.rows();
                let (from, to) = (rows.start.max(of_run.start), rows.end.min(of_run.end));
                Ok(batch.slice(from - of_run.start, to - from))
            })
            .collect()
    }

    fn read_block(&self, block: &Block) -> Result<RecordBatch> {
        let failed = |error| self.directory.failed("read a spill file", &self.file.path, 0, error);
        let reader = match self.file.reader.get() {
            Some(reader) => reader,
            None => {
                let opened = self.directory.files.open(&self.file.path).map_err(failed)?;
                self.file.reader.get_or_init(|| opened)
            }
        };
        let mut bytes = vec![0; block.bytes as usize];
        partita_io::read_exact_at(reader.as_ref(), block.offset, &mut bytes).map_err(failed)?;
        let damaged = || {
            Error::from(
                partita_io::Error::corrupt("a spill file was changed while the run was going on")
                    .in_file(&self.file.path),
            )
        };
        if checksum(&bytes) != block.checksum {
            return Err(damaged());
        }
        let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
        reader.next().ok_or_else(damaged)?.map_err(Error::from)
    }
}

fn encode(batch: &RecordBatch) -> Result<Vec<u8>> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let batch = narrow_batch(batch)?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options)?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(bytes);
    crc.finalize()
}
