//! Real files, encodings, compression, several files with different headers, and files that are broken.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::{DataType, TimeUnit};

use super::{context, listed, message, read_all, read_files, read_text, rows_of, some, testdata};
use crate::csv::{CsvOptions, Encoding, open};
use crate::{DataFile, ExtraColumns, Limits, Local, ReadContext, Result, ScanRequest};

fn all_text() -> CsvOptions {
    CsvOptions { all_text: true, nulls: Vec::new(), ..CsvOptions::default() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn local() -> ReadContext {
    ReadContext::new(Arc::new(Local))
}

#[test]
fn csv_spectrum_is_read_as_its_authors_say() {
    let mut count = 0;
    for entry in std::fs::read_dir(testdata("csv-spectrum/csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let json = std::fs::read_to_string(testdata(&format!("csv-spectrum/json/{name}.json"))).unwrap();
        let expected: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&json).unwrap();
        let text = std::fs::read(&path).unwrap();
        let (context, infos, _) = context(&[("data.csv", &text)]);
        for (split_bytes, block_bytes) in [(1 << 20, 1 << 20), (5, 11), (1, 1)] {
            let options = CsvOptions { split_bytes, block_bytes, ..all_text() };
            let source = open(infos.clone(), &options, &context).unwrap();
            let (batches, _) = read_all(&*source, &ScanRequest::default(), &context).unwrap();
            let rows = rows_of(&batches);
            assert_eq!(rows.len(), expected.len(), "{name}");
            for (row, expected) in rows.iter().zip(&expected) {
                assert_eq!(row.len(), expected.len(), "{name}");
                for (field, value) in source.schema().fields().iter().zip(row) {
                    assert_eq!(value.as_deref(), expected[field.name()].as_str(), "{name}: {}", field.name());
                }
            }
        }
        count += 1;
    }
    assert_eq!(count, 11);
}

/// All twelve months, value for value, in splits of any size.
#[test]
fn flights_have_the_values_that_the_csv_crate_sees() {
    let context = local();
    let mut paths: Vec<_> = std::fs::read_dir(testdata("nycflights13/flights"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let names: Vec<&str> = paths[..2].iter().map(|path| path.to_str().unwrap()).collect();
    let infos = listed(&names, &*context.files);
    for split_bytes in [16 << 20, 100_003] {
        let options = CsvOptions { split_bytes, ..CsvOptions::default() }.null("NA");
        let (types, rows, notices) = read_files(&infos, &options, &context).unwrap();
        assert_eq!(notices, []);
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (column, expected) in [(0, &DataType::Int64), (9, &DataType::Utf8View), (18, &utc)] {
            assert_eq!(&types[column], expected);
        }
        let mut number = 0;
        for path in &paths[..2] {
            for record in ::csv::Reader::from_path(path).unwrap().into_records() {
                let expected: Vec<Option<String>> = record
                    .unwrap()
                    .iter()
                    .map(|cell| (!cell.is_empty() && cell != "NA").then(|| cell.to_owned()))
                    .collect();
                assert_eq!(rows[number], expected, "row {number}");
                number += 1;
            }
        }
        assert_eq!(rows.len(), number);
    }
}

#[test]
fn weather_floats_are_the_standard_library_s() {
    let context = local();
    let path = testdata("nycflights13/weather.csv");
    let listing = listed(&[path.to_str().unwrap()], &*context.files);
    let options = CsvOptions { split_bytes: 50_000, ..CsvOptions::default() }.null("NA");
    let source = open(listing, &options, &context).unwrap();
    let (batches, _) = read_all(&*source, &ScanRequest::default(), &context).unwrap();
    let mut records = ::csv::Reader::from_path(&path).unwrap().into_records();
    for batch in &batches {
        use arrow::array::{Array, AsArray};
        let column = batch.column_by_name("wind_speed").unwrap();
        let speeds = column.as_primitive::<arrow::datatypes::Float64Type>();
        for row in 0..batch.num_rows() {
            let record = records.next().unwrap().unwrap();
            let expected = record[9].parse::<f64>().ok().map(f64::to_bits);
            let found = speeds.is_valid(row).then(|| speeds.value(row).to_bits());
            assert_eq!(found, expected, "{record:?}");
        }
    }
    assert!(records.next().is_none());
}

#[test]
fn compressed_files_are_read_by_name_or_by_magic_and_members_are_joined() {
    let (first, second) = (b"a,b\n1,\"x\ny\"\n".as_slice(), b"2,z\n".as_slice());
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let (gz, zst) = ([gzip(first), gzip(second)].concat(), [zstd(first), zstd(second)].concat());
    for (name, bytes) in [("a.csv.gz", &gz), ("a.csv.zst", &zst), ("a.csv", &gz), ("a.txt", &zst)] {
        let (context, infos, _) = context(&[(name, bytes)]);
        for split_bytes in [1, 1 << 20] {
            let options = CsvOptions { split_bytes, ..CsvOptions::default() };
            let (_, rows, _) = read_files(&infos, &options, &context).unwrap();
            assert_eq!(rows, [some(&["1", "x\ny"]), some(&["2", "z"])], "{name}");
        }
    }
    let (context, infos, _) = context(&[("a.csv.gz", b"a,b\n1,2\n")]);
    assert!(message(read_files(&infos, &CsvOptions::default(), &context)).contains("gzip"));
}

#[test]
fn every_truncation_of_a_compressed_file_is_an_error() {
    let text: String = (0..200).map(|row| format!("{row},{}\n", row * 7919 % 1000)).collect();
    let whole = gzip(text.as_bytes());
    let options = CsvOptions { header: false, ..CsvOptions::default() };
    for len in 1..whole.len() {
        let (context, infos, _) = context(&[("a.csv.gz", &whole[..len])]);
        message(read_files(&infos, &options, &context));
    }
}

#[test]
fn a_bomb_is_an_error_that_names_the_limit() {
    let cell = gzip(&vec![b'x'; 200 << 20]);
    let (mut context, infos, _) = context(&[("bomb.csv.gz", &cell)]);
    let options = CsvOptions { header: false, ..CsvOptions::default() };
    let error = message(open(infos.clone(), &options, &context));
    assert!(error.contains("line_bytes") || error.contains("decompression_ratio"), "{error}");
    context.limits.decompression_ratio = 10;
    context.limits.line_bytes = 1 << 30;
    let error = message(open(infos.clone(), &options, &context));
    assert!(error.contains("decompression_ratio"), "{error}");
    assert!(error.contains("bomb.csv.gz"), "{error}");
}

#[test]
fn long_lines_cells_and_many_columns_are_errors() {
    let long = format!("a,b\n1,{}\n", "x".repeat(5_000));
    let wide = "c,".repeat(300);
    for (text, limits, name) in [
        (&long, Limits { line_bytes: 1_000, ..Limits::default() }, "line_bytes"),
        (&long, Limits { cell_bytes: 1_000, ..Limits::default() }, "cell_bytes"),
        (&wide, Limits { columns: 100, ..Limits::default() }, "columns"),
    ] {
        let (mut context, infos, _) = context(&[("a.csv", text.as_bytes())]);
        context.limits = limits;
        for block_bytes in [64, 1 << 20] {
            let options = CsvOptions { block_bytes, header: name != "columns", ..CsvOptions::default() };
            let error = message(read_files(&infos, &options, &context));
            assert!(error.contains(name) && error.contains("a.csv"), "{error}");
        }
    }
}

#[test]
fn memory_is_asked_for() {
    #[derive(Debug)]
    struct Nothing;
    impl crate::Reserve for Nothing {
        fn reserve(&self, _bytes: usize) -> crate::Result<()> {
            Err(crate::Error::memory("the budget is spent"))
        }
        fn release(&self, _bytes: usize) {}
    }
    let (mut context, infos, _) = context(&[("a.csv", b"a\n1\n")]);
    context.memory = Arc::new(Nothing);
    assert!(message(open(infos.clone(), &CsvOptions::default(), &context)).contains("the budget is spent"));
}

#[test]
fn encodings() {
    let latin = b"name,n\nCaf\xe9,1\n";
    let expected = [some(&["Caf\u{e9}", "1"])];
    for name in ["latin1", "windows-1252"] {
        let options = CsvOptions { encoding: Encoding::named(name).unwrap(), ..CsvOptions::default() };
        assert_eq!(read_text(latin, &options).unwrap().1, expected);
    }
    let error = message(read_text(latin, &CsvOptions::default()));
    for part in ["not UTF-8", "`name`", "line 2", "byte 7", "data.csv"] {
        assert!(error.contains(part), "{error} should contain {part}");
    }
    let lossy = CsvOptions { encoding: Encoding::Utf8Lossy, ..CsvOptions::default() };
    assert_eq!(read_text(latin, &lossy).unwrap().1, [some(&["Caf\u{fffd}", "1"])]);
    let text = "name,n\nCaf\u{e9} \u{1f600},1\n";
    for (label, big) in [("utf-16le", false), ("utf-16be", true), ("utf-16", true)] {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        let bytes: Vec<u8> =
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
        let options = CsvOptions { encoding: Encoding::named(label).unwrap(), ..CsvOptions::default() };
        assert_eq!(read_text(&bytes, &options).unwrap().1, [some(&["Caf\u{e9} \u{1f600}", "1"])], "{label}");
        assert!(message(read_text(&bytes, &CsvOptions::default())).contains("UTF-16"));
    }
    assert!(message(Encoding::named("klingon")).contains("klingon"));
    let header = b"na\xefve\n1\n";
    assert!(message(read_text(header, &CsvOptions::default())).contains("column name"));
}

/// Bad bytes in a column that is not read trouble nobody.
#[test]
fn only_columns_that_are_read_must_be_utf8() {
    let (context, infos, _) = context(&[("a.csv", b"a,b\n\xff,1\n")]);
    let source = open(infos.clone(), &CsvOptions::default(), &context).unwrap();
    let request = ScanRequest { projection: Some(vec![1]), ..ScanRequest::default() };
    let (batches, _) = read_all(&*source, &request, &context).unwrap();
    assert_eq!(rows_of(&batches), [some(&["1"])]);
}

#[test]
fn byte_order_mark_line_ends_comments_and_skipped_lines() {
    let expected = [some(&["1", "x"]), some(&["2", "y"])];
    for text in [
        "\u{feff}a,b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,y\r\n",
        "a,b\r1,x\r2,y",
        "\n\na,b\n\n1,x\r\n\r\n2,y\n\n",
        "\u{feff}\"a\",b\r\n1,\"x\"\r\n\"2\",y",
    ] {
        assert_eq!(read_text(text.as_bytes(), &CsvOptions::default()).unwrap().1, expected, "{text:?}");
    }
    let commented = CsvOptions { comment: Some(b'#'), ..CsvOptions::default() };
    let text = "# \"one\na,b\n1,x\n#\",,,\n2,y\n# end";
    assert_eq!(read_text(text.as_bytes(), &commented).unwrap().1, expected);
    for end in ["\n", "\r\n", "\r"] {
        let skipping = CsvOptions { skip_rows: 2, ..CsvOptions::default() };
        let text = ["report \"of", "", "a,b", "1,x", "2,y", ""].join(end);
        assert_eq!(read_text(text.as_bytes(), &skipping).unwrap().1, expected, "{end:?}");
    }
}

#[test]
fn files_whose_headers_differ_are_matched_by_name() {
    let files: &[(&str, &[u8])] =
        &[("1.csv", b"a,b\n1,x\n"), ("2.csv", b"b,a\ny,2\n"), ("3.csv", b"c,a\nz,3\n")];
    let (context, infos, _) = context(files);
    let error = message(read_files(&infos, &CsvOptions::default(), &context));
    assert!(error.contains("`c`") && error.contains("3.csv"), "{error}");
    let ignore = CsvOptions { extra_columns: ExtraColumns::Ignore, ..CsvOptions::default() };
    let (types, rows, notices) = read_files(&infos, &ignore, &context).unwrap();
    assert_eq!(types, [DataType::Int64, DataType::Utf8View]);
    assert_eq!(rows[..2], [some(&["1", "x"]), some(&["2", "y"])]);
    assert_eq!(rows[2], [Some("3".to_owned()), None]);
    assert_eq!(notices.len(), 2, "{notices:?}");
    let union = CsvOptions { extra_columns: ExtraColumns::Union, ..CsvOptions::default() };
    let (_, rows, _) = read_files(&infos, &union, &context).unwrap();
    assert_eq!(rows[2], [Some("3".to_owned()), None, Some("z".to_owned())]);
}

#[test]
fn names_that_are_used_twice() {
    let text = b"a,b,a,a_2\n1,2,3,4\n";
    let error = message(read_text(text, &CsvOptions::default()));
    assert!(error.contains("`a`") && error.contains("1 and 3"), "{error}");
    let (context, infos, _) = context(&[("a.csv", text)]);
    let options = CsvOptions { rename_duplicates: true, ..CsvOptions::default() };
    let source = open(infos.clone(), &options, &context).unwrap();
    let names: Vec<&str> = source.schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["a", "b", "a_3", "a_2"]);
}

#[test]
fn empty_files() {
    let error = message(read_text(b"", &CsvOptions::default()));
    assert!(error.contains("empty") && error.contains("data.csv"), "{error}");
    message(read_text(b"\xef\xbb\xbf\n\r\n", &CsvOptions::default()));
    let (types, rows, _) = read_text(b"a,b\n", &CsvOptions::default()).unwrap();
    assert_eq!((types.len(), rows.len()), (2, 0));
    let typed = CsvOptions::default().no_header().column_type("n", DataType::Int32);
    let (types, rows, _) = read_text(b"", &typed).unwrap();
    assert_eq!((types, rows.len()), (vec![DataType::Int32], 0));
    let (context, infos, _) = context(&[("1.csv", b""), ("2.csv", b"a\n1\n"), ("3.csv", b"\n")]);
    assert_eq!(read_files(&infos, &CsvOptions::default(), &context).unwrap().1, [some(&["1"])]);
}

#[test]
fn a_file_that_changes_is_an_error() {
    let (context, infos, memory) = context(&[("a.csv", &b"a,b\n1,2\n".repeat(100))]);
    let options =
        CsvOptions { split_bytes: 100, block_bytes: 50, bad_rows: crate::csv::BadRows::Skip, ..all_text() };
    let source = open(infos.clone(), &options, &context).unwrap();
    let request = ScanRequest::default();
    let splits = source.splits(&request, &context).unwrap();
    for bytes in [b"a,b\n".as_slice(), &b"a,b\n1,2\n".repeat(200)] {
        memory.put("a.csv", &b"a,b\n1,2\n".repeat(100));
        let mut reader = source.read(&splits[1], &request, &context).unwrap();
        reader.next_batch().unwrap();
        memory.put("a.csv", bytes);
        let error = loop {
            match reader.next_batch() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the change was not seen"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("changed") && error.contains("a.csv"), "{error}");
        assert!(message(source.read(&splits[2], &request, &context)).contains("changed"));
    }
    DataFile::open(&*context.files, &infos.files[0]).unwrap_err();
}

#[test]
fn hive_directories_give_columns_and_prune_files() {
    let files: &[(&str, &[u8])] = &[
        ("d/year=2023/a.csv", b"n\n1\n"),
        ("d/year=2024/a.csv", b"n\n2\n3\n"),
        ("d/year=2024/b.csv", b"n\n4\n"),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let context = local();
    let listing = listed(&[directory.path().join("d").to_str().unwrap()], &*context.files);
    let source = open(listing, &CsvOptions::default(), &context).unwrap();
    let names: Vec<&str> = source.schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["n", "year"]);
    let (batches, _) = read_all(&*source, &ScanRequest::default(), &context).unwrap();
    let expected = [some(&["1", "2023"]), some(&["2", "2024"]), some(&["3", "2024"]), some(&["4", "2024"])];
    assert_eq!(rows_of(&batches), expected);
    let year = source.schema().field(1).data_type().clone();
    let literal: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![2023]));
    let literals = arrow::compute::cast(&literal, &year).unwrap();
    let prune = vec![crate::Prune { column: 1, compare: crate::Compare::Equal, literals }];
    let request = ScanRequest { projection: Some(vec![1, 0]), prune, ..ScanRequest::default() };
    let (batches, _) = read_all(&*source, &request, &context).unwrap();
    assert_eq!(rows_of(&batches), [some(&["2023", "1"])]);
}

/// Holds so many bytes and no more, and knows what would have been needed when there was no room.
#[derive(Debug)]
struct Room {
    bytes: usize,
    used: AtomicUsize,
    refused: AtomicUsize,
}

impl Room {
    fn of(bytes: usize) -> Arc<Room> {
        Arc::new(Room { bytes, used: Default::default(), refused: Default::default() })
    }
}

impl crate::Reserve for Room {
    fn reserve(&self, bytes: usize) -> Result<()> {
        self.reserve_of(bytes, bytes)
    }
    fn reserve_of(&self, bytes: usize, more: usize) -> Result<()> {
        use Ordering::SeqCst;
        if self.used.fetch_add(bytes, SeqCst) + bytes > self.bytes {
            self.used.fetch_sub(bytes, SeqCst);
            self.refused.store(self.used.load(SeqCst) + more, SeqCst);
            return Err(crate::Error::memory("there is no room"));
        }
        Ok(())
    }
    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
    }
}

#[test]
fn a_long_line_takes_no_more_than_it_needs_and_is_measured_where_there_is_no_room() {
    const LONG: usize = 1_200_000;
    let text = format!("a,b\n1,\"{},\"\"\r\n\"\n2,short\n", "x".repeat(LONG));
    let options = CsvOptions { block_bytes: 64 << 10, ..CsvOptions::default() };
    let read = |room: &Arc<Room>| {
        let (mut context, infos, _) = context(&[("a.csv", text.as_bytes())]);
        context.limits.line_bytes = 2 << 20;
        let source = open(infos.clone(), &options, &context)?;
        context.memory = Arc::clone(room) as _;
        read_all(&*source, &ScanRequest::default(), &context).map(|(batches, _)| rows_of(&batches))
    };
    // Doubled once more the block would be 2 MiB, and the index as much again.
    let rows = read(&Room::of(2 * LONG + (400 << 10))).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0][1].as_ref().map(String::len), Some(LONG + 4));
    let tight = Room::of(LONG);
    message(read(&tight));
    let needed = tight.refused.load(Ordering::SeqCst);
    assert!((7 * LONG..7 * (LONG + (200 << 10))).contains(&needed), "{needed} bytes");
}
