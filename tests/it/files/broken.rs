//! Good files, cut off at every length and with bits turned over: an error that names the file, or rows, but
//! no panic and nothing that never ends.

use std::path::Path;

use partita::io::csv::CsvOptions;
use partita::io::{CsvWriteOptions, TextCompression, WriteFormat, WriteOptions};
use partita::prelude::*;
use partita::{read_ipc, read_ndjson};

use super::below;

fn batch() -> RecordBatch {
    batch! {
        "n" => [Some(1), None, Some(3), Some(3), Some(-5)],
        "f" => [0.5, f64::NAN, -0.0, 1e300, 2.0],
        "t" => [Some("one"), Some(""), None, Some("a text of more than twelve bytes"), Some("one")],
        "b" => [Some(true), Some(false), None, Some(true), Some(true)]
    }
    .expect("columns of one length")
}

/// The one data file of a dataset that `write` makes.
fn one_file(write: impl Fn(&PartitionedFrame, &Path)) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let target = directory.path().join("data");
    write(&PartitionedFrame::from_batches([batch()]), &target);
    let files = below(&target);
    assert_eq!(files.len(), 1, "{files:?}");
    std::fs::read(&files[0]).expect("the file")
}

type Read = fn(&Path) -> PartitionedFrame;

/// Reads what is left of a file; a message must name the file, and nothing may panic.
fn attempt(path: &Path, bytes: &[u8], read: Read) -> Result<usize, String> {
    std::fs::write(path, bytes).expect("a file that can be written");
    read(path).compute().map(|table| table.num_rows()).map_err(|error| {
        let message = error.to_string();
        let name = path.file_name().expect("a name").to_string_lossy();
        // A type given for a column that the file does not have is the caller's error as much as the file's.
        let named = message.contains(&*name) || message.contains("a type is given for the column");
        assert!(named && message.contains("broken.rs:"), "file or line is not named: {message}");
        assert!(!error.is_panic() && !message.contains("internal error"), "{message}");
        message
    })
}

fn cut_at_every_length(name: &str, bytes: &[u8], read: Read) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    assert_eq!(attempt(&path, bytes, read), Ok(5), "the whole file");
    for length in 0..bytes.len() {
        let got = attempt(&path, &bytes[..length], read);
        assert!(got.is_err(), "{name} cut to {length} of {} bytes gives {got:?} rows", bytes.len());
    }
}

fn turn_bits(name: &str, bytes: &[u8], read: Read) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut broken = bytes.to_vec();
        broken[at] ^= 1 << (at * 5 % 8);
        refused += usize::from(attempt(&path, &broken, read).is_err());
    }
    assert!(refused > bytes.len() / 20, "{name}: only {refused} of {} turned bits were noticed", bytes.len());
}

fn parquet() -> Vec<u8> {
    one_file(|frame, target| drop(frame.to_parquet(target).expect("a dataset")))
}

fn ipc() -> Vec<u8> {
    one_file(|frame, target| drop(frame.to_ipc(target).expect("a dataset")))
}

fn csv_gz() -> Vec<u8> {
    let options = CsvWriteOptions { compression: TextCompression::Gzip(6), ..CsvWriteOptions::default() };
    one_file(|frame, target| {
        let options = WriteOptions::new(WriteFormat::Csv(options.clone()));
        drop(frame.write(target, options).expect("a dataset"));
    })
}

#[test]
fn parquet_cut_at_every_length() {
    cut_at_every_length("cut.parquet", &parquet(), |path| read_parquet(path));
}

#[test]
fn parquet_with_turned_bits() {
    turn_bits("bits.parquet", &parquet(), |path| read_parquet(path));
}

#[test]
fn ipc_cut_at_every_length() {
    cut_at_every_length("cut.arrow", &ipc(), |path| read_ipc(path));
}

#[test]
fn ipc_with_turned_bits() {
    turn_bits("bits.arrow", &ipc(), |path| read_ipc(path));
}

#[test]
fn gzip_cut_at_every_length() {
    cut_at_every_length("cut.csv.gz", &csv_gz(), |path| read_csv(path));
}

#[test]
fn gzip_with_turned_bits() {
    turn_bits("bits.csv.gz", &csv_gz(), |path| read_csv(path));
}

#[test]
fn ndjson_with_turned_bits() {
    let bytes =
        b"{\"a\":1,\"b\":[1,2],\"c\":{\"d\":\"x\"}}\n{\"a\":2,\"b\":null,\"c\":{\"d\":\"\\u00e4\"}}\n";
    turn_bits("bits.ndjson", bytes, |path| read_ndjson(path));
}

#[test]
fn csv_with_turned_bits_and_given_types() {
    let bytes = b"n,d,t\n1,2020-01-01,\"a, \"\"b\"\"\"\n22,2021-12-31,plain\n333,1999-05-05,\"two\nlines\"\n";
    turn_bits("bits.csv", bytes, |path| {
        let options = CsvOptions::default().column_type("n", DataType::Int16);
        read_csv_with(path, options.column_type("d", DataType::Date32))
    });
}

#[test]
fn files_of_another_kind_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let kinds: [(&str, Read); 2] =
        [("x.parquet", |path| read_parquet(path)), ("x.arrow", |path| read_ipc(path))];
    for (name, read) in kinds {
        let path = directory.path().join(name);
        for bytes in [&b""[..], b"a,b\n1,2\n", b"PAR1", b"ARROW1", &[0; 100], &[255; 100]] {
            assert!(attempt(&path, bytes, read).is_err(), "{name}: {bytes:?}");
        }
    }
}
