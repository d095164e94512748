//! The second look at all values: the same on any number of threads, and stopped when nobody wants it any more.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::{context, read_all};
use crate::ScanRequest;
use crate::csv::{CsvOptions, open};

/// 400 rows in many pieces, whose first rows hold integers only.
fn narrow_at_first() -> (Vec<u8>, CsvOptions) {
    let mut text = "n,m,s\n".to_owned();
    for row in 0..400 {
        let n = match row {
            300 => "0.5".to_owned(),
            350 => "\"many\nlines\"".to_owned(),
            _ => row.to_string(),
        };
        let m = if row == 320 { "1e3".to_owned() } else { row.to_string() };
        text.push_str(&format!("{n},{m},{row}\n"));
    }
    (
        text.into_bytes(),
        CsvOptions { split_bytes: 100, infer_rows: 10, block_bytes: 64, ..CsvOptions::default() },
    )
}

#[test]
fn widening_says_the_same_on_any_number_of_threads() {
    let (text, options) = narrow_at_first();
    for threads in [1, 2, 5] {
        let (mut context, infos, _) = context(&[("data.csv", &text)]);
        context.threads = threads;
        let source = open(infos, &options, &context).unwrap();
        let (source, notices) = source.widened(&ScanRequest::default(), &context).unwrap();
        let types: Vec<_> = source.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Utf8View, DataType::Float64, DataType::Int64]);
        let messages: Vec<&str> = notices.iter().map(|notice| notice.message.as_str()).collect();
        let expected = [
            "the column `n` is read as Utf8View instead of Int64, because `0.5` is not of that type (line 302 of data.csv)",
            "the column `m` is read as Float64 instead of Int64, because `1e3` is not of that type (line 322 of data.csv)",
        ];
        assert_eq!(messages, expected, "{threads} threads");
    }
}

/// Is stopped after it was asked so many times.
#[derive(Debug)]
struct After(std::sync::atomic::AtomicI64);

impl crate::Stop for After {
    fn is_stopped(&self) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) <= 0
    }
}

#[test]
fn widening_and_reading_can_be_stopped() {
    let (text, options) = narrow_at_first();
    for threads in [1, 3] {
        for asked in [0, 1, 10, 40] {
            let (mut context, infos, _) = context(&[("data.csv", &text)]);
            let source = open(infos, &options, &context).unwrap();
            context.threads = threads;
            context.stop = Arc::new(After(asked.into()));
            let error = source.widened(&ScanRequest::default(), &context).unwrap_err();
            assert!(error.is_cancelled(), "{error}");
            let error = read_all(&*source, &ScanRequest::default(), &context).unwrap_err();
            assert!(error.is_cancelled(), "{error}");
        }
    }
}
