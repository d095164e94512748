//! What a run spills is private, and gone however the run ends: done, failed, interrupted with Ctrl-C, or killed; and
//! a spill disk that is full is an error that says where and how much.
//!
//! The process that is interrupted and killed is this test binary, started anew to run [`child`] alone.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, Int64Array, ListArray, RecordBatch, StringViewArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::ipc::reader::StreamReader;
use partita::io::{Call, Fault, Faulty, Local};
use partita::prelude::*;

const PLACE: &str = "PARTITA_TEST_SPILLS";
const ROWS: i64 = 4_096;

fn rows(partition: i64) -> RecordBatch {
    let range = || partition * ROWS..(partition + 1) * ROWS;
    let number: Int64Array = range().map(|row| row.wrapping_mul(0x5851_f42d) % 1_000_003).collect();
    let text: StringViewArray =
        range().map(|row| Some(format!("the same words for all, and then {row}"))).collect();
    RecordBatch::try_from_iter([("n", Arc::new(number) as Arc<dyn Array>), ("t", Arc::new(text))])
        .expect("columns of one length")
}

/// Rows of many partitions, sorted with so little memory that they are spilled.
fn sorted(session: &Session, partitions: i64) -> PartitionedFrame {
    let seeds = (0..partitions).map(|seed| batch! { "seed" => [seed] }.expect("one column"));
    let seeds = PartitionedFrame::from_batches(seeds).with_session(session);
    let made = seeds.map_batches(rows(0).schema(), |batch| {
        let seed = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(batch.column(0));
        Ok::<_, std::io::Error>(rows(seed.value(0)))
    });
    made.sort_values(["n"])
}

fn session(spill: &Path) -> partita::SessionBuilder {
    Session::builder().threads(2).exchange_limit(0).spill_dir(spill)
}

/// Sorts until it is interrupted or killed. Does nothing unless started by [`start`].
#[test]
fn child() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let session = session(Path::new(&place)).build().expect("settings that work");
    let cancel = session.cancel_handle();
    ctrlc::set_handler(move || cancel.cancel()).expect("a handler");
    let error = sorted(&session, 20_000).compute().expect_err("it takes minutes");
    assert!(error.is_cancelled(), "{error}");
    drop(session);
    std::process::exit(130);
}

fn start(place: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["spills::child", "--exact", "--test-threads=1"])
        .env(PLACE, place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).map(|entries| entries.flatten().map(|entry| entry.path()));
    entries.map(Iterator::collect).unwrap_or_default()
}

/// Waits until the process has spilled something, and gives the files.
fn spilled(child: &mut Child, place: &Path) -> Vec<PathBuf> {
    let begun = Instant::now();
    loop {
        let files: Vec<PathBuf> = entries(place).iter().flat_map(|directory| entries(directory)).collect();
        let has_rows = |file: &&PathBuf| std::fs::metadata(file).is_ok_and(|info| info.len() > 10_000);
        if files.iter().any(|file| has_rows(&file)) {
            return files;
        }
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it spilled");
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not spill");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[cfg(unix)]
#[test]
fn an_interrupt_removes_what_was_spilled() {
    let place = tempfile::tempdir().expect("a directory");
    let mut child = start(place.path());
    let files = spilled(&mut child, place.path());
    assert!(files.iter().all(|file| mode(file) == 0o600), "others can read what was spilled");
    assert!(entries(place.path()).iter().all(|directory| mode(directory) == 0o700), "others can list it");
    let interrupted = Instant::now();
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(child.wait().expect("a child").code(), Some(130));
    // A second on a free machine; tests run beside others, unoptimized.
    assert!(interrupted.elapsed() < Duration::from_secs(10), "{:?}", interrupted.elapsed());
    assert_eq!(entries(place.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_that_spills_and_no_other_is() {
    let place = tempfile::tempdir().expect("a directory");
    let (mut killed, mut living) = (start(place.path()), start(place.path()));
    let of = |child: &Child| {
        let begins = format!("partita-spill-{}-", child.id());
        let name = move |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&begins);
        entries(place.path()).into_iter().filter(name).count()
    };
    while of(&killed) == 0 || of(&living) == 0 {
        spilled(&mut killed, place.path());
    }
    killed.kill().expect("it lives");
    killed.wait().expect("a child");
    assert_eq!((of(&killed), of(&living)), (1, 1), "a killed process cleans nothing up");
    let next = session(place.path()).build().expect("settings that work");
    assert_eq!(sorted(&next, 4).len().expect("a count"), 4 * ROWS as usize);
    assert_eq!(of(&killed), 0, "the next run leaves it");
    assert_eq!(of(&living), 1, "the next run took a living one's");
    living.kill().expect("it lives");
    living.wait().expect("a child");
}

#[test]
fn spill_files_are_arrow_streams_with_lz4() {
    let place = tempfile::tempdir().expect("a directory");
    let mut child = start(place.path());
    let files = spilled(&mut child, place.path());
    let rows_file = files.iter().filter(|file| file.extension().is_some_and(|name| name == "arrows"));
    let read = rows_file.map(|file| {
        let blocks = StreamReader::try_new(std::fs::File::open(file).expect("it is there"), None);
        let first = blocks.ok()?.next()?.ok()?;
        Some((first, std::fs::read(file).expect("it is there")))
    });
    let (first, bytes) = read.flatten().next().expect("a whole block");
    child.kill().expect("it lives");
    child.wait().expect("a child");
    assert_eq!(first.schema(), rows(0).schema());
    // The frame's magic number, 0x184D2204.
    assert!(bytes.windows(4).any(|window| window == [0x04, 0x22, 0x4d, 0x18]), "no LZ4");
    let words = b"the same words for all";
    let shown = bytes.windows(words.len()).filter(|window| window == words).count();
    assert!(shown < 1_000, "texts are not compressed");
}

#[test]
fn a_full_spill_disk_is_an_error_that_says_where_and_how_much() {
    let place = tempfile::tempdir().expect("a directory");
    for nth in [0, 20] {
        let files = Faulty::new(Arc::new(Local));
        files.fail_from(Call::Write, nth, Fault::Full);
        let session = session(place.path()).files(Arc::new(files)).build().expect("settings that work");
        let error = sorted(&session, 64).len().expect_err("there is no room");
        let message = error.to_string();
        assert!(message.contains(&place.path().display().to_string()), "{message}");
        assert!(message.contains("spill_dir") && message.contains("are needed"), "{message}");
        assert!(message.contains("No space left"), "{message}");
        assert_eq!(entries(place.path()), Vec::<PathBuf>::new(), "{message}");
    }
}

#[test]
fn nested_texts_are_spilled_without_those_of_other_rows() {
    let place = tempfile::tempdir().expect("a directory");
    let texts: StringViewArray =
        (0..200_000).map(|row| Some(format!("a text of row {row:020} that no other row has"))).collect();
    let lists = ListArray::new(
        Field::new("item", DataType::Utf8View, true).into(),
        OffsetBuffer::from_lengths(vec![10; 20_000]),
        Arc::new(texts),
        None,
    );
    let keys: Int64Array = (0..20_000).map(|row| row * 7_919 % 20_000).collect();
    let batch = RecordBatch::try_from_iter([("k", Arc::new(keys) as Arc<dyn Array>), ("l", Arc::new(lists))]);
    let session = session(place.path()).build().expect("settings that work");
    let frame = PartitionedFrame::from_batches([batch.expect("one length")]).with_session(&session);
    let table = frame.sort_values(["k"]).compute().expect("it is sorted");
    // 200,000 texts of 46 bytes are 9 MB, and LZ4 makes less of them; blocks of some hundred rows each would, with the
    // texts of all rows, take a hundred times as much.
    let spilled = table.report().spilled();
    assert!(spilled > 0 && spilled < 16 << 20, "{spilled} bytes");
    let first = table.to_batch().expect("one batch").column(1).slice(0, 1);
    let first = arrow::util::display::array_value_to_string(first.as_ref(), 0).expect("a list");
    assert!(first.starts_with("[a text of row 00000000000000000000 that"), "{first}");
}
