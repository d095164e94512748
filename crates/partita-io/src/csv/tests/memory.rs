//! A file system of a few files in memory, so that thousands of random files cost nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::{FileInfo, FileKind, FileSystem, ReadFile, WriteFile};

type Contents = Arc<Mutex<BTreeMap<PathBuf, Arc<Vec<u8>>>>>;

#[derive(Debug, Default)]
pub(super) struct Memory(Contents);

impl Memory {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let memory = Memory::default();
        for (name, bytes) in files {
            memory.put(name, bytes);
        }
        memory
    }
    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        self.0.lock().unwrap().insert(PathBuf::from(name), Arc::new(bytes.to_vec()));
    }
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let files = self.0.lock().unwrap();
        files.get(Path::new(name)).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }
    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().map(|path| path.display().to_string()).collect()
    }
    pub(super) fn info_of(name: &str, len: usize) -> FileInfo {
        let path = PathBuf::from(name);
        FileInfo { path, kind: FileKind::File, len: len as u64, modified: None, identity: None }
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[derive(Debug)]
struct OneFile(PathBuf, Contents);

impl OneFile {
    fn bytes(&self) -> io::Result<Arc<Vec<u8>>> {
        self.1.lock().unwrap().get(&self.0).cloned().ok_or_else(not_found)
    }
}

impl ReadFile for OneFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes()?;
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn info(&self) -> io::Result<FileInfo> {
        Ok(Memory::info_of(&self.0.display().to_string(), self.bytes()?.len()))
    }
}

#[derive(Debug)]
struct NewFile(PathBuf, Contents);

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut files = self.1.lock().unwrap();
        let file = files.get_mut(&self.0).ok_or_else(not_found)?;
        Arc::make_mut(file).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for NewFile {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileSystem for Memory {
    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        OneFile(path.to_path_buf(), Arc::clone(&self.0)).info()
    }
    fn list(&self, _directory: &Path) -> io::Result<Vec<FileInfo>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = OneFile(path.to_path_buf(), Arc::clone(&self.0));
        file.bytes()?;
        Ok(Arc::new(file))
    }
    fn create(&self, path: &Path, _private: bool) -> io::Result<Box<dyn WriteFile>> {
        if self.0.lock().unwrap().insert(path.to_path_buf(), Arc::default()).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(Box::new(NewFile(path.to_path_buf(), Arc::clone(&self.0))))
    }
    fn create_dir(&self, _path: &Path, _private: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let bytes = files.remove(from).ok_or_else(not_found)?;
        files.insert(to.to_path_buf(), bytes);
        Ok(())
    }
    fn exchange(&self, _a: &Path, _b: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().remove(path).map(|_| ()).ok_or_else(not_found)
    }
    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn sync_dir(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }
    fn try_lock(&self, _path: &Path) -> io::Result<Option<Box<dyn std::any::Any + Send + Sync>>> {
        Ok(None)
    }
}
