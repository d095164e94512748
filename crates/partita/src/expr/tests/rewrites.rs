//! Tests of what the optimizer does with expressions, and of the split of `agg` expressions.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use hashbrown::{HashMap, HashSet};

use super::super::aggregate::split_aggregates;
use super::super::rewrite::{TermCompare, conjoin};
use super::super::*;
use super::show;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Int64, true),
        Field::new("x", DataType::Float64, true),
        Field::new("t", DataType::Utf8View, true),
        Field::new("flag", DataType::Boolean, true),
        Field::new("day", DataType::Date32, true),
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("price", DataType::Decimal128(15, 2), true),
    ])
}

#[test]
fn columns_conjunctions_and_names() {
    let expr = (col("b") + col("a")).gt(col("b")) & col("t").eq("x") & col("flag");
    assert_eq!(
        expr.columns_used().iter().map(|name| name.as_ref()).collect::<Vec<_>>(),
        ["b", "a", "t", "flag"]
    );
    let terms = expr.split_conjunction();
    assert_eq!(
        terms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["((b + a) > b)", r#"(t == "x")"#, "flag"]
    );
    assert_eq!(conjoin(terms), Some(expr.clone()));
    let by = HashMap::from([("b".to_owned(), (col("c") * 2).alias("b"))]);
    assert_eq!((col("b") + 1).substitute(&by), col("c") * 2 + 1);
    let names = HashMap::from([("b".to_owned(), "z".to_owned())]);
    assert_eq!((col("b") + col("a")).rename_columns(&names), col("z") + col("a"));
    assert_eq!((lit(1) - col("a")).output_name(), "a");
    assert_eq!((col("a") + col("b")).alias("sum").output_name(), "sum");
}

#[test]
fn equality_is_by_structure() {
    assert_eq!(col("a") + 1, col("a") + 1_i64);
    assert_ne!(col("a") + 1, col("a") + 1.0);
    assert_ne!(lit(0.0), lit(-0.0));
    assert_eq!(lit(f64::NAN), lit(f64::NAN));
    assert_ne!(col("a").quantile(0.5), col("a").quantile(0.25));
    assert_ne!(col("a").cast(DataType::Int8), col("a").try_cast(DataType::Int8));
}

#[test]
fn folding_keeps_values_types_and_errors() {
    let fold = |expr: Expr| expr.fold_constants(&schema()).to_string();
    assert_eq!(fold(col("a").gt(lit(2) * 3 + 1)), "(a > 7)");
    assert_eq!(fold(col("flag") & lit(true)), "flag");
    assert_eq!(fold(lit(false) & col("flag")), "false as flag");
    assert_eq!(fold(col("a").gt(1) & lit(false)), "false as a");
    assert_eq!(fold(!col("a").is_null()), "a.is_not_null()");
    assert_eq!(fold(!!col("flag")), "flag");
    assert_eq!(fold(!col("x").lt(1)), "!(x < 1)");
    // These fail on every row that they reach, and none may.
    assert_eq!(fold(lit(i64::MAX) + lit(1)), "(9223372036854775807 + 1)");
    assert_eq!(fold(lit("x").cast(DataType::Int64)), r#""x".cast(int64)"#);
    // The left side may fail, so the right one does not decide alone.
    assert_eq!(fold((col("b") + 1).gt(1) & lit(false)), "(((b + 1) > 1) & false)");
    // A literal's type does not leak into the column's: int32 stays.
    let sum = (col("a") + (lit(1) + 1)).fold_constants(&schema());
    assert_eq!(sum.bind(&schema()).expect("binds").data_type(), &DataType::Int32);
}

#[test]
fn what_may_fail_and_what_rejects_nulls() {
    let never = |expr: Expr| expr.is_row_wise_infallible(&schema()).expect("binds");
    assert!(never(col("a").gt(5) & col("t").eq("x") & col("x").is_nan()));
    assert!(never(col("x") / col("a")));
    assert!(never(col("a") % 0));
    assert!(!never((col("a") + 1).gt(5)));
    assert!(!never(col("t").cast(DataType::Int64).gt(5)));
    assert!(never(col("t").try_cast(DataType::Int64).gt(5)));

    let columns = HashSet::from(["a".to_owned(), "b".to_owned()]);
    let rejects = |expr: Expr| expr.null_rejecting(&columns);
    assert!(rejects(col("a").gt(5)));
    assert!(rejects(col("a").is_not_null()));
    assert!(rejects(col("flag") & (col("a") + 1).lt(col("x"))));
    assert!(rejects(col("a").gt(5) | col("b").lt(1)));
    assert!(rejects(!col("a").eq(5)));
    assert!(!rejects(col("a").gt(5) | col("flag")));
    assert!(!rejects(col("a").is_null()));
    assert!(!rejects(col("a").fill_null(0).gt(-1)));
    assert!(!rejects(col("a").eq_null_safe(null())));
    // Not of (null and flag) may be true.
    assert!(!rejects(!(col("a").gt(5) & col("flag"))));
}

#[test]
fn terms_to_prune_by() {
    let terms = |expr: Expr| -> Vec<(String, TermCompare, Vec<String>)> {
        expr.prune_terms(&schema())
            .into_iter()
            .map(|term| {
                let to = schema().field_with_name(&term.column).expect("a column").data_type().clone();
                assert_eq!(*term.literals.data_type(), to);
                let literals = (0..term.literals.len()).map(|row| show(&term.literals, row)).collect();
                (term.column.to_string(), term.compare, literals)
            })
            .collect()
    };
    let one = |name: &str, compare, value: &str| vec![(name.to_owned(), compare, vec![value.to_owned()])];
    assert_eq!(terms(col("a").gt(5)), one("a", TermCompare::Greater, "5"));
    assert_eq!(terms(lit(5).gt(col("a"))), one("a", TermCompare::Less, "5"));
    assert_eq!(terms(col("day").ge("2013-02-01")), one("day", TermCompare::GreaterOrEqual, "2013-02-01"));
    assert_eq!(terms(col("price").le(0.05)), one("price", TermCompare::LessOrEqual, "0.05"));
    assert_eq!(terms(!col("flag")), one("flag", TermCompare::Equal, "false"));
    assert_eq!(
        terms(col("t").is_in(["p", "q"]) & (col("a") + 1).gt(2)),
        [("t".to_owned(), TermCompare::In, vec!["p".to_owned(), "q".to_owned()])]
    );
    assert_eq!(terms(col("b").is_null()), [("b".to_owned(), TermCompare::IsNull, vec![])]);
    // Not answerable by the column's own type, or by any statistics.
    for expr in
        [col("a").gt(5_000_000_000_i64), col("x").gt(f64::NAN), col("a").eq(null()), col("a").gt(col("b"))]
    {
        assert_eq!(terms(expr.clone()), [], "{expr}");
    }
}

#[test]
fn agg_expressions_are_taken_apart() {
    let exprs = [
        col("a").sum() / col("b").sum(),
        (col("x").max() - col("x").min()).alias("range"),
        col("a").sum().alias("total"),
        size(),
        col("g"),
    ];
    let split = split_aggregates(&exprs, &["g"]).expect("splits");
    let calls: Vec<_> = split.calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(calls, ["sum(a)", "sum(b)", "max(x)", "min(x)", "size()"]);
    assert_eq!(split.calls[0].arguments, [col("a")]);
    let projection: Vec<_> = split.projection.iter().map(ToString::to_string).collect();
    assert_eq!(
        projection,
        ["(sum(a) / sum(b)) as a", "(max(x) - min(x)) as range", "sum(a) as total", "size() as size", "g"]
    );
    let nested = split_aggregates(&[col("a").sum().max()], &[]).expect_err("nested");
    assert!(nested.to_string().contains("max(sum(a))"), "{nested}");
    assert!(split_aggregates(&[col("a").quantile(1.5)], &[]).is_err());
    let row_wise = col("a").sum().bind(&schema()).map(|_| ()).expect_err("no group");
    assert!(row_wise.to_string().contains("agg"), "{row_wise}");
}
