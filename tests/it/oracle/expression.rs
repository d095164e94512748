//! Expressions over one row.

use std::cmp::Ordering;

use chrono::NaiveDate;
use partita::prelude::*;

use crate::rows::{Rows, Value};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Clone, Debug)]
pub(crate) enum X {
    Column(String),
    Literal(Value),
    Add(Box<X>, Box<X>),
    Subtract(Box<X>, Box<X>),
    Compare(Compare, Box<X>, Box<X>),
    And(Box<X>, Box<X>),
    Or(Box<X>, Box<X>),
    Not(Box<X>),
    IsNull(Box<X>),
    IsIn(Box<X>, Vec<Value>),
    Coalesce(Box<X>, Box<X>),
    When(Box<X>, Box<X>, Box<X>),
}

impl X {
    /// The engine's expression.
    pub(crate) fn expr(&self) -> Expr {
        match self {
            X::Column(name) => col(name),
            X::Literal(value) => literal(value),
            X::Add(a, b) => a.expr() + b.expr(),
            X::Subtract(a, b) => a.expr() - b.expr(),
            X::Compare(compare, a, b) => {
                let (a, b) = (a.expr(), b.expr());
                match compare {
                    Compare::Less => a.lt(b),
                    Compare::LessOrEqual => a.le(b),
                    Compare::Greater => a.gt(b),
                    Compare::GreaterOrEqual => a.ge(b),
                    Compare::Equal => a.eq(b),
                    Compare::NotEqual => a.ne(b),
                }
            }
            X::And(a, b) => a.expr() & b.expr(),
            X::Or(a, b) => a.expr() | b.expr(),
            X::Not(a) => !a.expr(),
            X::IsNull(a) => a.expr().is_null(),
            X::IsIn(a, values) => a.expr().is_in(values.iter().map(literal)),
            X::Coalesce(a, b) => coalesce([a.expr(), b.expr()]),
            X::When(condition, a, b) => when(condition.expr()).then(a.expr()).otherwise(b.expr()),
        }
    }

    /// The value in one row.
    pub(crate) fn evaluate(&self, rows: &Rows, row: &[Value]) -> Value {
        let of = |x: &X| x.evaluate(rows, row);
        match self {
            X::Column(name) => row[rows.column(name)].clone(),
            X::Literal(value) => value.clone(),
            X::Add(a, b) => arithmetic(&of(a), &of(b), |a, b| a + b, |a, b| a + b),
            X::Subtract(a, b) => arithmetic(&of(a), &of(b), |a, b| a - b, |a, b| a - b),
            X::Compare(compare, a, b) => compared(*compare, &of(a), &of(b)),
            // Kleene: a false side settles `and`, a true one `or`.
            X::And(a, b) => match (of(a), of(b)) {
                (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
                (Value::Bool(true), Value::Bool(true)) => Value::Bool(true),
                _ => Value::Null,
            },
            X::Or(a, b) => match (of(a), of(b)) {
                (Value::Bool(true), _) | (_, Value::Bool(true)) => Value::Bool(true),
                (Value::Bool(false), Value::Bool(false)) => Value::Bool(false),
                _ => Value::Null,
            },
            X::Not(a) => match of(a) {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            },
            X::IsNull(a) => Value::Bool(of(a).is_null()),
            X::IsIn(a, values) => match of(a) {
                Value::Null => Value::Null,
                value => {
                    let equal = |other| matches!(compared(Compare::Equal, &value, other), Value::Bool(true));
                    Value::Bool(values.iter().any(equal))
                }
            },
            X::Coalesce(a, b) => match of(a) {
                Value::Null => of(b),
                value => value,
            },
            X::When(condition, a, b) => match of(condition) {
                Value::Bool(true) => of(a),
                _ => of(b),
            },
        }
    }
}

pub(crate) fn literal(value: &Value) -> Expr {
    match value {
        Value::Bool(value) => lit(*value),
        Value::Int(value) => lit(*value),
        Value::Float(value) => lit(*value),
        Value::Text(value) => lit(value.as_str()),
        Value::Date(days) => lit(NaiveDate::from_epoch_days(*days).expect("a date within range")),
        other => panic!("{other:?} is never drawn as a literal"),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::Float(value) => *value,
        other => panic!("{other:?} is no number"),
    }
}

fn arithmetic(a: &Value, b: &Value, ints: fn(i64, i64) -> i64, floats: fn(f64, f64) -> f64) -> Value {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Int(a), Value::Int(b)) => Value::Int(ints(*a, *b)),
        (a, b) => Value::Float(floats(number(a), number(b))),
    }
}

/// NaN is less than, greater than and equal to nothing, so only `!=` is true of it.
fn compared(compare: Compare, a: &Value, b: &Value) -> Value {
    let order = match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return Value::Null,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            number(a).partial_cmp(&number(b))
        }
        (a, b) => Some(a.order(b)),
    };
    Value::Bool(match compare {
        Compare::Less => order == Some(Ordering::Less),
        Compare::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Compare::Greater => order == Some(Ordering::Greater),
        Compare::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Compare::Equal => order == Some(Ordering::Equal),
        Compare::NotEqual => order != Some(Ordering::Equal),
    })
}
