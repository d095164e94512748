//! Aggregates over the values of one group, in the frame's order.

use partita::prelude::*;

use crate::rows::Value;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aggregate {
    Sum,
    Mean,
    Min,
    Max,
    Count,
    Size,
    Std,
    Var,
    Median,
    Quantile(f64),
    First,
    Last,
    NUnique,
    Any,
    All,
    TopK(usize),
    BottomK(usize),
    /// Takes two columns.
    Corr,
}

impl Aggregate {
    /// The engine's expression over a column, and over a second one for `Corr`.
    pub(crate) fn expr(self, column: &str, other: &str) -> Expr {
        let column = col(column);
        match self {
            Aggregate::Sum => column.sum(),
            Aggregate::Mean => column.mean(),
            Aggregate::Min => column.min(),
            Aggregate::Max => column.max(),
            Aggregate::Count => column.count(),
            Aggregate::Size => size(),
            Aggregate::Std => column.std(),
            Aggregate::Var => column.var(),
            Aggregate::Median => column.median(),
            Aggregate::Quantile(fraction) => column.quantile(fraction),
            Aggregate::First => column.first(),
            Aggregate::Last => column.last(),
            Aggregate::NUnique => column.nunique(),
            Aggregate::Any => column.any(),
            Aggregate::All => column.all(),
            Aggregate::TopK(count) => column.top_k(count),
            Aggregate::BottomK(count) => column.bottom_k(count),
            Aggregate::Corr => column.corr(col(other)),
        }
    }

    /// Whether it depends on the order of rows.
    pub(crate) fn needs_order(self) -> bool {
        matches!(self, Aggregate::First | Aggregate::Last)
    }

    /// The aggregate of one column's values; `others` are the second column's.
    pub(crate) fn of(self, values: &[Value], others: &[Value]) -> Value {
        let present: Vec<Value> = values.iter().filter(|value| !value.is_null()).cloned().collect();
        let mut sorted = present.clone();
        sorted.sort_by(Value::order);
        let numbers: Vec<f64> = present.iter().map(number).collect();
        let float = |value: Option<f64>| value.map_or(Value::Null, Value::Float);
        let truth = |truth: bool| present.iter().any(|value| matches!(value, Value::Bool(b) if *b == truth));
        match self {
            Aggregate::Size => Value::Int(values.len() as i64),
            Aggregate::Count => Value::Int(present.len() as i64),
            Aggregate::Sum => match present.first() {
                None => Value::Int(0),
                Some(Value::Float(_)) => Value::Float(numbers.iter().sum()),
                Some(_) => Value::Int(numbers.iter().map(|&number| number as i64).sum()),
            },
            Aggregate::Mean => float(mean(&numbers)),
            Aggregate::Min => sorted.first().cloned().unwrap_or(Value::Null),
            Aggregate::Max => sorted.last().cloned().unwrap_or(Value::Null),
            Aggregate::Var => float(variance(&numbers)),
            Aggregate::Std => float(variance(&numbers).map(f64::sqrt)),
            Aggregate::Median => float(quantile(&sorted, 0.5)),
            Aggregate::Quantile(fraction) => float(quantile(&sorted, fraction)),
            Aggregate::First => present.first().cloned().unwrap_or(Value::Null),
            Aggregate::Last => present.last().cloned().unwrap_or(Value::Null),
            Aggregate::NUnique => {
                sorted.dedup_by(|a, b| a.order(b).is_eq());
                Value::Int(sorted.len() as i64)
            }
            Aggregate::Any => Value::Bool(truth(true)),
            Aggregate::All => Value::Bool(!truth(false)),
            Aggregate::TopK(count) => Value::List(sorted.into_iter().rev().take(count).collect()),
            Aggregate::BottomK(count) => Value::List(sorted.into_iter().take(count).collect()),
            Aggregate::Corr => float(correlation(values, others)),
        }
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::Float(value) => *value,
        Value::Bool(value) => f64::from(u8::from(*value)),
        _ => f64::NAN,
    }
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn variance(numbers: &[f64]) -> Option<f64> {
    if numbers.len() < 2 {
        return None;
    }
    let mean = mean(numbers)?;
    let squares: f64 = numbers.iter().map(|number| (number - mean) * (number - mean)).sum();
    Some(squares / (numbers.len() - 1) as f64)
}

/// Linear between the two nearest values.
fn quantile(sorted: &[Value], fraction: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = fraction * last as f64;
    let (below, above) = (number(&sorted[at.floor() as usize]), number(&sorted[at.ceil() as usize]));
    Some(if below == above { below } else { below + (above - below) * at.fract() })
}

/// Pearson's, over the rows where both have values.
fn correlation(a: &[Value], b: &[Value]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = a
        .iter()
        .zip(b)
        .filter(|(a, b)| !a.is_null() && !b.is_null())
        .map(|(a, b)| (number(a), number(b)))
        .collect();
    if pairs.len() < 2 {
        return None;
    }
    let mean_a = mean(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>())?;
    let mean_b = mean(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>())?;
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|&(a, b)| of(a - mean_a, b - mean_b)).sum()
    };
    Some(sum(&|a, b| a * b) / (sum(&|a, _| a * a).sqrt() * sum(&|_, b| b * b).sqrt()))
}
