//! CSV as the csv crate reads it, and the spelling of single values.

use arrow::array::*;
use arrow::datatypes::{DataType, TimeUnit};
use proptest::prelude::*;

use super::*;

fn text_of(batch: &RecordBatch, options: CsvWriteOptions) -> Result<String> {
    let scratch = scratch();
    let report = write(
        local(),
        &scratch.path().join("data"),
        std::slice::from_ref(batch),
        WriteOptions::new(WriteFormat::Csv(options)),
    )?;
    Ok(std::fs::read_to_string(&report.files[0].path).unwrap())
}

fn column(array: ArrayRef) -> RecordBatch {
    let mark: ArrayRef = Arc::new(Int8Array::from(vec![7; array.len()]));
    RecordBatch::try_from_iter_with_nullable([("x", array, true), ("mark", mark, true)]).unwrap()
}

fn spelled(array: ArrayRef) -> Vec<String> {
    let text = text_of(&column(array), CsvWriteOptions::default()).unwrap();
    text.lines().skip(1).map(|line| line.strip_suffix(",7").unwrap().to_string()).collect()
}

#[test]
fn spellings() {
    assert_eq!(
        spelled(Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ["true", "false", ""]
    );
    assert_eq!(
        spelled(Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX]))),
        ["-9223372036854775808", "0", "9223372036854775807"]
    );
    assert_eq!(
        spelled(Arc::new(Float64Array::from(vec![
            0.1,
            1.0,
            -0.0,
            1e300,
            1e-7,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY
        ]))),
        ["0.1", "1.0", "-0.0", "1e+300", "1e-7", "NaN", "inf", "-inf"]
    );
    assert_eq!(spelled(Arc::new(Float32Array::from(vec![0.1, 16777216.0]))), ["0.1", "16777216.0"]);
    assert_eq!(
        spelled(Arc::new(StringViewArray::from(vec![
            Some("plain"),
            Some(""),
            None,
            Some("a,b"),
            Some("say \"hi\""),
            Some(" x ")
        ]))),
        ["plain", "\"\"", "", "\"a,b\"", "\"say \"\"hi\"\"\"", " x "]
    );
    assert_eq!(
        spelled(Arc::new(TimestampSecondArray::from(vec![1_359_608_700, -1, 951_825_599]))),
        ["2013-01-31T05:05:00", "1969-12-31T23:59:59", "2000-02-29T11:59:59"]
    );
    assert_eq!(
        spelled(Arc::new(TimestampNanosecondArray::from(vec![1, 1_000, 1_000_000, 1_500_000_000]))),
        [
            "1970-01-01T00:00:00.000000001",
            "1970-01-01T00:00:00.000001",
            "1970-01-01T00:00:00.001",
            "1970-01-01T00:00:01.500"
        ]
    );
    assert_eq!(
        spelled(Arc::new(TimestampSecondArray::from(vec![0]).with_timezone("+02:00"))),
        ["1970-01-01T02:00:00+02:00"]
    );
    assert_eq!(
        spelled(Arc::new(Decimal128Array::from(vec![-12345, 5]).with_precision_and_scale(10, 3).unwrap())),
        ["-12.345", "0.005"]
    );
    let dictionary: DictionaryArray<arrow::datatypes::Int32Type> =
        [Some("a"), None, Some("b,")].into_iter().collect();
    assert_eq!(spelled(Arc::new(dictionary)), ["a", "", "\"b,\""]);
}

#[test]
fn a_time_that_cannot_be_spelled_is_an_error_and_not_data() {
    let array = TimestampSecondArray::from(vec![i64::MAX]).with_timezone("+00:00");
    let error = text_of(&column(Arc::new(array)), CsvWriteOptions::default()).unwrap_err().to_string();
    assert!(error.contains("column `x`"), "{error}");
}

#[test]
fn options() {
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("NA"), None, Some("a;b"), Some("it's")]));
    let options = CsvWriteOptions {
        delimiter: b';',
        quote: b'\'',
        header: false,
        null: "NA".into(),
        line_end: CsvLineEnd::CrLf,
        ..Default::default()
    };
    assert_eq!(text_of(&column(text), options).unwrap(), "'NA';7\r\nNA;7\r\n'a;b';7\r\n'it''s';7\r\n");
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 2.0]));
    let dotted = CsvWriteOptions { delimiter: b'.', ..Default::default() };
    assert_eq!(text_of(&column(numbers), dotted).unwrap(), "x.mark\n\"1.5\".7\n\"2.0\".7\n");
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-999), None]));
    let coded = CsvWriteOptions { null: "-999".into(), header: false, ..Default::default() };
    assert_eq!(text_of(&column(numbers), coded).unwrap(), "\"-999\",7\n-999,7\n");
    let single: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let batch = RecordBatch::try_from_iter_with_nullable([("x", single, true)]).unwrap();
    assert_eq!(text_of(&batch, CsvWriteOptions::default()).unwrap(), "x\n1\n\"\"\n");
}

#[test]
fn compressed_text_is_what_other_decoders_read() {
    use std::io::Read;
    let scratch = scratch();
    let plain = text_of(&rows(0, 1000, 3), CsvWriteOptions::default()).unwrap();
    for (compression, ending) in [(TextCompression::Gzip(6), "csv.gz"), (TextCompression::Zstd(1), "csv.zst")]
    {
        let options = CsvWriteOptions { compression, ..Default::default() };
        let root = scratch.path().join(ending);
        write(local(), &root, &[rows(0, 1000, 3)], WriteOptions::new(WriteFormat::Csv(options))).unwrap();
        let file = File::open(root.join(format!("part-00000-0.{ending}"))).unwrap();
        let mut text = String::new();
        match compression {
            TextCompression::Gzip(_) => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
            _ => zstd::stream::read::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap(),
        };
        assert_eq!(text, plain);
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    use chrono::{Days, NaiveDate};
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    let days: Vec<i32> = (-720_000..2_900_000).step_by(997).chain([-1, 0, 1, 11_016, 11_017]).collect();
    let expected: Vec<String> = days
        .iter()
        .map(|&day| {
            let shift = Days::new(u64::from(day.unsigned_abs()));
            let date = if day < 0 { epoch - shift } else { epoch + shift };
            date.format("%Y-%m-%d").to_string()
        })
        .collect();
    assert_eq!(spelled(Arc::new(Date32Array::from(days))), expected);
}

#[test]
fn fast_spellings_are_those_of_arrow() {
    use arrow::util::display::array_value_to_string;
    let values: Vec<i64> =
        (0..2000).map(|i: i64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> 6).collect();
    for unit in [TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        let array = arrow::compute::cast(&Int64Array::from(values.clone()), &DataType::Timestamp(unit, None))
            .unwrap();
        let expected: Vec<_> = (0..array.len()).map(|i| array_value_to_string(&array, i).unwrap()).collect();
        assert_eq!(spelled(array), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_csv_crate_reads_back_every_text(
        cells in proptest::collection::vec(proptest::collection::vec("(?s)[\"',;\r\n a-cé\u{0}]{0,6}", 3), 1..20),
        delimiter in proptest::sample::select(vec![b',', b';', b'\t', b'|', b'a']),
        crlf in any::<bool>(),
    ) {
        let columns = (0..3).map(|at| {
            let array: ArrayRef = Arc::new(StringArray::from_iter_values(cells.iter().map(|row| row[at].as_str())));
            (format!("c{at}"), array)
        });
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let line_end = if crlf { CsvLineEnd::CrLf } else { CsvLineEnd::Lf };
        let text = text_of(&batch, CsvWriteOptions { delimiter, line_end, ..Default::default() }).unwrap();
        let mut reader = ::csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let got: Vec<Vec<String>> =
            reader.records().map(|r| r.unwrap().iter().map(str::to_string).collect()).collect();
        prop_assert_eq!(got, cells);
    }

    #[test]
    fn floats_come_back_to_the_bit(values in proptest::collection::vec(any::<f64>(), 1..50)) {
        let got: Vec<u64> = spelled(Arc::new(Float64Array::from(values.clone())))
            .iter()
            .map(|text| text.parse::<f64>().unwrap().to_bits())
            .collect();
        // A NaN comes back as a NaN, whichever it was.
        let expected: Vec<u64> = values.iter().map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }).collect();
        prop_assert_eq!(got, expected);
    }
}
