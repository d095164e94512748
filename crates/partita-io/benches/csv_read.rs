//! Speed of the CSV reader on one thread, beside the `csv` crate, on a generated file.
//!
//! `cargo bench -p partita-io --bench csv_read -- [MIB] [REPEATS]` prints one line per workload: what was done
//! and MB/s, the best of the repeats. Rows and sums are checked against the generator.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use partita_io::{Listing, ListingOptions, Local, ReadContext, ScanRequest, csv};

/// A table like those of the db-benchmark: short text, integers, floats, a date and a timestamp.
fn generate(bytes: usize) -> (String, u64, i64) {
    let mut text = String::with_capacity(bytes + 200);
    text.push_str("id1,id3,id4,v1,v3,price,day,at,comment\n");
    let (mut state, mut rows, mut sum) = (88_172_645_463_325_252u64, 0, 0);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let number = |shift: u32, below: u64| (state >> shift) % below;
        let v1 = number(3, 1_000_000) as i64 - 500_000;
        let (day, hour) = (number(9, 28) + 1, number(11, 24));
        let _ = writeln!(
            text,
            "id{:03},id{:010},{},{v1},{}.{:06},{}.{:02},2024-03-{day:02},2024-03-{day:02}T{hour:02}:15:00Z,note {} on it",
            number(0, 100),
            number(5, 1_000_000),
            number(7, 100),
            number(13, 100),
            number(17, 1_000_000),
            number(19, 10_000),
            number(23, 100),
            number(29, 1_000),
        );
        rows += 1;
        sum += v1;
    }
    (text, rows, sum)
}

fn measure(name: &str, bytes: usize, repeats: usize, mut run: impl FnMut()) {
    let best = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    println!("{name:<44} {:>8.0} MB/s", bytes as f64 / 1e6 / best.as_secs_f64());
}

fn read(path: &Path, options: &csv::CsvOptions, projection: Option<Vec<usize>>) -> (u64, i64) {
    let context = ReadContext::new(Arc::new(Local));
    let listing = Listing::open(path, &ListingOptions::new(["csv"]), &Local).expect("the file is there");
    let source = csv::open(listing, options, &context).expect("the file can be read");
    let request = ScanRequest { projection, ..ScanRequest::default() };
    let (mut rows, mut sum) = (0, 0);
    for split in source.splits(&request, &context).expect("splits") {
        let mut reader = source.read(&split, &request, &context).expect("a reader");
        while let Some(batch) = reader.next_batch().expect("a batch") {
            rows += batch.num_rows() as u64;
            if let Some(column) = batch.column_by_name("v1")
                && let Some(column) = column.as_primitive_opt::<Int64Type>()
            {
                sum += column.values().iter().sum::<i64>();
            }
        }
    }
    (rows, sum)
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    // `cargo test --all-targets` runs this, too: then it only checks the answers.
    let (mib, repeats) =
        if std::env::args().any(|argument| argument == "--bench") { (300, 3) } else { (4, 1) };
    let (mib, repeats) =
        (numbers.first().copied().unwrap_or(mib), numbers.get(1).copied().unwrap_or(repeats));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("table.csv");
    let (text, rows, sum) = generate(mib << 20);
    std::fs::write(&path, &text).expect("the file can be written");
    let bytes = text.len();
    let quoted_path = directory.path().join("quoted.csv");
    let quoted: String = text.lines().map(|line| format!("\"{}\"\n", line.replace(',', "\",\""))).collect();
    std::fs::write(&quoted_path, &quoted).expect("the file can be written");
    println!("{rows} rows, {mib} MiB");

    let options = csv::CsvOptions::default();
    measure("all columns typed", bytes, repeats, || assert_eq!(read(&path, &options, None), (rows, sum)));
    measure("one integer column", bytes, repeats, || {
        assert_eq!(read(&path, &options, Some(vec![3])), (rows, sum));
    });
    measure("one float column", bytes, repeats, || assert_eq!(read(&path, &options, Some(vec![4])).0, rows));
    measure("one text column", bytes, repeats, || assert_eq!(read(&path, &options, Some(vec![1])).0, rows));
    measure("one timestamp column", bytes, repeats, || {
        assert_eq!(read(&path, &options, Some(vec![7])).0, rows)
    });
    measure("no column (count)", bytes, repeats, || assert_eq!(read(&path, &options, Some(vec![])).0, rows));
    let text_options = csv::CsvOptions { all_text: true, ..csv::CsvOptions::default() };
    measure("all columns as text", bytes, repeats, || assert_eq!(read(&path, &text_options, None).0, rows));
    measure("all columns typed, every field quoted", quoted.len(), repeats, || {
        assert_eq!(read(&quoted_path, &options, None), (rows, sum));
    });
    measure("csv crate: records only, reused", bytes, repeats, || {
        let mut reader = ::csv::Reader::from_path(&path).expect("the file is there");
        let (mut record, mut count) = (::csv::ByteRecord::new(), 0);
        while reader.read_byte_record(&mut record).expect("a record") {
            count += 1;
        }
        assert_eq!(count, rows);
    });
    measure("csv crate: str records, one column parsed", bytes, repeats, || {
        let mut reader = ::csv::Reader::from_path(&path).expect("the file is there");
        let (mut record, mut total) = (::csv::StringRecord::new(), 0);
        while reader.read_record(&mut record).expect("a record") {
            total += record[3].parse::<i64>().expect("an integer");
        }
        assert_eq!(total, sum);
    });
}
