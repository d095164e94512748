//! Every file of parquet-testing is read right, or refused with a reason that names what is not supported.

use super::*;

/// Files of `data/` that are refused, and what the message must say.
const REFUSED: &[(&str, &str)] = &[
    (
        "data/_KEY_MATERIAL_FOR_external_key_material_java.parquet.encrypted.json",
        "this is not a Parquet file",
    ),
    ("data/datapage_v1-corrupt-checksum.parquet", "CRC checksum mismatch, column `a`, row group 0"),
    ("data/rle-dict-uncompressed-corrupt-checksum.parquet", "CRC checksum mismatch, column `long_field`"),
    // One page of 1 GiB: larger than `Limits::page_bytes` allows unasked.
    ("data/large_string_map.brotli.parquet", "the size of a page is 1073741828"),
    ("data/unknown-logical-type.parquet", "a logical type with the unknown number 2555 is not supported"),
    ("bad_data/ARROW-GH-41317.parquet", "the footer cannot be read"),
    ("bad_data/ARROW-GH-41321.parquet", "dictionary codes of 254 bits"),
    ("bad_data/ARROW-GH-45185.parquet", "first repetition level of batch must be 0"),
    ("bad_data/ARROW-GH-47662.parquet", "column `flba_field`, row group 0"),
    ("bad_data/ARROW-RS-GH-6229-DICTHEADER.parquet", "a column chunk ends at 466 + 125"),
    ("bad_data/ARROW-RS-GH-6229-LEVELS.parquet", "more values than the 1 that the footer declares"),
    ("bad_data/PARQUET-1481.parquet", "the footer cannot be read"),
];

fn corpus() -> Vec<String> {
    let mut names = Vec::new();
    for directory in ["data", "bad_data", "data/geospatial", "data/aes256"] {
        for entry in std::fs::read_dir(testdata(directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_file() && name.contains(".parquet") {
                names.push(format!("{directory}/{name}"));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn every_file_is_read_or_refused_with_a_reason() {
    let corpus = corpus();
    assert!(corpus.len() > 80, "{}", corpus.len());
    for name in corpus {
        let read = open_path(&testdata(&name)).and_then(|source| {
            let rows: usize =
                read_all(&*source, &ScanRequest::default())?.iter().map(RecordBatch::num_rows).sum();
            Ok((source.statistics().rows, rows))
        });
        let expected = match REFUSED.iter().find(|(refused, _)| *refused == name) {
            Some((_, reason)) => Some(*reason),
            None if name.ends_with(".encrypted") => Some("(Parquet modular encryption) is not supported"),
            None => None,
        };
        match (read, expected) {
            (Ok((declared, rows)), None) => assert_eq!(declared, Some(rows as u64), "{name}"),
            (Err(error), Some(reason)) => {
                assert!(error.to_string().contains(reason), "{name}: {error}");
            }
            (Ok(_), Some(reason)) => panic!("{name} was read, not refused with `{reason}`"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}
