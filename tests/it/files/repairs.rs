//! CSV whose types turn out too narrow, and rows that do not fit.

use std::fmt::Write;

use partita::io::csv::{BadRows, CsvOptions};
use partita::prelude::*;

use super::rows;
use crate::rows::{Rows, row};

#[test]
fn a_type_too_narrow_is_widened_late_and_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("late.csv");
    let mut text = "n,m\n".to_owned();
    for number in 0..500 {
        let n = if number == 480 { "0.5".to_owned() } else { number.to_string() };
        let m = if number == 490 { "many".to_owned() } else { format!("{number}") };
        writeln!(text, "{n},{m}").expect("text grows");
    }
    std::fs::write(&path, text).expect("a file");
    let options = CsvOptions { infer_rows: 50, split_bytes: 1000, ..CsvOptions::default() };
    let frame = read_csv_with(&path, options);
    let narrow = frame.schema().expect("a schema").field(1).data_type().clone();
    assert_eq!(narrow, DataType::Int64);
    let table = frame.compute().expect("types that widen");
    assert_eq!(table.num_rows(), 500);
    assert_eq!(table.schema().field(0).data_type(), &DataType::Float64);
    assert_eq!(table.schema().field(1).data_type(), &DataType::Utf8View);
    let notices: Vec<String> =
        table.report().notices().iter().map(|notice| notice.message.to_string()).collect();
    assert!(notices.iter().any(|notice| notice.contains("`m`")), "{notices:?}");
    let grouped = frame.groupby(["m"]).agg([col("n").sum().alias("n")]).filter(col("n").eq(490));
    let expected = Rows::new(&["m", "n"], vec![row!["many", 490.0]]);
    assert_eq!(rows(&grouped).expect("types that widen").difference(&expected, true, true), None);
}

#[test]
fn a_step_that_cannot_work_with_the_wider_type_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("late.csv");
    let numbers: String = (0..100).map(|number| format!("{number}\n")).collect();
    std::fs::write(&path, format!("n\n{numbers}x\n")).expect("a file");
    let options = CsvOptions { infer_rows: 10, ..CsvOptions::default() };
    let error = read_csv_with(&path, options).agg([col("n").sum()]).compute().expect_err("text has no sum");
    let error = error.to_string();
    assert!(error.contains("repairs.rs:") && error.contains("wider type"), "{error}");
}

const BAD: &[u8] = b"n,t\n1,a\nx,b\n3\n4,d,e\n5,f\n";

fn options(bad_rows: BadRows) -> CsvOptions {
    CsvOptions::default().column_type("n", DataType::Int64).bad_rows(bad_rows)
}

#[test]
fn bad_rows_fail_or_become_null_or_are_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("bad.csv");
    std::fs::write(&path, b"n,t\n1,a\nx,b\n").expect("a file");
    let error = read_csv_with(&path, options(BadRows::Error)).compute().expect_err("a bad value").to_string();
    for part in ["bad.csv", "line 3", "`n`", "`x`"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    std::fs::write(&path, BAD).expect("a file");
    let got = rows(&read_csv_with(&path, options(BadRows::Null))).expect("bad values are null");
    let all = vec![row![1, "a"], row![None::<i64>, "b"], row![3, None::<&str>], row![4, "d"], row![5, "f"]];
    assert_eq!(got.difference(&Rows::new(&["n", "t"], all), true, true), None);
    let good = Rows::new(&["n", "t"], vec![row![1, "a"], row![5, "f"]]);
    let got = rows(&read_csv_with(&path, options(BadRows::Skip))).expect("bad rows are left out");
    assert_eq!(got.difference(&good, true, true), None);
}

#[test]
fn bad_rows_go_to_a_reject_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, reject) = (directory.path().join("bad.csv"), directory.path().join("rejected.csv"));
    std::fs::write(&path, BAD).expect("a file");
    let frame = read_csv_with(&path, options(BadRows::Reject(reject.clone())));
    let table = frame.compute().expect("bad rows are rejected");
    assert_eq!(table.num_rows(), 2);
    let counted: u64 = table.report().notices().iter().map(|notice| notice.rows).sum();
    assert_eq!(counted, 3);
    let mut reader = csv::Reader::from_path(&reject).expect("a reject file");
    let header: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header, ["file", "line", "byte", "column", "value", "reason"]);
    let rejected: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("good CSV");
    let lines: Vec<&str> = rejected.iter().map(|record| &record[1]).collect();
    assert_eq!(lines, ["3", "4", "5"]);
    assert!(rejected[0][0].ends_with("bad.csv"));
    assert_eq!((&rejected[0][2], &rejected[0][3], &rejected[0][4]), ("8", "n", "x"));
    assert!(rejected.iter().all(|record| !record[5].is_empty()));
}
