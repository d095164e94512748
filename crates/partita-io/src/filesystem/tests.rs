//! Tests of the real and of the faulty file system.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use super::*;
use crate::DataFile;

#[test]
fn create_refuses_what_exists_and_links() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    Local.create(&path, true).unwrap().write_all(b"x").unwrap();
    assert_eq!(Local.create(&path, true).unwrap_err().kind(), ErrorKind::AlreadyExists);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let link = directory.path().join("link");
        symlink(directory.path().join("elsewhere"), &link).unwrap();
        assert!(Local.create(&link, false).is_err());
        assert!(!directory.path().join("elsewhere").exists());
        assert!(Local.is_link(&link).unwrap() && !Local.is_link(&path).unwrap());
        let private = directory.path().join("private");
        Local.create_dir(&private, true).unwrap();
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn list_tells_kinds_and_opening_a_directory_fails() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), b"abc").unwrap();
    std::fs::create_dir(directory.path().join("d")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", directory.path().join("l")).unwrap();
    let mut entries = Local.list(directory.path()).unwrap();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let kinds: Vec<_> = entries.iter().map(|e| (e.kind, e.len)).collect();
    assert_eq!(kinds[..2], [(FileKind::Directory, 0), (FileKind::File, 3)]);
    #[cfg(unix)]
    assert_eq!(kinds[2], (FileKind::Other, 0));
    assert_eq!(Local.open(&directory.path().join("d")).unwrap_err().kind(), ErrorKind::IsADirectory);
}

#[cfg(target_os = "linux")]
#[test]
fn exchange_swaps_directories() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    std::fs::create_dir(&a).unwrap();
    std::fs::write(a.join("in_a"), b"").unwrap();
    std::fs::create_dir(&b).unwrap();
    match Local.exchange(&a, &b) {
        Ok(()) => assert!(b.join("in_a").exists() && !a.join("in_a").exists()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
    Local.sync_dir(directory.path()).unwrap();
}

#[test]
fn a_lock_is_held_until_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    std::fs::write(&path, b"").unwrap();
    let held = Local.try_lock(&path).unwrap();
    assert!(held.is_some());
    assert!(Local.try_lock(&path).unwrap().is_none());
    drop(held);
    assert!(Local.try_lock(&path).unwrap().is_some());
}

#[test]
fn faults_hit_the_right_call() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    let faulty = Faulty::new(Arc::new(Local));
    faulty.fail_once(Call::Write, 1, Fault::Full);
    let mut file = faulty.create(&path, false).unwrap();
    assert_eq!(file.write(b"one").unwrap(), 3);
    assert_eq!(file.write(b"two").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.write(b"six").unwrap(), 3);
    assert_eq!(faulty.count(Call::Write), 3);
    assert_eq!(faulty.count(None), 4);
    assert_eq!(faulty.journal().iter().map(|e| e.faulted).collect::<Vec<_>>(), [false, false, true, false]);

    faulty.fail_from(None, 1, Fault::Broken);
    assert!(faulty.info(&path).is_ok());
    assert!(faulty.info(&path).is_err() && faulty.open(&path).is_err());
    faulty.heal();
    assert!(faulty.open(&path).is_ok());
}

#[test]
fn interrupted_and_short_transfers_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    let content: Vec<u8> = (0..=255).collect();
    let faulty = Faulty::new(Arc::new(Local));
    for nth in 0..4 {
        let _ = std::fs::remove_file(&path);
        faulty.heal();
        faulty.fail_once(Call::Write, nth, Fault::Short);
        faulty.fail_once(Call::Write, nth + 1, Fault::Interrupted);
        faulty.fail_once(Call::Read, nth, Fault::Interrupted);
        faulty.fail_once(Call::Read, nth + 1, Fault::Short);
        let mut file = faulty.create(&path, false).unwrap();
        for piece in content.chunks(100) {
            file.write_all(piece).unwrap();
        }
        let file = faulty.open(&path).unwrap();
        let mut read = vec![0; 256];
        for (index, piece) in read.chunks_mut(100).enumerate() {
            read_exact_at(&*file, index as u64 * 100, piece).unwrap();
        }
        assert_eq!(read, content);
        let mut beyond = [0; 10];
        assert_eq!(read_full_at(&*file, 250, &mut beyond).unwrap(), 6);
        assert_eq!(read_exact_at(&*file, 250, &mut beyond).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn ranges_are_read_whole_however_they_come() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    let content: Vec<u8> = (0..=255).collect();
    std::fs::write(&path, &content).unwrap();
    let faulty = Faulty::new(Arc::new(Local));
    let systems: [&dyn FileSystem; 2] = [&Local, &faulty];
    for files in systems {
        faulty.heal();
        let file = files.open(&path).unwrap();
        let mut bytes = Vec::with_capacity(1_000);
        assert_eq!(file.append_at(0, &mut bytes).unwrap(), 256);
        assert_eq!(file.append_at(256, &mut bytes).unwrap(), 0);
        assert_eq!(file.append_at(250, &mut bytes).unwrap(), 6);
        assert_eq!((&bytes[..256], &bytes[256..]), (&content[..], &content[250..]));
        let opened = DataFile::open(files, &files.info(&path).unwrap()).unwrap();
        for (offset, len) in [(0, 256), (10, 100), (255, 1), (256, 0), (7, 0)] {
            faulty.heal();
            faulty.fail_once(Call::Read, 0, Fault::Interrupted);
            faulty.fail_once(Call::Read, 1, Fault::Short);
            let expected = &content[offset..offset + len];
            assert_eq!(opened.read_range(offset as u64, len as u64).unwrap(), expected);
        }
        faulty.heal();
        assert!(opened.read_range(200, 57).unwrap_err().to_string().contains("cut off"));
    }
    let opened = DataFile::open(&Local, &Local.info(&path).unwrap()).unwrap();
    std::fs::write(&path, &content[..100]).unwrap();
    assert!(opened.read_range(50, 100).unwrap_err().to_string().contains("was changed"));
}
