//! Exit codes, closed pipes and Ctrl-C, and what is left behind.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{CITIES, Place};

#[test]
fn wrong_usage_is_code_2() {
    let place =
        Place::new(&[("c.csv", CITIES), ("x", "a\n1\n"), ("m/a.csv", "a\n1\n"), ("m/b.json", "{}\n")]);
    place.prints("convert c.csv c.parquet");
    for arguments in [
        "",
        "tail c.csv",
        "head",
        "head c.csv --rows many",
        "head c.csv --delimiter ab",
        "head c.csv --types rain=integral",
        "head c.csv --encoding klingon",
        "head c.csv --on-bad-row ignore",
        "head c.csv --threads 0",
        "head c.csv --memory-limit lots",
        "head c.csv --memory-limit 1KiB",
        "head c.csv --spill-dir nowhere",
        "head c.csv --progress sometimes",
        "head x",
        "head m",
        "head c.parquet --delimiter ;",
        "head c.parquet --types a=text",
        "convert c.csv",
        "convert c.csv out",
        "convert c.csv o.parquet --compression zip",
        "convert c.csv o.parquet --compression zstd:99",
        "convert c.csv o.csv --compression snappy",
        "convert c.csv o.csv.gz --compression zstd",
        "convert c.csv o.csv --row-group-rows 5",
        "convert c.csv o.parquet --row-group-rows 0",
        "convert c.csv o.parquet --output-null NA",
    ] {
        let error = place.fails(2, arguments);
        assert!(!error.is_empty(), "{arguments}");
    }
    assert_eq!(place.names(), ["c.csv", "c.parquet", "m", "x"]);
}

#[test]
fn failing_work_is_code_1_and_leaves_nothing() {
    let place = Place::new(&[("c.csv", CITIES), ("bad.parquet", "PAR1 no PAR1"), ("ragged.csv", "a,b\n1\n")]);
    for (arguments, said) in [
        ("head none.csv", "none.csv"),
        ("head none", "no file or directory `none`"),
        ("head c.csv --select cty", "did you mean `city`?"),
        ("head bad.parquet", "bad.parquet"),
        ("count ragged.csv", "line 2"),
        ("convert ragged.csv out.parquet", "line 2"),
        ("convert c.csv ragged.csv", "exists"),
        ("convert c.csv out.csv --partition-by town", "town"),
    ] {
        let error = place.fails(1, arguments);
        assert!(error.starts_with("partita: ") && error.contains(said), "{arguments}: {error}");
        assert!(!error.contains(".rs:"), "{arguments}: {error}");
    }
    assert_eq!(place.names(), ["bad.parquet", "c.csv", "ragged.csv"]);
}

#[test]
fn a_directory_without_data_is_failing_work() {
    let place = Place::new(&[("d/notes.md", "no data")]);
    assert!(place.fails(1, "count d").contains("--from"));
    assert!(place.fails(1, "count d --from csv").contains("d"));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let csv: String =
        std::iter::once("a\n".to_owned()).chain((0..200_000).map(|n| format!("{n}\n"))).collect();
    let place = Place::new(&[("n.csv", &csv)]);
    let mut child =
        place.command("head -n 200000 n.csv").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((line.as_str(), error.as_str()), ("a\n", ""));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A second Ctrl-C, or one before anything is written, ends the process at once.
#[cfg(unix)]
#[test]
fn two_interrupts_end_at_once() {
    let csv: String =
        std::iter::once("a\n".to_owned()).chain((0..500_000).map(|n| format!("{n}\n"))).collect();
    let place = Place::new(&[("n.csv", &csv)]);
    let mut child = place
        .command("convert n.csv out.parquet --compression zstd:22 --threads 1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while place.names().len() < 2 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..2 {
        // The second may find no process any more.
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!place.path("out.parquet").exists());
}

/// Ctrl-C while a dataset is being written.
#[cfg(unix)]
#[test]
fn an_interrupt_stops_within_a_second_and_leaves_nothing() {
    let mut csv = String::from("a,b\n");
    for row in 0..1_000_000 {
        csv.push_str(&format!("{row},text number {row}\n"));
    }
    let place = Place::new(&[("n.csv", &csv)]);
    let mut child = place
        .command("convert n.csv out.parquet --compression zstd:19 --threads 1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It works once its hidden directory is there.
    let begun = Instant::now();
    while place.names().len() < 2 {
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupted = Instant::now();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    let took = interrupted.elapsed();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!(status.code(), Some(130), "{error}");
    assert_eq!(error, "partita: stopped\n");
    assert_eq!(place.names(), ["n.csv"]);
    // A second on a free machine; tests run beside others, unoptimized.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
