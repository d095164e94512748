//! Tests of whole-file decompression: members, cuts, bombs and disks that fail.

use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::{Call, Fault, Faulty, FileSystem, Local};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

struct Case {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, content: &[u8]) -> Case {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    Case { _directory: directory, path }
}

fn read_with(files: &dyn FileSystem, path: &Path, limits: &Limits, piece: usize) -> Result<Vec<u8>> {
    let info = Local.info(path).unwrap();
    let mut stream = ByteStream::open(DataFile::open(files, &info)?, limits)?;
    let mut all = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        let count = stream.read(&mut buffer)?;
        all.extend_from_slice(&buffer[..count]);
        if count < piece {
            assert_eq!(stream.bytes_read(), info.len);
            return Ok(all);
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    read_with(&Local, path, &Limits::default(), 1000)
}

#[test]
fn plain_gzip_and_zstd_members_are_one_stream() {
    let (a, b) = (b"a,b\n1,2\n".repeat(5000), b"3,4\n".repeat(777));
    let both = [a.as_slice(), &b].concat();
    for (name, content) in [
        ("x.csv", both.clone()),
        ("x.csv.gz", [gzip(&a), gzip(b""), gzip(&b)].concat()),
        ("x.csv.zst", [zstandard(&a), zstandard(&b)].concat()),
        ("known_by_its_bytes", gzip(&both)),
    ] {
        let case = file(name, &content);
        assert_eq!(read(&case.path).unwrap(), both, "{name}");
        assert_eq!(read_with(&Local, &case.path, &Limits::default(), 7).unwrap(), both, "{name}");
    }
    assert!(read(&file("empty.csv", b"").path).unwrap().is_empty());
}

#[test]
fn a_name_that_lies_is_an_error() {
    for name in ["x.gz", "x.zst"] {
        let message = read(&file(name, b"a,b\n1,2\n").path).unwrap_err().to_string();
        assert!(message.contains("the name of the file says") && message.contains(name), "{message}");
    }
}

#[test]
fn every_cut_and_every_flip_is_an_error_or_the_truth() {
    let text: Vec<u8> =
        (0..60u32).flat_map(|i| format!("{},{}\n", i, i * 7919 % 1000).into_bytes()).collect();
    for (name, whole) in [("x.gz", gzip(&text)), ("x.zst", zstandard(&text))] {
        for len in 0..whole.len() {
            assert!(read(&file(name, &whole[..len]).path).is_err(), "{name} cut at {len}");
        }
        for byte in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1 << (byte % 8);
            // gzip has a checksum of the content; the encoder leaves zstd's off, so there only panics count.
            if let (Ok(read), "x.gz") = (read(&file(name, &flipped).path), name) {
                assert_eq!(read, text, "{name} flipped at {byte}");
            }
        }
    }
}

#[test]
fn a_bomb_is_an_error() {
    let zeros = vec![0; 200 << 20];
    for (name, content) in [("bomb.gz", gzip(&zeros)), ("bomb.zst", zstandard(&zeros))] {
        let case = file(name, &content);
        let limits = Limits { decompression_ratio: 100, ..Limits::default() };
        let message = read_with(&Local, &case.path, &limits, 1 << 20).unwrap_err().to_string();
        assert!(message.contains("decompression_ratio") && message.contains(name), "{message}");
    }
}

#[test]
fn a_failing_disk_is_named_and_a_nervous_one_is_read() {
    let text = b"0123456789".repeat(100_000);
    let case = file("x.gz", &gzip(&text));
    let faulty = Faulty::new(std::sync::Arc::new(Local));
    assert_eq!(read_with(&faulty, &case.path, &Limits::default(), 1000).unwrap(), text);
    for nth in 0..faulty.count(Call::Read) {
        faulty.heal();
        faulty.fail_once(Call::Read, nth, Fault::Broken);
        let error = read_with(&faulty, &case.path, &Limits::default(), 1000).unwrap_err();
        assert!(error.system_error().is_some() && error.path() == Some(&*case.path), "{error}");
        for fault in [Fault::Interrupted, Fault::Short] {
            faulty.heal();
            faulty.fail_once(Call::Read, nth, fault);
            assert_eq!(read_with(&faulty, &case.path, &Limits::default(), 1000).unwrap(), text);
        }
    }
}
