//! Tests of types beyond integers: decimals, dates, text in all its kinds, casts, choices.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int64Array, LargeStringArray,
    RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use chrono::{NaiveDate, TimeDelta};

use super::super::*;
use super::{check, check_error, constant, values};

fn one(name: &str, column: impl Into<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter([(name, column.into())]).expect("a batch")
}

#[track_caller]
fn over(batch: &RecordBatch, expr: impl Into<Expr>, expected: &[&str]) {
    let expr = expr.into();
    assert_eq!(values(expr.clone(), batch).expect("evaluates"), expected, "{expr}");
}

#[track_caller]
fn data_type(batch: &RecordBatch, expr: impl Into<Expr>) -> DataType {
    expr.into().bind(&batch.schema()).expect("binds").data_type().clone()
}

#[test]
fn decimals_are_exact() {
    let price = Decimal128Array::from(vec![Some(1000), Some(-725), None])
        .with_precision_and_scale(15, 2)
        .expect("fits");
    let batch = one("d", Arc::new(price) as ArrayRef);
    over(&batch, col("d") + 1, &["11.00", "-6.25", "null"]);
    over(&batch, col("d") * lit_decimal("0.1"), &["1.000", "-0.725", "null"]);
    over(&batch, 1 - col("d"), &["-9.00", "8.25", "null"]);
    over(&batch, col("d") / 3, &["3.333333", "-2.416667", "null"]);
    over(&batch, col("d").floor_div(2), &["5", "-4", "null"]);
    over(&batch, col("d") % 2, &["0.00", "0.75", "null"]);
    over(&batch, col("d") / 0, &["null", "null", "null"]);
    over(&batch, col("d").round(1), &["10.0", "-7.2", "null"]);
    over(&batch, col("d").floor(), &["10", "-8", "null"]);
    over(&batch, col("d").gt(9.99), &["true", "false", "null"]);
    over(&batch, col("d").eq(lit_decimal("-7.250")), &["false", "true", "null"]);
    over(&batch, col("d").cast(DataType::Float64) * 2.0, &["20.0", "-14.5", "null"]);
    over(&batch, -col("d"), &["-10.00", "7.25", "null"]);
    assert_eq!(data_type(&batch, col("d") * col("d")), DataType::Decimal128(30, 4));
    let big = Decimal128Array::from(vec![10_i128.pow(37)]).with_precision_and_scale(38, 0).expect("fits");
    let batch = one("d", Arc::new(big) as ArrayRef);
    let error = values(col("d") * 10, &batch).expect_err("too big").to_string();
    assert!(error.contains("does not fit decimal(38, 0)"), "{error}");
}

#[test]
fn number_types_meet_by_the_table() {
    let batch = super::batch();
    let met = |expr: Expr| data_type(&batch, expr);
    assert_eq!(met(col("small") + 5), DataType::Int32);
    assert_eq!(met(col("small") + col("u")), DataType::Int32);
    assert_eq!(met(col("small") + col("i")), DataType::Int64);
    assert_eq!(met(col("u") + 5), DataType::UInt8);
    assert_eq!(met(col("u") + -5), DataType::Int64);
    assert_eq!(met(col("u") / col("u")), DataType::Float64);
    assert_eq!(met(col("small") * 0.5), DataType::Float64);
    let floats = one("f", Arc::new(Float32Array::from(vec![1.5_f32])) as ArrayRef);
    assert_eq!(data_type(&floats, col("f") * 2.5 + 1), DataType::Float32);
    assert_eq!(data_type(&floats, col("f") + lit(1).cast(DataType::Int64)), DataType::Float64);
}

#[test]
fn floats_divide_as_in_python() {
    for (a, b, quotient, remainder) in [
        (1.0, 0.1, "9.0", "0.09999999999999995"),
        (-7.5, 2.0, "-4.0", "0.5"),
        (7.5, -2.0, "-4.0", "-0.5"),
        (5.0, 0.3, "16.0", "0.20000000000000018"),
        (-0.0, 3.0, "-0.0", "0.0"),
        (3.0, -3.0, "-1.0", "-0.0"),
    ] {
        assert_eq!(constant(lit(a).floor_div(b)).expect("divides"), quotient, "{a} // {b}");
        assert_eq!(constant(lit(a) % b).expect("divides"), remainder, "{a} % {b}");
    }
    assert_eq!(constant(lit(1.0) / 0).expect("divides"), "inf");
    assert_eq!(constant(lit(0.5).round(0)).expect("rounds"), "0.0");
    assert_eq!(constant(lit(1.5).round(0)).expect("rounds"), "2.0");
    assert_eq!(constant(lit(25).round(-1)).expect("rounds"), "20");
    assert_eq!(constant(lit(-35).round(-1)).expect("rounds"), "-40");
}

#[test]
fn casts_name_the_value_that_does_not_fit() {
    check_error(col("t").cast(DataType::Int64), &["\"a\"", "int64", "try_cast", "t.cast(int64)"]);
    check(col("t").try_cast(DataType::Int64), ["null"; 4]);
    check_error(col("i").cast(DataType::UInt8), &["-7", "uint8"]);
    check(col("i").try_cast(DataType::UInt8), ["7", "null", "null", "0"]);
    check_error(col("f").cast(DataType::Int64), &["NaN"]);
    check(col("b").cast(DataType::Int64), ["1", "0", "null", "1"]);
    check_error(lit_decimal("1.2.3"), &["1.2.3"]);
    check_error(col("b").cast(DataType::Date32), &["boolean", "date"]);
}

#[test]
fn dates_and_timestamps() {
    let days = one("d", Arc::new(Date32Array::from(vec![Some(15_736), Some(-1), None])) as ArrayRef);
    over(&days, col("d") + 1, &["2013-02-01", "1970-01-01", "null"]);
    over(&days, col("d") - 31, &["2012-12-31", "1969-11-30", "null"]);
    over(&days, (col("d") - lit("2013-01-01")).dt().total_days(), &["30", "-15707", "null"]);
    over(&days, col("d").ge("2013-01-31"), &["true", "false", "null"]);
    over(
        &days,
        col("d").eq(NaiveDate::from_ymd_opt(1969, 12, 31).expect("a date")),
        &["false", "true", "null"],
    );
    over(&days, col("d").dt().weekday(), &["3", "2", "null"]);
    over(&days, col("d").dt().truncate("month"), &["2013-01-01", "1969-12-01", "null"]);
    over(&days, col("d").dt().add_months(1), &["2013-02-28", "1970-01-31", "null"]);
    over(&days, col("d") + TimeDelta::hours(25), &["2013-02-01T01:00:00", "1970-01-01T01:00:00", "null"]);
    let error = values(col("d").gt("tomorrow"), &days).expect_err("no date").to_string();
    assert!(error.contains("\"tomorrow\" is no date"), "{error}");
    let error = values(col("d") + i64::MAX, &days).expect_err("far").to_string();
    assert!(error.contains("calendar"), "{error}");

    // 2013-03-31 00:59:59.5 UTC, a second before Berlin's clocks jump from 2 to 3.
    let times = TimestampMicrosecondArray::from(vec![Some(1_364_691_599_500_000), None]);
    let batch = one("t", Arc::new(times) as ArrayRef);
    over(&batch, col("t").dt().date(), &["2013-03-31", "null"]);
    over(&batch, col("t").dt().truncate("minute"), &["2013-03-31T00:59:00", "null"]);
    over(&batch, col("t").gt("2013-03-31 00:59"), &["true", "null"]);
    over(&batch, col("t") - TimeDelta::milliseconds(500), &["2013-03-31T00:59:59", "null"]);
    over(&batch, col("t").dt().epoch_seconds(), &["1364691599", "null"]);
    let berlin = col("t").dt().to_zone("UTC").dt().convert_zone("Europe/Berlin");
    over(&batch, berlin.clone().dt().hour(), &["1", "null"]);
    over(&batch, (berlin.clone() + TimeDelta::seconds(1)).dt().hour(), &["3", "null"]);
    over(&batch, berlin.clone().dt().add_days(1).dt().strftime("%H:%M %z"), &["01:59 +0200", "null"]);
    over(&batch, berlin.clone().dt().truncate("day"), &["2013-03-31T00:00:00+01:00", "null"]);
    over(&batch, berlin.clone().dt().local(), &["2013-03-31T01:59:59.500", "null"]);
    let error = values(berlin.gt(col("t")), &batch).expect_err("zones").to_string();
    assert!(error.contains("to_zone"), "{error}");
    let gap = (col("t") + TimeDelta::minutes(90)).dt().to_zone("Europe/Berlin");
    let error = values(gap, &batch).expect_err("no such time").to_string();
    assert!(error.contains("clocks skip"), "{error}");
    let error = values(col("t").dt().to_zone("Mars"), &batch).expect_err("no zone").to_string();
    assert!(error.contains("no time zone"), "{error}");
    assert_eq!(data_type(&batch, col("t") - col("t")), DataType::Duration(TimeUnit::Microsecond));
}

#[test]
fn text_of_every_kind_is_text() {
    let texts = vec![Some("Ann"), None, Some("a longer text than fits"), Some("Ann")];
    let plain: ArrayRef = Arc::new(StringArray::from(texts.clone()));
    let dictionary: ArrayRef = Arc::new(texts.iter().copied().collect::<DictionaryArray<Int32Type>>());
    let kinds: [ArrayRef; 5] = [
        Arc::new(StringViewArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts)),
        cast(&dictionary, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8View)))
            .unwrap_or(dictionary.clone()),
        dictionary,
        plain,
    ];
    for column in kinds {
        let kind = column.data_type().clone();
        let batch = one("t", column);
        over(&batch, col("t").eq("Ann"), &["true", "null", "false", "true"]);
        over(&batch, lit("Ann").lt(col("t")), &["false", "null", "true", "false"]);
        over(&batch, col("t").ne(col("t")), &["false", "null", "false", "false"]);
        over(&batch, col("t").is_in(["Ann", "Bob"]), &["true", "null", "false", "true"]);
        over(&batch, col("t").is_in(["1", "2", "3", "4", "Ann"]), &["true", "null", "false", "true"]);
        over(&batch, col("t").is_null(), &["false", "true", "false", "false"]);
        over(&batch, col("t").fill_null("?"), &["Ann", "?", "a longer text than fits", "Ann"]);
        over(&batch, col("t").str().contains("on"), &["false", "null", "true", "false"]);
        over(&batch, col("t").str().matches("^A"), &["true", "null", "false", "true"]);
        over(&batch, col("t").str().len(), &["3", "null", "23", "3"]);
        over(&batch, col("t").str().slice(-3, null()), &["Ann", "null", "its", "Ann"]);
        over(
            &batch,
            col("t").str().upper().str().replace("N", "m"),
            &["Amm", "null", "A LOmGER TEXT THAm FITS", "Amm"],
        );
        over(&batch, when(col("t").eq("Ann")).then(col("t")).end(), &["Ann", "null", "null", "Ann"]);
        over(&batch, least([col("t"), lit("B")]), &["Ann", "B", "B", "Ann"]);
        assert_eq!(data_type(&batch, col("t").str().upper()), DataType::Utf8View, "{kind}");
    }
}

#[test]
fn text_functions_at_their_edges() {
    let text = |expr: Expr| constant(expr).expect("evaluates");
    assert_eq!(text(lit("héllo").str().slice(1, 3)), "éll");
    assert_eq!(text(lit("héllo").str().slice(-10, 6)), "h");
    assert_eq!(text(lit("héllo").str().slice(9, 2)), "");
    assert_eq!(text(lit("a,b").str().split_part(",", 2)), "null");
    assert_eq!(text(lit("").str().split(",")), "[]");
    assert_eq!(text(lit("").str().split(",").list().len()), "1");
    assert_eq!(text(lit("abc").str().extract("x(.)", 1)), "null");
    assert_eq!(text(lit("abc").str().find("z")), "-1");
    assert_eq!(text(concat_str([lit("a"), lit(1), lit(2.5)], "-")), "a-1-2.5");
    assert_eq!(text(concat_str([lit("a"), null()], "-")), "null");
    assert_eq!(text(lit(5).is_in([1, 5])), "true");
    let error = |expr: Expr| constant(expr).expect_err("must fail").to_string();
    assert!(error(lit("a").str().matches("(")).contains("no regular expression"));
    assert!(error(lit("a").str().extract("(a)", 2)).contains("groups 0 to 1"));
    assert!(error(lit("a").str().to_date("%Q")).contains("date format"));
    assert!(error(lit("31.02.2013").str().to_date("%d.%m.%Y")).contains("31.02.2013"));
    assert!(error(lit(5).str().upper()).contains("takes text, not int64"));
    assert!(error(lit("ab").str().repeat(i64::MAX)).contains("longer"));
    assert!(error(lit(2).pow(-1)).contains("float64"));
    assert!(error(lit(10).pow(19)).contains("int64"));
    assert!(error(lit(i64::MIN).abs()).contains("abs(-9223372036854775808)"));
}

#[test]
fn choices_pass_over_nulls() {
    check(least([col("i"), lit(3)]), ["3", "-7", "3", "0"]);
    check(greatest([col("i"), col("small").cast(DataType::Int64)]), ["7", "2", "2147483647", "0"]);
    check(greatest([col("f"), lit(0.0)]), ["1.5", "NaN", "0.0", "0.0"]);
    check(col("i").clip(-1, 5), ["5", "-1", "null", "0"]);
    check(col("i").clip(null(), 5), ["5", "-7", "null", "0"]);
    check(col("i").is_in([7, 0]), ["true", "false", "null", "true"]);
    check(col("i").is_in([lit(7), null()]), ["true", "null", "null", "null"]);
    check(col("i").null_if(0), ["7", "-7", "null", "null"]);
    check(col("i").is_in(Vec::<Expr>::new()), ["false", "false", "false", "false"]);
}

#[test]
fn lists_are_searched_and_indexed() {
    let lists = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
        Some(vec![Some(1), None, Some(3)]),
        None,
        Some(vec![]),
    ]);
    let batch = RecordBatch::try_from_iter([
        ("l", Arc::new(lists) as ArrayRef),
        ("n", Arc::new(Int64Array::from(vec![3, 1, 0])) as ArrayRef),
    ])
    .expect("a batch");
    over(&batch, col("l").list().len(), &["3", "null", "0"]);
    over(&batch, col("l").list().get(-1), &["3", "null", "null"]);
    over(&batch, col("l").list().get(col("n")), &["null", "null", "null"]);
    over(&batch, col("l").list().contains(3), &["true", "null", "false"]);
    over(&batch, col("l").list().contains(col("n")), &["true", "null", "false"]);
}
