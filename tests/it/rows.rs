//! Rows as plain values: what the oracle computes with, and what every result is turned into to be compared.
//! Next: `check.rs`.

use std::cmp::Ordering;
use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use arrow::util::display::array_value_to_string;

/// One cell.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Date(i32),
    List(Vec<Value>),
    /// A value of a type that the oracle does not compute with, as Arrow prints it.
    Other(String),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The same value to the bit, the payload of NaN excepted.
    pub(crate) fn same_bits(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_bits(b))
            }
            _ => self.order(other) == Ordering::Equal,
        }
    }

    /// The same value, where floats may differ by 1e-9 of their size.
    pub(crate) fn near(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => {
                a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
            }
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.near(b)),
            _ => self.order(other) == Ordering::Equal,
        }
    }

    /// The order of keys: null last, NaN after all numbers, -0.0 equal to 0.0, text by its bytes.
    pub(crate) fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) | (Value::Other(a), Value::Other(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => {
                a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
            (Value::List(a), Value::List(b)) => {
                let first = a.iter().zip(b).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
                first.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Bool(_) => 0,
            Value::Int(_) => 1,
            Value::Float(_) => 2,
            Value::Text(_) => 3,
            Value::Date(_) => 4,
            Value::List(_) => 5,
            Value::Other(_) => 6,
            Value::Null => 7,
        }
    }
}

macro_rules! value_from {
    ($($native:ty => $kind:ident),*) => {$(
        impl From<$native> for Value {
            fn from(value: $native) -> Value {
                Value::$kind(value.into())
            }
        }
    )*};
}

value_from! { bool => Bool, i32 => Int, i64 => Int, f64 => Float, &str => Text, String => Text, Vec<Value> => List }

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// A table of values.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// A row written out: `row![1, "a", NULL]`.
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$($crate::rows::Value::from($value)),*] };
}
pub(crate) use row;

/// The null of [`row!`].
pub(crate) const NULL: Option<i64> = None;

impl Rows {
    pub(crate) fn new(names: &[&str], rows: Vec<Vec<Value>>) -> Rows {
        Rows { names: names.iter().map(|&name| name.to_owned()).collect(), rows }
    }

    pub(crate) fn of_batches(names: Vec<String>, batches: &[RecordBatch]) -> Rows {
        let mut rows = Vec::new();
        for batch in batches {
            let columns: Vec<Vec<Value>> = batch.columns().iter().map(values).collect();
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| columns.iter().map(|column| column[row].clone()).collect::<Vec<_>>()),
            );
        }
        Rows { names, rows }
    }

    pub(crate) fn column(&self, name: &str) -> usize {
        let found = self.names.iter().position(|known| known == name);
        found.unwrap_or_else(|| panic!("no column {name} in {:?}", self.names))
    }

    /// Says how the rows differ from `other`'s, if they do. With `ordered` the order counts, with `bits` the
    /// last bit of every float.
    pub(crate) fn difference(&self, other: &Rows, ordered: bool, bits: bool) -> Option<String> {
        if self.names != other.names {
            return Some(format!("columns {:?} and {:?}", self.names, other.names));
        }
        if self.rows.len() != other.rows.len() {
            return Some(format!("{} rows and {} rows:\n{self}\n{other}", self.rows.len(), other.rows.len()));
        }
        let same = |a: &Vec<Value>, b: &Vec<Value>| {
            a.iter().zip(b).all(|(a, b)| if bits { a.same_bits(b) } else { a.near(b) })
        };
        let (mine, others) = if ordered {
            (self.rows.clone(), other.rows.clone())
        } else {
            (canonical(&self.rows), canonical(&other.rows))
        };
        let at = mine.iter().zip(&others).position(|(a, b)| !same(a, b))?;
        if !ordered && matched(&mine, &others, same) {
            return None;
        }
        Some(format!("row {at} differs: {:?} and {:?}\n{self}\n{other}", mine[at], others[at]))
    }
}

/// Sorted so that rows with nearly the same floats mostly come to lie at the same place: floats count last.
fn canonical(rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let mut rows = rows.to_vec();
    let float = |value: &Value| matches!(value, Value::Float(_));
    rows.sort_by(|a, b| {
        let pairs = || a.iter().zip(b);
        let by = |floats: bool| {
            pairs()
                .filter(|(a, b)| (float(a) || float(b)) == floats)
                .map(|(a, b)| a.order(b))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        by(false).then_with(|| by(true))
    });
    rows
}

/// Whether every row has a partner of its own, for rows whose floats sort differently by their last bit.
fn matched(a: &[Vec<Value>], b: &[Vec<Value>], same: impl Fn(&Vec<Value>, &Vec<Value>) -> bool) -> bool {
    let mut free: Vec<&Vec<Value>> = b.iter().collect();
    a.iter().all(|row| match free.iter().position(|other| same(row, other)) {
        Some(at) => {
            free.swap_remove(at);
            true
        }
        None => false,
    })
}

/// A column's values, whatever its type.
pub(crate) fn values(array: &ArrayRef) -> Vec<Value> {
    let to = match array.data_type() {
        DataType::Boolean => DataType::Boolean,
        kind if kind.is_integer() => DataType::Int64,
        DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) => return values(&cast(array, value).expect("a dictionary's values")),
        other => other.clone(),
    };
    let plain = cast(array, &to).expect("a cast between types of one kind");
    (0..array.len()).map(|row| if array.is_null(row) { Value::Null } else { value(&plain, row) }).collect()
}

fn value(array: &ArrayRef, row: usize) -> Value {
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::List(_) => Value::List(values(&array.as_list::<i32>().value(row))),
        _ => Value::Other(array_value_to_string(array, row).expect("a value that can be shown")),
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        writeln!(f, "{:?}", self.names)?;
        for row in self.rows.iter().take(SHOWN) {
            writeln!(f, "  {row:?}")?;
        }
        if self.rows.len() > SHOWN { writeln!(f, "  and {} more", self.rows.len() - SHOWN) } else { Ok(()) }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

mod tests {
    use super::*;

    #[test]
    fn differences_are_found() {
        let rows = |values: Vec<Vec<Value>>| Rows::new(&["a", "b"], values);
        let one = rows(vec![row![1, 0.5], row![2, NULL]]);
        let turned = rows(vec![row![2, NULL], row![1, 0.5 + 1e-12]]);
        assert!(one.difference(&turned, true, false).is_some(), "the order counts");
        assert!(one.difference(&turned, false, false).is_none(), "the order does not count");
        assert!(one.difference(&turned, false, true).is_some(), "the bits count");
        let twice = rows(vec![row![1, 0.5], row![1, 0.5]]);
        assert!(one.difference(&twice, false, false).is_some());
        let zeros = (rows(vec![row![1, 0.0]]), rows(vec![row![1, -0.0]]));
        assert!(zeros.0.difference(&zeros.1, true, false).is_none());
        assert!(zeros.0.difference(&zeros.1, true, true).is_some());
        assert!(one.difference(&rows(vec![row![1, 0.5]]), false, false).is_some());
    }
}
