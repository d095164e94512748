//! Functions that choose among values: membership, least, greatest, joining text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewBuilder};
use arrow::compute::kernels::boolean::{and, not, or, or_kleene};
use arrow::compute::kernels::{cmp, zip::zip};
use arrow::compute::{is_not_null, is_null, nullif};
use arrow::datatypes::DataType;

use super::{Call, Function, IS_IN, Returns};
use crate::Result;
use crate::expr::compare;
use crate::expr::equal_text::Texts;
use crate::expr::literal::null;
use crate::expr::tree::{BinaryOp, Expr};
use crate::expr::types::{is_text, value_type};
use crate::expr::value::{Evaluated, Value, row_count};

static IN: Function = Function { name: IS_IN, bind: is_in };
static LEAST: Function = Function { name: "least", bind: |call| extreme(call, false) };
static GREATEST: Function = Function { name: "greatest", bind: |call| extreme(call, true) };
static CONCAT: Function = Function { name: "concat_str", bind: concat_text };

impl Expr {
    /// Whether the value equals one of `values`, as `==` would say: null is in nothing, and NaN equals nothing.
    ///
    /// ```
    /// # use partita::col;
    /// assert_eq!(col("carrier").is_in(["AA", "UA"]).to_string(), r#"is_in(carrier, "AA", "UA")"#);
    /// ```
    pub fn is_in<E: Into<Expr>>(self, values: impl IntoIterator<Item = E>) -> Expr {
        IN.call(std::iter::once(self).chain(values.into_iter().map(Into::into)).collect())
    }
}

/// The least of several values, row by row; nulls are passed over, and NaN is greater than any number.
pub fn least<E: Into<Expr>>(exprs: impl IntoIterator<Item = E>) -> Expr {
    several(&LEAST, exprs)
}

/// The greatest of several values, row by row; nulls are passed over, and NaN is greater than any number.
pub fn greatest<E: Into<Expr>>(exprs: impl IntoIterator<Item = E>) -> Expr {
    several(&GREATEST, exprs)
}

fn several<E: Into<Expr>>(function: &'static Function, exprs: impl IntoIterator<Item = E>) -> Expr {
    let exprs: Vec<Expr> = exprs.into_iter().map(Into::into).collect();
    if exprs.is_empty() { null() } else { function.call(exprs) }
}

/// The values written one after the other with `separator` between them, as text; null if any is null.
pub fn concat_str<E: Into<Expr>>(exprs: impl IntoIterator<Item = E>, separator: impl AsRef<str>) -> Expr {
    let separator = Expr::from(separator.as_ref());
    CONCAT.call(std::iter::once(separator).chain(exprs.into_iter().map(Into::into)).collect())
}

fn is_in(call: &mut Call<'_, '_>) -> Result<Returns> {
    let met = value_type(&call.meet(0..call.len())?).clone();
    if is_text(value_type(call.data_type(0))) != is_text(&met) && met != DataType::Null {
        let first = value_type(call.data_type(0)).clone();
        if !is_text(&met) && is_text(&first) {
            return Err(call.clash("text can only be in a list of text; cast one of them"));
        }
    }
    for index in 0..call.len() {
        call.coerce(index, &met)?;
    }
    let literals = (1..call.len()).all(|index| call.constant(index).is_some());
    if is_text(&met) && literals && call.len() > 1 {
        return text_set(call, &met);
    }
    Ok(Returns::new(DataType::Boolean, move |arguments| {
        let mut found: Option<ArrayRef> = None;
        for option in &arguments[1..] {
            let pair = [arguments[0].clone(), option.clone()];
            let equal = compare::compare(BinaryOp::Equal, &met, &pair)?;
            found = Some(match found {
                None => equal,
                Some(so_far) => any_of(&so_far, &equal)?,
            });
        }
        Ok(found.unwrap_or_else(|| Arc::new(BooleanArray::from(vec![false; row_count(arguments)]))))
    }))
}

/// Either, where one of them may be a single row for all.
fn any_of(a: &ArrayRef, b: &ArrayRef) -> Evaluated<ArrayRef> {
    let rows = a.len().max(b.len());
    let spread = |array: &ArrayRef| {
        if array.len() == rows {
            Ok(Arc::clone(array))
        } else {
            Value::Scalar(Arc::clone(array)).into_rows(rows)
        }
    };
    Ok(Arc::new(or_kleene(spread(a)?.as_boolean(), spread(b)?.as_boolean())?))
}

/// Literal texts are read once.
fn text_set(call: &mut Call<'_, '_>, met: &DataType) -> Result<Returns> {
    let mut texts: Vec<String> = Vec::new();
    let mut has_null = false;
    for index in 1..call.len() {
        let Some(array) = call.constant(index) else { continue };
        let array = arrow::compute::cast(array, &DataType::Utf8View)?;
        match array.is_null(0) {
            true => has_null = true,
            false => texts.push(array.as_string_view().value(0).to_owned()),
        }
    }
    call.keep(1);
    if *met != DataType::Utf8View {
        call.coerce(0, &DataType::Utf8View)?;
    }
    let texts = Texts::new(&texts);
    let returns = Returns::new(DataType::Boolean, move |arguments| {
        let found = texts.contain(arguments[0].array().as_string_view());
        // What is in the list for sure is in it; anything else may be the null.
        Ok(if has_null { nullif(&found, &not(&found)?)? } else { Arc::new(found) })
    });
    Ok(if has_null { returns.with_nullable(true) } else { returns })
}

fn extreme(call: &mut Call<'_, '_>, greatest: bool) -> Result<Returns> {
    let met = value_type(&call.meet(0..call.len())?).clone();
    if met.is_nested() {
        return Err(call.clash(format!("{} has no order for such values", call.name())));
    }
    for index in 0..call.len() {
        call.coerce(index, &met)?;
    }
    let nullable = (0..call.len()).all(|index| call.nullable(index));
    let rule = extreme_kernel(met.clone());
    Ok(Returns::new(met, move |arguments| rule(arguments, greatest, false)).with_nullable(nullable))
}

type ExtremeKernel = Box<dyn Fn(&[Value], bool, bool) -> Evaluated<ArrayRef> + Send + Sync>;

/// The greatest or least of the arguments; nulls are passed over, except where `keep_first_null`.
pub(super) fn extreme_kernel(met: DataType) -> ExtremeKernel {
    Box::new(move |arguments, greatest, keep_first_null| {
        let rows = row_count(arguments);
        let mut best = arguments[0].clone();
        if met == DataType::Null {
            return Ok(best.into_rows(rows)?);
        }
        for other in &arguments[1..] {
            // Arrow's total order has NaN above all numbers, as `sort` and `max` do.
            let better = if greatest { cmp::gt(other, &best)? } else { cmp::lt(other, &best)? };
            let (was, is) = (best.clone().into_rows(rows)?, other.clone().into_rows(rows)?);
            let better = Value::Array(Arc::new(better)).spread(rows)?;
            let wins = crate::expr::frame::true_only(better.as_boolean());
            let fills = and(&is_null(&was)?, &is_not_null(&is)?)?;
            let takes = if keep_first_null { wins } else { or(&wins, &fills)? };
            best = Value::Array(zip(&takes, &is, &was)?);
        }
        Ok(best.into_rows(rows)?)
    })
}

impl Value {
    /// An array that may have come out as one row because both sides were scalars, as `rows` rows.
    fn spread(self, rows: usize) -> Evaluated<ArrayRef> {
        let array = self.array();
        if array.len() == rows {
            return Ok(Arc::clone(array));
        }
        Ok(Value::Scalar(Arc::clone(array)).into_rows(rows)?)
    }
}

fn concat_text(call: &mut Call<'_, '_>) -> Result<Returns> {
    let separator = call.literal_text(0)?;
    for index in 1..call.len() {
        call.coerce(index, &DataType::Utf8View)?;
    }
    Ok(Returns::new(DataType::Utf8View, move |arguments| {
        let rows = row_count(arguments);
        let parts = &arguments[1..];
        let mut built = StringViewBuilder::with_capacity(rows);
        let mut line = String::new();
        for row in 0..rows {
            line.clear();
            let mut whole = true;
            for (index, part) in parts.iter().enumerate() {
                let texts = part.array().as_string_view();
                let at = part.row(row);
                whole &= texts.is_valid(at);
                if !whole {
                    break;
                }
                if index > 0 {
                    line.push_str(&separator);
                }
                line.push_str(texts.value(at));
            }
            if whole { built.append_value(&line) } else { built.append_null() }
        }
        Ok(Arc::new(built.finish()))
    }))
}
