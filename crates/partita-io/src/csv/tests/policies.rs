//! Bad rows under each policy, given types, widening, nulls, projections and filters.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};

use super::{context, message, read_all, read_files, read_text, rows_of, some};
use crate::csv::{BadRows, CsvOptions, open};
use crate::{Error, Result, RowFilter, ScanRequest};

const BAD: &[u8] = b"n,s\n1,a\n2\nx,b\n3,c,d\n4,e\n";

fn typed(bad_rows: BadRows) -> CsvOptions {
    CsvOptions::default().column_type("n", DataType::Int32).bad_rows(bad_rows)
}

#[test]
fn bad_rows_are_errors_by_default() {
    let error = message(read_text(BAD, &typed(BadRows::Error)));
    for part in ["1 fields instead of 2", "line 3", "byte 8", "data.csv"] {
        assert!(error.contains(part), "{error} should contain {part}");
    }
    let error = message(read_text(b"n,s\n\"1\n\",a\n\n1,\"a\r\nb\"\nx,b\n", &typed(BadRows::Error)));
    for part in ["`1\n`", "Int32", "column `n`", "line 2", "byte 4"] {
        assert!(error.contains(part), "{error} should contain {part}");
    }
    let error = message(read_text(b"n,s\n\n1,\"a\r\nb\"\nx,b\n", &typed(BadRows::Error)));
    for part in ["`x`", "Int32", "column `n`", "line 5", "byte 14"] {
        assert!(error.contains(part), "{error} should contain {part}");
    }
}

#[test]
fn bad_rows_become_null() {
    let (_, rows, notices) = read_text(BAD, &typed(BadRows::Null)).unwrap();
    let one = |n: Option<&str>, s: Option<&str>| vec![n.map(str::to_owned), s.map(str::to_owned)];
    let expected = [
        one(Some("1"), Some("a")),
        one(Some("2"), None),
        one(None, Some("b")),
        one(Some("3"), Some("c")),
        one(Some("4"), Some("e")),
    ];
    assert_eq!(rows, expected);
    assert_eq!(notices.iter().map(|notice| notice.rows).collect::<Vec<_>>(), [1, 1, 1], "{notices:?}");
    // The last field that is there keeps nothing of its line end.
    let (_, rows, _) =
        read_text(b"a,b,c\r\n1,x\r\n1,x,y\r\n", &CsvOptions::default().bad_rows(BadRows::Null)).unwrap();
    assert_eq!(rows[0], [Some("1".to_owned()), Some("x".to_owned()), None]);
}

#[test]
fn bad_rows_are_skipped_and_counted() {
    let (_, rows, notices) = read_text(BAD, &typed(BadRows::Skip)).unwrap();
    assert_eq!(rows, [some(&["1", "a"]), some(&["4", "e"])]);
    assert_eq!(notices.iter().map(|notice| notice.rows).sum::<u64>(), 3, "{notices:?}");
    let invalid = b"n,s\n1,a\n2,\xff\n3,c\n";
    let (_, rows, _) = read_text(invalid, &typed(BadRows::Skip)).unwrap();
    assert_eq!(rows, [some(&["1", "a"]), some(&["3", "c"])]);
}

/// Which rows there are must not depend on which columns are read.
#[test]
fn skipping_does_not_depend_on_the_projection() {
    let (context, infos, _) = context(&[("data.csv", BAD)]);
    let source = open(infos.clone(), &typed(BadRows::Skip), &context).unwrap();
    for projection in [vec![], vec![1], vec![0], vec![1, 0, 1]] {
        let columns = projection.len();
        let request = ScanRequest { projection: Some(projection), ..ScanRequest::default() };
        let (batches, _) = read_all(&*source, &request, &context).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
        assert!(batches.iter().all(|batch| batch.num_columns() == columns));
    }
}

#[test]
fn rejected_rows_are_written_in_order_whatever_the_order_of_reading() {
    let expected = "file,line,byte,column,value,reason\n\
        data.csv,3,8,,2,the row has 1 fields instead of 2\n\
        data.csv,4,10,n,x,it is not of the type Int32 that was given for the column\n\
        data.csv,5,14,,\"3,c,d\",the row has 3 fields instead of 2\n";
    for split_bytes in [1 << 20, 9, 3] {
        for backwards in [false, true] {
            let (context, infos, memory) = context(&[("data.csv", BAD)]);
            let mut options = typed(BadRows::Reject("bad.csv".into()));
            options.split_bytes = split_bytes;
            let source = open(infos.clone(), &options, &context).unwrap();
            let request = ScanRequest::default();
            for _run in 0..2 {
                let mut splits = source.splits(&request, &context).unwrap();
                if backwards {
                    splits.reverse();
                }
                let mut rows = 0;
                for split in &splits {
                    let mut reader = source.read(split, &request, &context).unwrap();
                    while let Some(batch) = reader.next_batch().unwrap() {
                        rows += batch.num_rows();
                    }
                }
                drop(splits);
                assert_eq!(rows, 2);
                let rejected = memory.get("bad.csv").unwrap();
                assert_eq!(rejected, expected);
                assert_eq!(memory.names(), ["bad.csv", "data.csv"]);
            }
        }
    }
}

#[test]
fn a_failing_run_leaves_no_reject_file() {
    let mut text = b"n,s\nx,1\n".to_vec();
    text.extend(b"1,1\n".repeat(100));
    text.extend(b"1,oops\n");
    let (context, infos, memory) = context(&[("data.csv", &text)]);
    let mut options = typed(BadRows::Reject("bad.csv".into()));
    options.infer_rows = 5;
    options.split_bytes = 50;
    let source = open(infos.clone(), &options, &context).unwrap();
    let error = read_all(&*source, &ScanRequest::default(), &context).unwrap_err();
    assert!(error.is_type_too_narrow(), "{error}");
    assert_eq!(memory.names(), ["data.csv"]);
}

#[test]
fn types_that_are_too_narrow_widen_and_say_so() {
    let rows = 300;
    let columns: [(&str, &str, &str, DataType); 6] = [
        ("float", "1", "1.5", DataType::Float64),
        ("text", "1", "007", DataType::Utf8View),
        ("big", "9007199254740993", "0.5", DataType::Utf8View),
        ("stamp", "2024-01-01", "2024-01-01T10:00:00", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("bool", "true", "2", DataType::Utf8View),
        ("same", "5", "6", DataType::Int64),
    ];
    for (name, usual, odd, expected) in columns {
        let text = format!("{name},x\n{}{odd},z\n", format!("{usual},y\n").repeat(rows));
        for split_bytes in [64, 1 << 20] {
            let options =
                CsvOptions { infer_rows: 10, split_bytes, block_bytes: 256, ..CsvOptions::default() };
            let (types, found, notices) = read_text(text.as_bytes(), &options).unwrap();
            assert_eq!(types, [expected.clone(), DataType::Utf8View]);
            assert_eq!(found.len(), rows + 1);
            if expected == DataType::Utf8View {
                assert_eq!(found[0][0].as_deref(), Some(usual));
                assert_eq!(found[rows][0].as_deref(), Some(odd));
            }
            if name == "same" {
                assert_eq!(notices, []);
            } else {
                let message = &notices[0].message;
                let line = format!("line {}", rows + 2);
                assert!(
                    [name, odd, &line, "data.csv"].iter().all(|part| message.contains(part)),
                    "{message}"
                );
            }
        }
    }
}

#[test]
fn too_narrow_names_the_place() {
    let text = format!("n\n{}x\n", "1\n".repeat(100));
    let options = CsvOptions { infer_rows: 10, ..CsvOptions::default() };
    let (context, infos, _) = context(&[("data.csv", text.as_bytes())]);
    let source = open(infos.clone(), &options, &context).unwrap();
    let error = read_all(&*source, &ScanRequest::default(), &context).unwrap_err();
    assert!(error.is_type_too_narrow());
    for part in ["`x`", "Int64", "`n`", "line 102", "byte 202", "data.csv"] {
        assert!(error.to_string().contains(part), "{error} should contain {part}");
    }
}

#[test]
fn nulls_and_quotes() {
    let text = b"s,n\n,\n\"\",\"\"\nNA,NA\n\"NA\",\"NA\"\nx,1\n";
    let (types, rows, _) = read_text(text, &CsvOptions::default().null("NA")).unwrap();
    assert_eq!(types, [DataType::Utf8View, DataType::Int64]);
    let some = |text: &str| Some(text.to_owned());
    let expected = [[None, None], [some(""), None], [None, None], [some("NA"), None], [some("x"), some("1")]];
    assert_eq!(rows, expected);
    let only = CsvOptions { nulls: vec!["-1".to_owned()], ..CsvOptions::default() };
    let (_, rows, _) = read_text(b"s,n\n,-1\nx,1\n", &only).unwrap();
    assert_eq!(rows, [[some(""), None], [some("x"), some("1")]]);
}

#[test]
fn every_given_type() {
    let cases: &[(DataType, &str, Option<&str>, &str)] = &[
        (DataType::Boolean, "TrUe", Some("true"), "2"),
        (DataType::Int8, "-128", Some("-128"), "128"),
        (DataType::Int16, "007", Some("7"), "40000"),
        (DataType::Int32, "2147483647", Some("2147483647"), "2147483648"),
        (DataType::Int64, "-9223372036854775808", Some("-9223372036854775808"), "1.0"),
        (DataType::UInt8, "255", Some("255"), "-1"),
        (DataType::UInt16, "65535", Some("65535"), "65536"),
        (DataType::UInt32, "4294967295", Some("4294967295"), "x"),
        (DataType::UInt64, "18446744073709551615", Some("18446744073709551615"), "-1"),
        (DataType::Float32, "0.1", Some("0.1"), "1,5"),
        (DataType::Float64, "9007199254740993", Some("9007199254740992.0"), "+1"),
        (DataType::Date32, "2024-02-29", Some("2024-02-29"), "2023-02-29"),
        (DataType::Date64, "2024-02-29", Some("2024-02-29T00:00:00"), "20240229"),
        (DataType::Time32(TimeUnit::Second), "12:30", Some("12:30:00"), "12:30:00.5"),
        (DataType::Time32(TimeUnit::Millisecond), "12:30:00.25", Some("12:30:00.250"), "25:00:00"),
        (DataType::Time64(TimeUnit::Microsecond), "00:00:00.000001", Some("00:00:00.000001"), "x"),
        (DataType::Time64(TimeUnit::Nanosecond), "00:00:00.000000001", Some("00:00:00.000000001"), "x"),
        (
            DataType::Timestamp(TimeUnit::Second, None),
            "2024-01-01",
            Some("2024-01-01T00:00:00"),
            "2024-01-01T00:00:00Z",
        ),
        (
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            "2024-01-01 00:00:00.123456789",
            Some("2024-01-01T00:00:00.123456789"),
            "3000-01-01",
        ),
        (
            DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into())),
            "2024-07-01T12:00:00",
            Some("2024-07-01T12:00:00+02:00"),
            "2024-03-31T02:30:00",
        ),
        (DataType::Decimal128(10, 2), "-12.5", Some("-12.50"), "1.234"),
        (DataType::Utf8, "text", Some("text"), "\u{1}"),
        (DataType::LargeUtf8, "text", Some("text"), "\u{1}"),
        (DataType::Binary, "text", Some("74657874"), "\u{1}"),
        (
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            "text",
            Some("text"),
            "\u{1}",
        ),
    ];
    for (data_type, good, expected, bad) in cases {
        let options =
            CsvOptions::default().column_type("v", data_type.clone()).column_type("k", DataType::Int8);
        let text = format!("v,k\n\"{good}\",1\n,2\n{good},3\n");
        let (types, rows, _) = read_text(text.as_bytes(), &options).unwrap();
        assert_eq!(types[0], *data_type);
        let values: Vec<Option<&str>> = rows.iter().map(|row| row[0].as_deref()).collect();
        assert_eq!(values, [*expected, None, *expected], "{data_type}");
        if *bad != "\u{1}" {
            let error = message(read_text(format!("v,k\n\"{bad}\",1\n").as_bytes(), &options));
            assert!(error.contains(bad) && error.contains("`v`"), "{data_type}: {error}");
        }
    }
    let list = DataType::new_list(DataType::Int8, true);
    assert!(
        message(read_text(b"v\n1\n", &CsvOptions::default().column_type("v", list)))
            .contains("not supported")
    );
    let error = message(read_text(b"v\n1\n", &CsvOptions::default().column_type("w", DataType::Int8)));
    assert!(error.contains("`w`") && (error.contains("columns are v") || error.contains("`v`")), "{error}");
}

#[test]
fn options_that_contradict_each_other() {
    let base = CsvOptions::default;
    for (options, part) in [
        (CsvOptions { delimiter: b'"', ..base() }, "delimiter and quote"),
        (CsvOptions { delimiter: b'\n', ..base() }, "line end"),
        (CsvOptions { delimiter: 0xa7, ..base() }, "ASCII"),
        (CsvOptions { comment: Some(b','), ..base() }, "delimiter and comment"),
        (CsvOptions { names: Some(vec!["x".into()]), ..base() }, "1 column names"),
    ] {
        let error = message(read_text(b"a,b\n1,2\n", &options));
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn dialects_and_names() {
    let rows = [some(&["1", "a;b"]), some(&["2", "c'd"])];
    let options =
        CsvOptions { delimiter: b';', quote: Some(b'\''), escape: Some(b'\\'), ..CsvOptions::default() };
    assert_eq!(read_text(b"x;y\n1;'a;b'\n2;'c\\'d'\n", &options).unwrap().1, rows);
    let names = Some(vec!["n".to_owned(), "t".to_owned()]);
    let options = CsvOptions { names, ..CsvOptions::default() }.no_header().delimiter(b'\t');
    let (context, infos, _) = context(&[("data.tsv", b"1\ta;b\n2\tc'd\n")]);
    let source = open(infos.clone(), &options, &context).unwrap();
    assert_eq!(source.schema().field(1).name(), "t");
    assert_eq!(read_files(&infos, &options, &context).unwrap().1, rows);
    let source = open(infos.clone(), &CsvOptions { names: None, ..options }, &context).unwrap();
    assert_eq!(source.schema().field(1).name(), "column_2");
    let all_text = CsvOptions { all_text: true, ..CsvOptions::default() };
    assert_eq!(read_text(b"a\n007\n", &all_text).unwrap().0, [DataType::Utf8View]);
    let no_dates = CsvOptions { infer_dates: false, ..CsvOptions::default() };
    assert_eq!(read_text(b"a\n2024-01-01\n", &no_dates).unwrap().0, [DataType::Utf8View]);
}

/// Keeps rows whose first column is odd; fails on 99.
#[derive(Debug)]
struct Odd(Vec<usize>);

impl RowFilter for Odd {
    fn columns(&self) -> &[usize] {
        &self.0
    }
    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let numbers = batch.column(0).as_primitive::<Int64Type>();
        if numbers.iter().flatten().any(|number| number == 99) {
            return Err(Error::filter("ninety-nine".into()));
        }
        Ok(numbers.iter().map(|number| number.map(|number| number % 2 == 1)).collect())
    }
}

#[test]
fn filters_projections_limits_and_batch_sizes() {
    let text: String = (0..50)
        .map(|row| {
            if row % 10 == 4 {
                ",z,\n".to_owned()
            } else {
                format!("{row},\"a long text {row}\",{}\n", row * 2)
            }
        })
        .collect();
    let text = format!("n,s,m\n{text}");
    let (context, infos, _) = context(&[("data.csv", text.as_bytes())]);
    for (split_bytes, block_bytes, batch_rows) in [(1 << 20, 1 << 20, 16_384), (64, 32, 3), (200, 500, 1)] {
        let options = CsvOptions { split_bytes, block_bytes, ..CsvOptions::default() };
        let source = open(infos.clone(), &options, &context).unwrap();
        let filter: Arc<dyn RowFilter> = Arc::new(Odd(vec![0]));
        for projection in [vec![1, 0], vec![2], vec![0], vec![]] {
            let request = ScanRequest {
                projection: Some(projection.clone()),
                filter: Some(Arc::clone(&filter)),
                batch_rows,
                ..ScanRequest::default()
            };
            let (batches, _) = read_all(&*source, &request, &context).unwrap();
            let expected: Vec<Vec<Option<String>>> = (0..50)
                .filter(|row| row % 2 == 1)
                .map(|row| [row.to_string(), format!("a long text {row}"), (row * 2).to_string()])
                .map(|row| projection.iter().map(|&column| Some(row[column].clone())).collect())
                .collect();
            assert_eq!(rows_of(&batches), expected);
        }
        let request = ScanRequest { limit: Some(2), batch_rows, ..ScanRequest::default() };
        let splits = source.splits(&request, &context).unwrap();
        let mut reader = source.read(&splits[0], &request, &context).unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            batches.push(batch);
        }
        assert_eq!(
            rows_of(&batches),
            [some(&["0", "a long text 0", "0"]), some(&["1", "a long text 1", "2"])]
        );
    }
    let (_, infos, _) = super::context(&[("data.csv", b"n\n99\n")]);
    let (context, _, _) = super::context(&[("data.csv", b"n\n99\n")]);
    let source = open(infos.clone(), &CsvOptions::default(), &context).unwrap();
    let request = ScanRequest { filter: Some(Arc::new(Odd(vec![0]))), ..ScanRequest::default() };
    let error = read_all(&*source, &request, &context).unwrap_err();
    assert!(error.into_filter_error().is_ok());
}

#[test]
fn an_open_quote_at_the_end_is_told() {
    let (_, rows, notices) = read_text(b"a,b\n1,\"x\ny", &CsvOptions::default()).unwrap();
    assert_eq!(rows, [some(&["1", "x\ny"])]);
    assert!(notices[0].message.contains("not closed"), "{notices:?}");
}

/// Of several bad rows the first is reported, whatever is wrong with it and in whatever column.
#[test]
fn the_first_of_several_bad_rows_is_the_error() {
    let both = || CsvOptions::default().column_type("a", DataType::Int64).column_type("b", DataType::Int64);
    let cases: [(&[u8], &str, &str); 6] = [
        // A bad value before a ragged row.
        (b"a,b\n1,1\nx,2\n3\n", "line 3", "column `a`"),
        (b"a,b\n1,1\n3\nx,2\n", "line 3", "1 fields instead of 2"),
        // In a column that is converted later.
        (b"a,b\n1,y\nx,2\n", "line 2", "column `b`"),
        (b"a,b\n1,1\n2,2\nx,3\n4,y\n5\n", "line 4", "column `a`"),
        (b"a,b\n1,1\n2,y\nx,z\n4\n", "line 3", "column `b`"),
        (b"a,b\n1\nx,y\n", "line 2", "1 fields instead of 2"),
    ];
    for (text, line, what) in cases {
        let error = message(read_text(text, &both()));
        assert!(error.contains(line) && error.contains(what), "{error} should say {line} and {what}");
    }
    // Behind a filter on another column only rows that pass are looked at; `a` must be odd.
    let (context, infos, _) = context(&[("data.csv", b"a,b\n2,y\n3,z\n5,1\nx,1\n1\n")]);
    let source = open(infos, &both(), &context).unwrap();
    let request = ScanRequest { filter: Some(Arc::new(Odd(vec![0]))), ..ScanRequest::default() };
    let error = message(read_all(&*source, &request, &context));
    assert!(error.contains("line 3") && error.contains("column `b`"), "{error}");
}
