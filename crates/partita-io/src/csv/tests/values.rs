//! Numbers, dates and kinds, against chrono, the standard library and by hand.

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;

use crate::csv::infer::Kinds;
use crate::csv::moment::{Moment, date, time, timestamp};
use crate::csv::number::{Grammar, decimal, float, integer, unsigned};

fn int(text: &str, grammar: Grammar) -> Option<i64> {
    integer(text.as_bytes(), 0, text.len(), grammar)
}

fn strict_float(text: &str) -> Option<f64> {
    float(text.as_bytes(), 0, text.len(), Grammar::Strict)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn integers_are_the_standard_library_s(value in any::<i64>(), shift in 0u32..63) {
        let value = value >> shift;
        prop_assert_eq!(int(&value.to_string(), Grammar::Strict), Some(value));
        let unsigned_value = value.cast_unsigned();
        prop_assert_eq!(unsigned(unsigned_value.to_string().as_bytes()), Some(unsigned_value));
    }

    #[test]
    fn what_is_no_integer_is_none(text in "[-0-9+./:a ]{0,20}") {
        let has_only_digits = text.strip_prefix('-').unwrap_or(&text).bytes().all(|byte| byte.is_ascii_digit());
        let expected = if has_only_digits { text.parse::<i64>().ok() } else { None };
        prop_assert_eq!(int(&text, Grammar::Lenient), expected);
    }

    #[test]
    fn floats_are_rounded_as_the_standard_library_rounds(value in any::<f64>(), places in 0usize..12) {
        for text in [format!("{value}"), format!("{value:e}"), format!("{:.places$}", value % 1e9)] {
            let expected = text.parse::<f64>().unwrap();
            let found = float(text.as_bytes(), 0, text.len(), Grammar::Lenient).unwrap();
            prop_assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()));
        }
    }

    #[test]
    fn short_decimals_are_rounded_as_the_standard_library_rounds(text in "-?[0-9]{0,9}\\.?[0-9]{0,9}") {
        let expected = text.parse::<f64>().ok();
        prop_assert_eq!(float(text.as_bytes(), 0, text.len(), Grammar::Lenient).map(f64::to_bits), expected.map(f64::to_bits));
    }

    #[test]
    fn what_is_no_float_is_none(text in "[-0-9.eE+naif]{0,12}") {
        // The standard library also takes a plus sign, which is not a number here.
        let expected = if text.starts_with('+') { None } else { text.parse::<f64>().ok() };
        let found = float(text.as_bytes(), 0, text.len(), Grammar::Lenient);
        prop_assert_eq!(found.map(|value| value.is_nan()), expected.map(f64::is_nan));
    }

    #[test]
    fn text_around_a_number_does_not_matter(before in "[0-9,.]{0,20}", value in any::<i32>(), after in "[0-9,.-]{0,20}") {
        let text = format!("{before}{value}{after}");
        let (start, end) = (before.len(), text.len() - after.len());
        prop_assert_eq!(integer(text.as_bytes(), start, end, Grammar::Strict), Some(i64::from(value)));
        prop_assert_eq!(float(text.as_bytes(), start, end, Grammar::Strict), Some(f64::from(value)));
    }

    #[test]
    fn dates_are_chrono_s(year in 0i32..10_000, month in 0u32..14, day in 0u32..33) {
        let text = format!("{year:04}-{month:02}-{day:02}");
        let expected = NaiveDate::from_ymd_opt(year, month, day).map(|date| date.num_days_from_ce() - 719_163);
        prop_assert_eq!(date(text.as_bytes(), 0, 10), expected);
    }

    #[test]
    fn what_is_no_date_is_none(text in "[0-9-]{9,11}") {
        let has_shape = text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == (at == 4 || at == 7));
        let expected = if has_shape { NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok() } else { None };
        prop_assert_eq!(date(text.as_bytes(), 0, text.len()).is_some(), expected.is_some());
    }

    #[test]
    fn instants_are_chrono_s(seconds in -62_167_219_200i64..253_402_300_799, nanoseconds in 0u32..1_000_000_000, offset in -86_340i32..86_340) {
        let offset = chrono::FixedOffset::east_opt(offset / 60 * 60).unwrap();
        let instant = chrono::DateTime::from_timestamp(seconds, nanoseconds).unwrap().with_timezone(&offset);
        prop_assume!((0..10_000).contains(&instant.year()));
        let text = instant.format("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string();
        prop_assert_eq!(timestamp(text.as_bytes()), Some(Moment { seconds, nanoseconds, has_offset: true }));
    }
}

#[test]
fn strict_numbers_keep_what_is_no_number() {
    for text in ["007", "00", "-01", "+5", "1_000", "", "-", " 1", "1 ", "0x10", "9223372036854775808", "--1"]
    {
        assert_eq!(int(text, Grammar::Strict), None, "{text}");
    }
    for (text, value) in
        [("0", 0), ("-0", 0), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
    {
        assert_eq!(int(text, Grammar::Strict), Some(value), "{text}");
    }
    assert_eq!(int("007", Grammar::Lenient), Some(7));
    for text in
        ["00.5", "01.25", "+1.5", ".", "-.", "1e", "e5", "1.2.3", "1,5", "nano", "9007199254740993", "1e5 "]
    {
        assert_eq!(strict_float(text), None, "{text}");
    }
    for (text, value) in [
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-2.5e-3", -0.0025),
        ("1E5", 1e5),
        ("9007199254740992", 9_007_199_254_740_992.0),
        ("-Infinity", f64::NEG_INFINITY),
        ("inf", f64::INFINITY),
    ] {
        assert_eq!(strict_float(text), Some(value), "{text}");
    }
    assert!(strict_float("NaN").unwrap().is_nan());
    assert!(strict_float("-0.0").unwrap().is_sign_negative());
}

#[test]
fn decimals_are_exact_or_refused() {
    assert_eq!(decimal(b"123.45", 10, 2), Some(12_345));
    assert_eq!(decimal(b"-0.5", 10, 2), Some(-50));
    assert_eq!(decimal(b"7", 10, 2), Some(700));
    assert_eq!(decimal(b"1.500", 10, 1), Some(15));
    assert_eq!(decimal(b"1.55", 10, 1), None, "a digit would be lost");
    assert_eq!(decimal(b"1000", 3, 0), None, "too many digits");
    assert_eq!(decimal(b"1200", 2, -2), Some(12));
    assert_eq!(decimal(b"1250", 2, -2), None);
    for text in ["", "-", ".", "1e5", "1.2.3", "x"] {
        assert_eq!(decimal(text.as_bytes(), 10, 2), None, "{text}");
    }
}

#[test]
fn times_and_timestamps() {
    let moment = |seconds, nanoseconds, has_offset| Some(Moment { seconds, nanoseconds, has_offset });
    assert_eq!(timestamp(b"1970-01-02T00:00:01Z"), moment(86_401, 0, true));
    assert_eq!(timestamp(b"1970-01-01 00:01"), moment(60, 0, false));
    assert_eq!(timestamp(b"1970-01-01T02:00:00.5+02:00"), moment(0, 500_000_000, true));
    assert_eq!(timestamp(b"1970-01-01T00:00:00-0130"), moment(5_400, 0, true));
    assert_eq!(timestamp(b"1970-01-01T00:00:00+01"), moment(-3_600, 0, true));
    for text in [
        "1970-01-01",
        "1970-01-01T",
        "1970-01-01T24:00:00",
        "1970-01-01T00:60:00",
        "1970-01-01T00:00:60",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:00.1234567890",
        "1970-01-01T00:00:00+1",
        "1970-01-01T00:00:00+1:30",
        "1970-02-30T00:00:00",
        "1970-01-01X00:00:00",
        "1970-01-01T00:00:00 Z",
        "1970-01-01T0:00:00",
    ] {
        assert_eq!(timestamp(text.as_bytes()), None, "{text}");
    }
    assert_eq!(time(b"12:30", false), None);
    assert_eq!(time(b"12:30", true).map(|clock| clock.seconds), Some(45_000));
    assert_eq!(time(b"23:59:59.999999", false).map(|clock| clock.nanoseconds), Some(999_999_000));
}

#[test]
fn kinds_join_without_losing_a_digit() {
    use arrow::datatypes::{DataType, TimeUnit};
    let micro = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let cases: &[(&[&str], DataType)] = &[
        (&[], DataType::Utf8View),
        (&["1", "-2"], DataType::Int64),
        (&["1", "2.5"], DataType::Float64),
        (&["9007199254740993", "1"], DataType::Int64),
        (&["9007199254740993", "1.5"], DataType::Utf8View),
        (&["9223372036854775808"], DataType::Utf8View),
        (&["1", "007"], DataType::Utf8View),
        (&["1", "+49"], DataType::Utf8View),
        (&["true", "False"], DataType::Boolean),
        (&["true", "1"], DataType::Utf8View),
        (&["nan", "1"], DataType::Float64),
        (&["2024-02-29"], DataType::Date32),
        (&["2023-02-29"], DataType::Utf8View),
        (&["2024-02-29", "2024-01-01T00:00:00"], micro(None)),
        (&["2024-01-01T00:00:00Z"], micro(Some("UTC"))),
        (&["2024-01-01T00:00:00Z", "2024-01-01T00:00:00"], DataType::Utf8View),
        (&["2024-01-01T00:00:00.0000001"], DataType::Utf8View),
        (&["2024-01-01", "1"], DataType::Utf8View),
        (&["12:00:01"], DataType::Time64(TimeUnit::Microsecond)),
        (&["12:00"], DataType::Utf8View),
        (&["x", "1"], DataType::Utf8View),
    ];
    for (values, expected) in cases {
        let kinds = values
            .iter()
            .fold(Kinds::default(), |kinds, value| kinds.with(Kinds::of(value.as_bytes(), true)));
        assert_eq!(kinds.data_type(), *expected, "{values:?}");
    }
}
