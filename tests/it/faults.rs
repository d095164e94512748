//! A file system that fails: the N-th call of one run fails, for every N. The run may succeed in spite of it,
//! and then its answer is right; or it fails, and then the message names a path and nothing is left behind.

use std::path::Path;
use std::sync::Arc;

use partita::io::csv::CsvOptions;
use partita::io::{Call, Fault, Faulty, Local, Mode, ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;

use crate::files::{below, rows};
use crate::rows::{Rows, row};

struct Place {
    directory: tempfile::TempDir,
    files: Faulty,
    session: Session,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        std::fs::create_dir(path.join("spill")).expect("a directory");
        let sold: String =
            (0..60).map(|number| format!("{},{number}\n", ["a", "b", "c"][number % 3])).collect();
        std::fs::write(path.join("sold.csv"), format!("k,v\n{sold}")).expect("a file");
        std::fs::write(path.join("names.csv"), "k,name\na,Anna\nb,Bert\nd,Dora\n").expect("a file");
        let files = Faulty::new(Arc::new(Local));
        let session = Session::builder()
            .threads(1)
            .files(Arc::new(files.clone()))
            .spill_dir(path.join("spill"))
            .exchange_limit(0)
            .broadcast_bytes(0)
            .run_bytes(256)
            .build()
            .expect("settings that work");
        Place { directory, files, session }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Reads two files, groups, joins, sorts and writes; every exchange spills.
    fn run(&self, mode: Mode) -> partita::Result<()> {
        let read = |name: &str| self.session.read_csv(self.path(name), CsvOptions::default());
        let options = WriteOptions {
            mode,
            partition_by: vec!["k".to_owned()],
            ..WriteOptions::new(WriteFormat::Parquet(ParquetWriteOptions::default()))
        };
        let grouped = read("sold.csv").groupby(["k"]).agg([col("v").sum().alias("v")]);
        let joined = grouped.merge(&read("names.csv"), on(["k"])).sort_values(["name"]);
        joined.write(self.path("out"), options).map(drop)
    }

    fn answer(&self) -> Rows {
        let frame = read_parquet(self.path("out")).select(["v", "name", "k"]).sort_values(["k"]);
        rows(&frame).expect("a dataset that is there is whole")
    }

    /// What lies there that is neither input nor answer.
    fn leftovers(&self) -> Vec<String> {
        let known = ["spill", "sold.csv", "names.csv", "out"].map(|name| self.path(name));
        let known = known.map(|path| path.to_string_lossy().into_owned());
        let out = known[3].clone() + "/";
        below(self.directory.path())
            .into_iter()
            .filter(|path| !known.contains(path) && !path.starts_with(&out))
            .collect()
    }
}

fn expected() -> Rows {
    // 0 + 3 + ... + 57, and 1 + 4 + ... + 58.
    Rows::new(&["v", "name", "k"], vec![row![570, "Anna", "a"], row![590, "Bert", "b"]])
}

/// The calls by which a run cleans up, or looks what others left: when one fails, something may stay for the
/// next run to sweep.
fn cleans_up(call: Call) -> bool {
    matches!(call, Call::RemoveFile | Call::RemoveDir | Call::TryLock | Call::List | Call::Info)
}

fn one_fault(nth: u64, fault: Fault) {
    let place = Place::new();
    place.files.fail_once(None, nth, fault);
    let result = place.run(Mode::Error);
    let failed = place.files.journal().into_iter().find(|entry| entry.faulted).expect("a call that failed");
    let (call, what) =
        (failed.call, format!("call {nth} {:?} {} {fault:?}", failed.call, failed.path.display()));
    place.files.heal();
    match result {
        Ok(()) => assert_eq!(place.answer().difference(&expected(), true, true), None, "{what}"),
        Err(error) => {
            let message = error.to_string();
            let root = place.directory.path().to_string_lossy();
            assert!(message.contains(&*root), "{what}: no path in: {message}");
            assert!(!error.is_panic() && !message.contains("internal error"), "{what}: {message}");
            // Once it is renamed into place a dataset stays, even if the sync of its parent fails.
            if place.path("out").exists() {
                assert_eq!(place.answer().difference(&expected(), true, true), None, "{what}");
            }
        }
    }
    if cleans_up(call) {
        // The next run sweeps.
        place.run(Mode::Overwrite).unwrap_or_else(|error| panic!("{what}: the next run fails: {error}"));
    }
    assert_eq!(place.leftovers(), Vec::<String>::new(), "{what}");
}

fn calls() -> u64 {
    let place = Place::new();
    place.run(Mode::Error).expect("nothing fails");
    assert_eq!(place.answer().difference(&expected(), true, true), None);
    assert_eq!(place.leftovers(), Vec::<String>::new());
    let spilled = |path: &Path| path.starts_with(place.path("spill"));
    let wrote = place.files.journal().iter().any(|entry| entry.call == Call::Write && spilled(&entry.path));
    assert!(wrote, "nothing was spilled");
    place.files.count(None)
}

#[test]
fn every_call_broken_once() {
    for nth in 0..calls() {
        one_fault(nth, Fault::Broken);
    }
}

#[test]
fn every_call_with_a_full_disk_or_without_permission() {
    for nth in 0..calls() {
        one_fault(nth, if nth % 2 == 0 { Fault::Full } else { Fault::Denied });
    }
}

#[test]
fn interrupted_and_short_calls_do_not_matter() {
    for nth in 0..calls() {
        let fault = if nth % 2 == 0 { Fault::Interrupted } else { Fault::Short };
        let place = Place::new();
        place.files.fail_once([Call::Read, Call::Write][(nth / 2 % 2) as usize], nth / 4, fault);
        place.run(Mode::Error).unwrap_or_else(|error| panic!("{fault:?} {nth}: {error}"));
        assert_eq!(place.answer().difference(&expected(), true, true), None);
        assert_eq!(place.leftovers(), Vec::<String>::new());
    }
}

#[test]
fn a_disk_that_fails_from_some_call_on_loses_no_old_dataset() {
    let place = Place::new();
    place.run(Mode::Error).expect("nothing fails");
    let before = place.files.count(None);
    place.run(Mode::Overwrite).expect("nothing fails");
    let calls = place.files.count(None) - before;
    for nth in 0..calls {
        place.files.fail_from(None, nth, Fault::Broken);
        let _ = place.run(Mode::Overwrite);
        place.files.heal();
        assert_eq!(place.answer().difference(&expected(), true, true), None, "from call {nth} on");
    }
    place.run(Mode::Overwrite).expect("the next run sweeps");
    assert_eq!(place.leftovers(), Vec::<String>::new());
}
