//! A process that writes is killed at many moments: a reader finds the old dataset or the new one, and the
//! next writer finds nothing in its way.
//!
//! The process is this test binary, started anew to run [`child`] alone.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;

use super::*;

const TARGET: &str = "PARTITA_TEST_KILL_TARGET";
const MODE: &str = "PARTITA_TEST_KILL_MODE";
const ROWS: usize = 3_000;

fn generation(number: i64) -> RecordBatch {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![number; ROWS]));
    let kinds: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|i| i % 4)));
    RecordBatch::try_from_iter([("generation", values), ("kind", kinds)]).unwrap()
}

fn options(mode: Mode) -> WriteOptions {
    WriteOptions { mode, partition_by: vec!["kind".into()], ..parquet() }
}

/// Writes generation after generation until it is killed. Does nothing unless started by [`kill`].
#[test]
fn child() {
    let (Ok(target), Ok(mode)) = (std::env::var(TARGET), std::env::var(MODE)) else { return };
    let mode = if mode == "append" { Mode::Append } else { Mode::Overwrite };
    let started = Instant::now();
    for number in 1.. {
        write(local(), Path::new(&target), &[generation(number), generation(number)], options(mode)).unwrap();
        if started.elapsed() > Duration::from_secs(20) {
            return; // the parent is gone
        }
    }
}

fn start(target: &Path, mode: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["dataset::tests::kill::child", "--exact", "--test-threads=1"])
        .env(TARGET, target)
        .env(MODE, mode)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Rows of each generation that a reader sees.
fn seen(root: &Path) -> BTreeMap<i64, usize> {
    let mut seen = BTreeMap::new();
    for file in visible(root) {
        for &number in read_parquet(&file).column(0).as_primitive::<Int64Type>().values() {
            *seen.entry(number).or_default() += 1;
        }
    }
    seen
}

fn kill(mode: &str, check: impl Fn(&BTreeMap<i64, usize>)) {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let (mut with_leftovers, mut with_data) = (0, 0);
    for moment in 0..25_u64 {
        let mut child = start(&root, mode);
        // Starting takes some milliseconds; after that, moments are spread over several generations.
        std::thread::sleep(Duration::from_micros(8_000 + moment * 1_733 % 23_000));
        child.kill().unwrap();
        child.wait().unwrap();
        with_leftovers += usize::from(!leftovers(scratch.path()).is_empty());
        with_data += usize::from(!seen(&root).is_empty());
        check(&seen(&root));
    }
    assert!(
        with_leftovers > 0 && with_data > 0,
        "the moments were badly chosen: {with_leftovers} {with_data}"
    );
    let before = seen(&root);
    write(local(), &root, &[generation(0)], options(Mode::Append)).unwrap();
    assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new());
    let mut after = seen(&root);
    assert_eq!(after.remove(&0), Some(ROWS));
    assert_eq!(after, before);
}

#[test]
fn killed_overwrites_leave_one_whole_generation() {
    kill("overwrite", |seen| {
        assert!(seen.len() <= 1 && seen.values().all(|&rows| rows == 2 * ROWS), "{seen:?}");
    });
}

#[test]
fn killed_appends_leave_whole_generations() {
    kill("append", |seen| {
        assert!(seen.values().all(|&rows| rows % (2 * ROWS) == 0), "{seen:?}");
    });
}
