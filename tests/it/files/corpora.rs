//! csv-spectrum against its JSON, and parquet-testing: every file read or refused with a reason.

use partita::io::csv::CsvOptions;
use partita::{col, read_csv_with, read_parquet, size};
use serde_json::Value as Json;

use super::{rows, testdata};
use crate::rows::{Rows, Value, row};

#[test]
fn csv_spectrum_reads_as_its_json_says() {
    let mut files = 0;
    for entry in std::fs::read_dir(testdata("csv-spectrum/csvs")).expect("the corpus") {
        let path = entry.expect("a directory entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let json = std::fs::read_to_string(testdata(&format!("csv-spectrum/json/{name}.json")));
        let json: Vec<serde_json::Map<String, Json>> =
            serde_json::from_str(&json.expect("the JSON of a file")).expect("a list of objects");
        // All of its values are text, and none is null.
        let options = CsvOptions { all_text: true, nulls: Vec::new(), ..CsvOptions::default() };
        let got = rows(&read_csv_with(&path, options)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let row = |object: &serde_json::Map<String, Json>| {
            let cell = |name: &String| Value::from(object[name].as_str().expect("text"));
            got.names.iter().map(cell).collect::<Vec<_>>()
        };
        let expected = Rows { names: got.names.clone(), rows: json.iter().map(row).collect() };
        assert!(json.iter().all(|object| object.len() == got.names.len()), "{name}");
        assert_eq!(got.difference(&expected, true, true), None, "{name}");
        files += 1;
    }
    assert_eq!(files, 11);
}

/// Files that are refused, and what the message must name. All other files are read.
const REFUSED: &[(&str, &str)] = &[
    ("datapage_v1-corrupt-checksum.parquet", "CRC checksum mismatch"),
    ("rle-dict-uncompressed-corrupt-checksum.parquet", "CRC checksum mismatch"),
    ("large_string_map.brotli.parquet", "the size of a page is 1073741828"),
    ("unknown-logical-type.parquet", "a logical type with the unknown number 2555"),
    ("ARROW-GH-41317.parquet", "the footer cannot be read"),
    ("ARROW-GH-41321.parquet", "dictionary codes of 254 bits"),
    ("ARROW-GH-45185.parquet", "first repetition level"),
    ("ARROW-GH-47662.parquet", "column `flba_field`, row group 0"),
    ("ARROW-RS-GH-6229-DICTHEADER.parquet", "a column chunk ends at"),
    ("ARROW-RS-GH-6229-LEVELS.parquet", "more values than the 1 that the footer declares"),
    ("PARQUET-1481.parquet", "the footer cannot be read"),
];

#[test]
fn parquet_testing_is_read_or_refused_with_a_reason() {
    let mut files = 0;
    for directory in ["data", "data/geospatial", "data/aes256", "bad_data"] {
        let all = std::fs::read_dir(testdata("parquet-testing").join(directory)).expect("the corpus");
        for entry in all {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let encrypted = name.ends_with(".encrypted");
            if !encrypted && !name.ends_with(".parquet") {
                continue;
            }
            files += 1;
            let reason = REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| *reason);
            let reason = reason.or(encrypted.then_some("encryption"));
            match (read_parquet(&path).compute(), reason) {
                (Ok(_), None) => {}
                (Ok(_), Some(reason)) => panic!("{name} was read, not refused with `{reason}`"),
                (Err(error), Some(reason)) => {
                    let error = error.to_string();
                    assert!(error.contains(reason) && error.contains(&name), "{name}: {error}");
                    assert!(error.contains("corpora.rs:"), "the caller's line is missing: {error}");
                }
                (Err(error), None) => panic!("{name} was refused: {error}"),
            }
        }
    }
    assert!(files > 80, "only {files} files");
}

#[test]
fn a_bad_file_that_is_none_is_read_right() {
    // parquet-testing keeps this file among the bad ones because its indices into a dictionary of one value have 0
    // bits, which broke a reader written in Go. The format allows that, and every constant column is written so;
    // pyarrow 26, DuckDB 2 and Polars 2 read 21,186 zeros, and so must we.
    let frame = read_parquet(testdata("parquet-testing/bad_data/ARROW-GH-43605.parquet"));
    let answer = frame.agg([size().alias("rows"), col("min_fl").count().alias("count"), col("min_fl").max()]);
    let expected = Rows::new(&["rows", "count", "min_fl"], vec![row![21_186, 21_186, 0]]);
    assert_eq!(rows(&answer).expect("an answer").difference(&expected, true, true), None);
}
