//! Tests of binding and evaluation, table by table. Expected values are by hand or from pandas and NumPy.

mod kinds;
mod random;
mod rewrites;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray, UInt8Array,
};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

use super::*;

/// The rows of `expr` over `batch` as text, null as `null`.
fn values(expr: impl Into<Expr>, batch: &RecordBatch) -> crate::Result<Vec<String>> {
    let expr = expr.into();
    let bound = expr.bind(&batch.schema())?;
    let array = bound.evaluate(batch)?;
    assert_eq!(array.data_type(), bound.data_type(), "{expr} gives the type it was bound to");
    assert_eq!(array.len(), batch.num_rows(), "{expr} gives as many rows as it got");
    if !bound.nullable() {
        assert_eq!(array.logical_null_count(), 0, "{expr} was bound as not null");
    }
    Ok((0..array.len()).map(|row| show(&array, row)).collect())
}

fn show(array: &ArrayRef, row: usize) -> String {
    if array.logical_nulls().is_some_and(|nulls| nulls.is_null(row)) {
        return "null".to_owned();
    }
    array_value_to_string(array, row).expect("printable")
}

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter([
        ("i", Arc::new(Int64Array::from(vec![Some(7), Some(-7), None, Some(0)])) as ArrayRef),
        ("small", Arc::new(Int32Array::from(vec![Some(1), Some(2), Some(i32::MAX), None])) as ArrayRef),
        ("u", Arc::new(UInt8Array::from(vec![1, 2, 3, 255])) as ArrayRef),
        ("f", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), Some(-0.0), None])) as ArrayRef),
        (
            "t",
            Arc::new(StringViewArray::from(vec![Some("a"), Some("b"), None, Some("héllo wörld, long")]))
                as ArrayRef,
        ),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])) as ArrayRef),
    ])
    .expect("a batch")
}

#[track_caller]
fn check(expr: impl Into<Expr>, expected: [&str; 4]) {
    let expr = expr.into();
    assert_eq!(values(expr.clone(), &batch()).expect("evaluates"), expected, "{expr}");
}

#[track_caller]
fn check_error(expr: impl Into<Expr>, parts: &[&str]) {
    let expr = expr.into();
    let message = values(expr.clone(), &batch()).expect_err("must fail").to_string();
    for part in parts {
        assert!(message.contains(part), "{expr}: {message:?} says nothing of {part:?}");
    }
}

#[test]
fn arithmetic_on_integers() {
    check(col("i") + 1, ["8", "-6", "null", "1"]);
    check(1 - col("i"), ["-6", "8", "null", "1"]);
    check(col("i") * col("i"), ["49", "49", "null", "0"]);
    check(col("i") / 2, ["3.5", "-3.5", "null", "0.0"]);
    check(col("i").floor_div(2), ["3", "-4", "null", "0"]);
    check(col("i") % 3, ["1", "2", "null", "0"]);
    check(col("i") % -3, ["-2", "-1", "null", "0"]);
    check(col("u").floor_div(col("i")), ["0", "-1", "null", "null"]);
    check(lit(1) / col("i"), ["0.14285714285714285", "-0.14285714285714285", "null", "inf"]);
    check(-col("u"), ["-1", "-2", "-3", "-255"]);
    check_error(col("small") + 1, &["2147483647 + 1", "int32", "(small + 1)"]);
    check_error(col("u") + 1, &["255 + 1", "uint8"]);
    check(col("u") + 1_000, ["1001", "1002", "1003", "1255"]);
    check(col("small").cast(DataType::Int64) + 1, ["2", "3", "2147483648", "null"]);
}

#[test]
fn comparisons() {
    check(col("f").gt(1), ["true", "false", "false", "null"]);
    check(col("f").eq(col("f")), ["true", "false", "true", "null"]);
    check(col("f").ne(col("f")), ["false", "true", "false", "null"]);
    check(col("f").eq(0), ["false", "false", "true", "null"]);
    check(col("f").eq_null_safe(null()), ["false", "false", "false", "true"]);
    check(col("t").eq("b"), ["false", "true", "null", "false"]);
    check(lit("b").le(col("t")), ["false", "true", "null", "true"]);
    check(col("i").between(-7, 0), ["false", "true", "null", "true"]);
    check(col("small").gt(5_000_000_000_i64), ["false", "false", "false", "null"]);
    check_error(col("t").gt(1), &["text", "int64", "cast", "(t > 1)"]);
    check_error(col("tt").gt(1), &["no column `tt`", "did you mean"]);
}

#[test]
fn kleene_logic() {
    check(col("b") & true, ["true", "false", "null", "true"]);
    check(col("b") & false, ["false", "false", "false", "false"]);
    check(col("b") | true, ["true", "true", "true", "true"]);
    check(col("b") | null(), ["true", "null", "null", "true"]);
    check(!col("b"), ["false", "true", "null", "false"]);
    check_error(col("i") & true, &["boolean", "`i` is int64"]);
}

#[test]
fn a_branch_that_fails_is_run_only_where_it_is_taken() {
    check(when(col("small").lt(10)).then(col("small") + 1).otherwise(0), ["2", "3", "0", "0"]);
    check(col("small").lt(10) & (col("small") + 1).gt(2), ["false", "true", "false", "null"]);
    check(col("small").ge(10) | (col("small") + 1).gt(2), ["false", "true", "true", "null"]);
    let fails = lit("x").cast(DataType::Int64);
    check(when(col("u").gt(0)).then(1).when(fails.clone().eq(1)).then(2).end(), ["1"; 4]);
    check_error(when(col("u").gt(1)).then(1).when(fails.eq(1)).then(2).end(), &["\"x\"", "int64"]);
    check(coalesce([col("i"), col("small").cast(DataType::Int64)]), ["7", "-7", "2147483647", "0"]);
    check(col("i").fill_null(5), ["7", "-7", "5", "0"]);
    check(col("i").fill_null(0.5), ["7.0", "-7.0", "0.5", "0.0"]);
    check(when(col("b")).then("yes").end(), ["yes", "null", "null", "yes"]);
}

#[test]
fn deep_chains_are_ordinary() {
    let mut sum = col("u").cast(DataType::Int64);
    let mut twin = col("u").cast(DataType::Int64);
    for _ in 0..10_000 {
        sum = sum + 1;
        twin = twin + 1;
    }
    assert_eq!(sum, twin);
    assert!(sum.to_string().len() < 5_000);
    check(sum.eq(twin), ["true"; 4]);
}

/// The one row that an expression without columns has.
fn constant(expr: impl Into<Expr>) -> crate::Result<String> {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    let one_row =
        RecordBatch::try_new_with_options(Arc::new(arrow::datatypes::Schema::empty()), Vec::new(), &options)
            .expect("an empty batch");
    Ok(values(expr, &one_row)?.remove(0))
}

#[test]
fn every_function_gives_what_its_example_says() {
    let mut wrong = Vec::new();
    for (name, expr, expected) in function::examples() {
        match constant(expr.clone()) {
            Ok(found) if found == expected => {}
            Ok(found) => wrong.push(format!("{expr} is {found}, not {expected}")),
            Err(error) => wrong.push(error.to_string()),
        }
        assert!(expr.to_string().contains(name), "{expr} does not print {name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
