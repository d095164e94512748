//! Every call to the system fails once, in turn, for every format and mode: the error is clean, the old data
//! is untouched and nothing is left. Then the disk dies at every call: readers see the old data, and the next
//! run cleans up.

use super::*;
use crate::filesystem::{Call, Fault, Faulty};

const FAULTS: [Fault; 3] = [Fault::Full, Fault::Broken, Fault::Denied];

fn options(format: &WriteFormat, mode: Mode) -> WriteOptions {
    WriteOptions {
        mode,
        partition_by: vec!["kind".into()],
        success_marker: true,
        partition_buffer_bytes: 0,
        ..WriteOptions::new(format.clone())
    }
}

fn attempt(files: &Faulty, root: &Path, options: WriteOptions) -> Result<WriteReport> {
    write(Arc::new(files.clone()), root, &[rows(100, 4, 2), rows(104, 2, 2)], options)
}

/// Old data for the modes that want some.
fn prepare(root: &Path, format: &WriteFormat, mode: Mode) {
    if mode != Mode::Error {
        write(local(), root, &[rows(0, 4, 2)], options(format, Mode::Error)).unwrap();
    }
}

/// Runs `case` with the N-th call failing, for every N until no call is left to fail; returns N.
fn for_every_call(mut case: impl FnMut(&Faulty, u64)) -> u64 {
    for nth in 0.. {
        let faulty = Faulty::new(local());
        case(&faulty, nth);
        if !faulty.journal().iter().any(|entry| entry.faulted) {
            return nth;
        }
        assert!(nth < 2_000, "the run never ends");
    }
    unreachable!("the loop returns")
}

#[test]
fn one_failing_call_is_a_clean_error() {
    for format in formats() {
        for mode in [Mode::Error, Mode::Overwrite, Mode::Append] {
            for fault in FAULTS {
                let scratch = scratch();
                let root = scratch.path().join("above/data");
                let calls = for_every_call(|faulty, nth| {
                    let _ = std::fs::remove_dir_all(scratch.path().join("above"));
                    prepare(&root, &format, mode);
                    let before = tree(scratch.path());
                    faulty.fail_once(None, nth, fault);
                    let result = attempt(faulty, &root, options(&format, mode));
                    let failed = faulty.journal().into_iter().find(|entry| entry.faulted);
                    let context = format!("{} {mode:?} {fault:?} call {nth}: {failed:?}", format.name());
                    match result {
                        Err(error) => {
                            assert_eq!(tree(scratch.path()), before, "{context}: {error}");
                            let system = error.system_error().and_then(std::io::Error::raw_os_error);
                            assert_eq!(system, fault.error().unwrap().raw_os_error(), "{context}: {error}");
                            assert!(error.path().is_some(), "{context}: {error}");
                        }
                        Ok(report) => {
                            assert_eq!(report.rows, 6, "{context}");
                            let old = if mode == Mode::Append { 2 } else { 0 };
                            assert_eq!(visible(&root).len(), old + report.files.len(), "{context}");
                            assert!(report.notices.is_empty(), "{context}");
                            assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new(), "{context}");
                        }
                    }
                });
                assert!(calls > 20, "only {calls} calls");
            }
        }
    }
}

#[test]
fn a_disk_that_dies_leaves_old_or_new_and_the_next_run_cleans_up() {
    let format = WriteFormat::Parquet(ParquetWriteOptions::default());
    for mode in [Mode::Error, Mode::Overwrite, Mode::Append] {
        let scratch = scratch();
        let root = scratch.path().join("data");
        for_every_call(|faulty, nth| {
            let _ = std::fs::remove_dir_all(&root);
            prepare(&root, &format, mode);
            let old = visible(&root).iter().map(|f| read_parquet(f).num_rows()).sum::<usize>();
            faulty.fail_from(None, nth, Fault::Broken);
            let result = attempt(faulty, &root, options(&format, mode));
            let seen = visible(&root).iter().map(|f| read_parquet(f).num_rows()).sum::<usize>();
            let new = if mode == Mode::Append { old + 6 } else { 6 };
            assert!(seen == old || seen == new, "{mode:?} call {nth}: {seen} rows, {result:?}");
            if result.is_ok() {
                assert_eq!(seen, new, "{mode:?} call {nth}");
            }
            // The next run repairs and sweeps.
            let after = WriteOptions { mode: Mode::Append, ..options(&format, mode) };
            write(local(), &root, &[rows(0, 1, 1)], after).unwrap();
            assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new(), "{mode:?} call {nth}");
            let total = visible(&root).iter().map(|f| read_parquet(f).num_rows()).sum::<usize>();
            assert_eq!(total, seen + 1, "{mode:?} call {nth}");
        });
    }
}

#[test]
fn without_exchange_the_old_dataset_is_kept_until_the_end() {
    let unsupported = Fault::Errno(rustix::io::Errno::INVAL.raw_os_error());
    let scratch = scratch();
    let root = scratch.path().join("data");
    let format = WriteFormat::Parquet(ParquetWriteOptions::default());
    let ids = |root: &Path| {
        use arrow::array::AsArray;
        let all = read_all(root);
        let mut ids = all.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
        ids.sort_unstable();
        ids
    };
    for once in [true, false] {
        for_every_call(|faulty, nth| {
            let _ = std::fs::remove_dir_all(&root);
            prepare(&root, &format, Mode::Overwrite);
            faulty.fail_from(Call::Exchange, 0, unsupported);
            if once {
                faulty.fail_once(None, nth, Fault::Broken);
            } else {
                faulty.fail_from(None, nth, Fault::Broken);
            }
            let result = attempt(faulty, &root, options(&format, Mode::Overwrite));
            if once {
                assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new(), "call {nth}");
            }
            // If it died between the two renames, beginning anything there puts the old dataset back.
            drop(DatasetWriter::begin(
                local(),
                scratch.path().join("other"),
                rows(0, 1, 1).schema(),
                parquet(),
            ));
            assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new(), "call {nth}");
            let (old, new) = (vec![0, 1, 2, 3], vec![100, 101, 102, 103, 104, 105]);
            let found = ids(&root);
            assert!(found == old || found == new, "call {nth}: {found:?}");
            if result.is_ok() {
                assert_eq!(found, new);
            } else if once {
                assert_eq!(found, old, "call {nth}");
            }
            // The exchange always has its fault: this loop ends when the other rule finds nothing to do.
            if faulty.journal().iter().filter(|e| e.faulted).all(|e| e.call == Call::Exchange) {
                faulty.clear_journal();
            }
        });
    }
}

#[test]
fn a_single_file_is_old_or_new_at_every_failure() {
    for format in formats() {
        for mode in [Mode::Error, Mode::Overwrite] {
            let scratch = scratch();
            let file = scratch.path().join("out");
            for_every_call(|faulty, nth| {
                let _ = std::fs::remove_file(&file);
                if mode == Mode::Overwrite {
                    std::fs::write(&file, b"old").unwrap();
                }
                let before = tree(scratch.path());
                faulty.fail_once(None, nth, Fault::Full);
                let options =
                    WriteOptions { mode, layout: Layout::SingleFile, ..WriteOptions::new(format.clone()) };
                let result = write(Arc::new(faulty.clone()), &file, &[rows(0, 5, 1)], options);
                match result {
                    Ok(_) => {
                        assert_eq!(tree(scratch.path()).len(), 1);
                        assert_ne!(tree(scratch.path()), before);
                    }
                    Err(error) => assert_eq!(tree(scratch.path()), before, "{mode:?} call {nth}: {error}"),
                }
            });
        }
    }
}

#[test]
fn interrupted_and_short_writes_lose_nothing() {
    let scratch = scratch();
    for format in formats() {
        let whole = scratch.path().join("whole");
        let _ = std::fs::remove_dir_all(&whole);
        attempt(&Faulty::new(local()), &whole, options(&format, Mode::Error)).unwrap();
        for fault in [Fault::Short, Fault::Interrupted] {
            for nth in 0..20 {
                let root = scratch.path().join("data");
                let _ = std::fs::remove_dir_all(&root);
                let faulty = Faulty::new(local());
                faulty.fail_once(Call::Write, nth, fault);
                faulty.fail_once(Call::Read, nth, fault);
                attempt(&faulty, &root, options(&format, Mode::Error)).unwrap();
                let strip = |root: &Path| {
                    tree(root)
                        .into_iter()
                        .map(|(p, c)| (p.strip_prefix(root).unwrap().to_path_buf(), c))
                        .collect::<Vec<_>>()
                };
                assert_eq!(strip(&root), strip(&whole));
            }
        }
    }
}

#[test]
fn everything_is_synced_before_it_is_visible() {
    let scratch = scratch();
    for mode in [Mode::Error, Mode::Overwrite, Mode::Append] {
        let root = scratch.path().join(format!("{mode:?}"));
        let format = WriteFormat::Parquet(ParquetWriteOptions::default());
        prepare(&root, &format, mode);
        let faulty = Faulty::new(local());
        attempt(&faulty, &root, options(&format, mode)).unwrap();
        let journal = faulty.journal();
        let at = |what: &dyn Fn(&crate::JournalEntry) -> bool| journal.iter().position(what);
        let last = |what: &dyn Fn(&crate::JournalEntry) -> bool| journal.iter().rposition(what);
        let visible_at = match mode {
            Mode::Append => {
                last(&|e| e.call == Call::RemoveFile && e.path.to_string_lossy().contains("_append-"))
            }
            Mode::Overwrite => at(&|e| e.call == Call::Exchange),
            Mode::Error => at(&|e| e.call == Call::Rename && e.to.as_deref() == Some(&root)),
        }
        .unwrap();
        for entry in
            journal.iter().filter(|e| e.call == Call::Create && !e.path.to_string_lossy().contains("spill-"))
        {
            // The lock holds nothing; an append finds the marker that the first run made.
            if entry.path.ends_with("_lock") || (mode == Mode::Append && entry.path.ends_with("_SUCCESS")) {
                continue;
            }
            let synced = at(&|e| e.call == Call::Sync && e.path == entry.path).expect("every file is synced");
            assert!(synced < visible_at, "{:?}", entry.path);
            // An appended file is moved, and the directory that it is moved to must be synced.
            let moved = journal.iter().find(|e| e.call == Call::Rename && e.path == entry.path);
            let directory =
                moved.and_then(|e| e.to.as_deref()).unwrap_or(&entry.path).parent().unwrap().to_path_buf();
            let named =
                last(&|e| e.call == Call::SyncDir && e.path == directory).expect("every directory is synced");
            assert!(named > synced, "{directory:?}");
            if mode != Mode::Append {
                assert!(named < visible_at, "{directory:?}");
            }
        }
        let durable = last(&|e| e.call == Call::SyncDir).unwrap();
        assert!(durable > visible_at, "the name itself is synced last");
        if mode == Mode::Append {
            let journal_synced =
                at(&|e| e.call == Call::Sync && e.path.to_string_lossy().contains("_append-")).unwrap();
            let first_move =
                at(&|e| e.call == Call::Rename && e.path.to_string_lossy().contains("part-")).unwrap();
            let root_synced =
                at(&|e| e.call == Call::SyncDir && e.path == root.canonicalize().unwrap()).unwrap();
            assert!(journal_synced < root_synced && root_synced < first_move);
        }
    }
}

/// The files of a dataset with hundreds of them, and the calls that made it.
fn write_many(faulty: &Faulty, root: &Path) -> Result<WriteReport> {
    let format = WriteFormat::Parquet(ParquetWriteOptions::default());
    write(Arc::new(faulty.clone()), root, &[rows(0, 600, 600)], options(&format, Mode::Error))
}

#[cfg(target_os = "linux")]
#[test]
fn of_very_many_files_most_are_synced_by_one_call_before_the_dataset_is_seen() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let faulty = Faulty::new(local());
    assert_eq!(write_many(&faulty, &root).unwrap().files.len(), 600);
    let journal = faulty.journal();
    let last = |call: Call| journal.iter().rposition(|entry| entry.call == call);
    assert!(faulty.count(Call::Sync) < 300 && faulty.count(Call::SyncDir) < 10, "one by one after all");
    let named = |name: &str| journal.iter().rposition(|e| e.call == Call::Create && e.path.ends_with(name));
    assert_eq!(faulty.count(Call::SyncAll), 2);
    assert!(last(Call::SyncAll) > named("kind=k599/part-00000-0.parquet"));
    assert!(last(Call::SyncAll) < last(Call::Rename));
}

#[test]
fn where_a_file_system_cannot_be_synced_as_a_whole_each_file_is() {
    let scratch = scratch();
    let faulty = Faulty::new(local());
    faulty.fail_from(Call::SyncAll, 0, Fault::Errno(rustix::io::Errno::NOSYS.raw_os_error()));
    write_many(&faulty, &scratch.path().join("data")).unwrap();
    assert!(faulty.count(Call::Sync) > 600 && faulty.count(Call::SyncDir) > 600);
}

#[test]
fn a_file_system_that_fails_to_sync_leaves_nothing() {
    for nth in 0..2 {
        let scratch = scratch();
        let faulty = Faulty::new(local());
        faulty.fail_once(Call::SyncAll, nth, Fault::Broken);
        let error = write_many(&faulty, &scratch.path().join("data")).unwrap_err();
        assert!(error.to_string().contains("sync the file system"), "{error}");
        assert!(tree(scratch.path()).is_empty(), "call {nth}: {error}");
    }
}
