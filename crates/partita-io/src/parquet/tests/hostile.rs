//! Damaged files give an error or the right rows: never a panic, never an abort, never other rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::compute::concat_batches;

use super::*;
use crate::{Error, Reserve};

/// A budget that remembers its peak.
#[derive(Debug, Default)]
struct Budget {
    limit: usize,
    used: AtomicUsize,
    peak: AtomicUsize,
}

impl Reserve for Budget {
    fn reserve(&self, bytes: usize) -> Result<()> {
        let used = self.used.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if used > self.limit {
            self.used.fetch_sub(bytes, Ordering::SeqCst);
            return Err(Error::memory(format!("{bytes} bytes do not fit into {}", self.limit)));
        }
        self.peak.fetch_max(used, Ordering::SeqCst);
        Ok(())
    }
    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
    }
}

/// Small files of many kinds: encodings, codecs, nesting, both page versions.
const SEEDS: &[&str] = &[
    "data/alltypes_plain.snappy.parquet",
    "data/alltypes_dictionary.parquet",
    "data/binary.parquet",
    "data/byte_array_decimal.parquet",
    "data/datapage_v2.snappy.parquet",
    "data/fixed_length_decimal.parquet",
    "data/int96_from_spark.parquet",
    "data/list_columns.parquet",
    "data/lz4_raw_compressed.parquet",
    "data/nested_lists.snappy.parquet",
    "data/nested_maps.snappy.parquet",
    "data/nonnullable.impala.parquet",
    "data/rle_boolean_encoding.parquet",
    "data/data_index_bloom_encoding_stats.parquet",
    "data/hadoop_lz4_compressed.parquet",
];

/// All rows of a file as one batch, with its schema.
fn whole(path: &Path, memory: &Arc<Budget>) -> Result<RecordBatch> {
    let context = ReadContext { memory: Arc::clone(memory) as Arc<dyn Reserve>, ..context() };
    let source = open(list(path)?, &ParquetOptions::default(), &context)?;
    let request = ScanRequest::default();
    let mut batches = Vec::new();
    for split in source.splits(&request, &context)? {
        let mut reader = source.read(&split, &request, &context)?;
        while let Some(batch) = reader.next_batch()? {
            batches.push(batch);
        }
        assert!(reader.next_batch()?.is_none());
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(source.statistics().rows, Some(rows as u64), "fewer rows than declared, and no error");
    Ok(concat_batches(source.schema(), &batches).unwrap())
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget { limit: 1 << 30, ..Budget::default() })
}

#[test]
fn files_cut_off_anywhere_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.parquet");
    for seed in SEEDS {
        let bytes = std::fs::read(testdata(seed)).unwrap();
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let error = whole(&path, &budget()).expect_err(seed);
            assert!(error.to_string().contains("cut.parquet"), "{error}");
        }
    }
}

/// Bytes all over every seed are changed in some way. Values that differ are possible where a file has no
/// checksums; other than that the damage must show, or not matter.
#[test]
fn damaged_bytes_never_panic_and_never_lose_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.parquet");
    let (mut refused, mut read) = (0, 0);
    for seed in SEEDS {
        let good = std::fs::read(testdata(seed)).unwrap();
        let rows = whole(&testdata(seed), &budget()).unwrap().num_rows();
        for at in (0..good.len()).step_by(if seed.contains("alltypes") { 2 } else { 6 }) {
            // Each position gets one of several kinds of damage; over all files every kind meets every part.
            let mut bytes = good.clone();
            bytes[at] = match at % 5 {
                0 => bytes[at] ^ 1 << (at / 5 % 8),
                1 => 0xff,
                2 => 0,
                3 => 0x7f,
                _ => bytes[at] ^ 0x80,
            };
            std::fs::write(&path, &bytes).unwrap();
            let memory = budget();
            match whole(&path, &memory) {
                Ok(batch) => {
                    read += 1;
                    assert_eq!(batch.num_rows(), rows, "{seed} byte {at}");
                }
                Err(error) => {
                    refused += 1;
                    let text = error.to_string();
                    assert!(text.contains("damaged.parquet"), "{seed} byte {at}: {text}");
                }
            }
            assert_eq!(memory.used.load(Ordering::SeqCst), 0, "{seed} byte {at}: memory was not given back");
        }
    }
    assert!(refused > 300 && read > 300, "{refused} {read}");
}

/// With checksums no change of a page goes unnoticed.
#[test]
fn checksums_find_damage_in_pages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.parquet");
    let seed = testdata("data/datapage_v1-snappy-compressed-checksum.parquet");
    let good = std::fs::read(&seed).unwrap();
    let expected = whole(&seed, &budget()).unwrap();
    let footer = u32::from_le_bytes(good[good.len() - 8..good.len() - 4].try_into().unwrap()) as usize;
    for at in (4..good.len() - 8 - footer).step_by(37) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(batch) = whole(&path, &budget()) {
            assert_eq!(batch, expected, "byte {at}");
        }
    }
}

#[test]
fn a_small_budget_is_an_error_and_not_exceeded() {
    let memory = Arc::new(Budget { limit: 10_000, ..Budget::default() });
    let error = whole(&testdata("data/alltypes_tiny_pages.parquet"), &memory).unwrap_err();
    assert!(error.is_memory(), "{error}");
    assert_eq!(memory.used.load(Ordering::SeqCst), 0);
}

#[test]
fn limits_name_themselves() {
    let path = testdata("data/alltypes_plain.parquet");
    let refused = |limits: Limits| {
        let context = ReadContext { limits, ..context() };
        let source = open(list(&path)?, &ParquetOptions::default(), &context)?;
        let split = &source.splits(&ScanRequest::default(), &context)?[0];
        source.read(split, &ScanRequest::default(), &context)?.next_batch().map(|_| ())
    };
    let default = Limits::default;
    assert!(refused(default()).is_ok());
    for (limits, name) in [
        (Limits { footer_bytes: 10, ..default() }, "`footer_bytes`"),
        (Limits { columns: 3, ..default() }, "`columns`"),
        (Limits { page_bytes: 10, ..default() }, "`page_bytes`"),
    ] {
        let error = refused(limits).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let nested = testdata("data/nested_lists.snappy.parquet");
    let context = ReadContext { limits: Limits { nesting: 2, ..default() }, ..context() };
    let error = open(list(&nested).unwrap(), &ParquetOptions::default(), &context).unwrap_err().to_string();
    assert!(error.contains("`nesting`"), "{error}");
}

#[test]
fn a_file_that_changes_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("changing.parquet");
    std::fs::copy(testdata("data/alltypes_plain.parquet"), &path).unwrap();
    let source = open_path(&path).unwrap();
    std::fs::copy(testdata("data/alltypes_dictionary.parquet"), &path).unwrap();
    let error = read_all(&*source, &ScanRequest::default()).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
}
