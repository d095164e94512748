//! Steps of a chain over whole tables of rows.

use std::cmp::Ordering;

use partita::prelude::*;

use super::aggregate::Aggregate;
use super::expression::{X, literal};
use crate::rows::{Rows, Value};

/// A sort key by column name.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) column: String,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// An aggregate of a column (and, for a correlation, a second one) under a new name.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) aggregate: Aggregate,
    pub(crate) column: String,
    pub(crate) other: String,
    pub(crate) name: String,
    /// Whether the sum of no values is a float.
    pub(crate) float: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Select(Vec<String>),
    Filter(X),
    Assign(Vec<(String, X)>),
    GroupBy { keys: Vec<String>, calls: Vec<Call>, dropna: bool, sort: bool },
    Aggregate(Vec<Call>),
    Merge { right: usize, keys: Vec<(String, String)>, how: How, nulls_equal: bool },
    Sort(Vec<Key>),
    Largest { count: usize, column: String, smallest: bool },
    Distinct { subset: Vec<String>, keep: Keep },
    Head(usize),
    Tail(usize),
    Slice(usize, usize),
    Concat(usize),
    ValueCounts { column: String, name: String },
    FillNull(String, Value),
    DropNull(Vec<String>),
    Rename(String, String),
    Drop(String),
    Repartition(usize),
}

impl Step {
    /// The step in the engine.
    pub(crate) fn apply(&self, frame: &PartitionedFrame, inputs: &[PartitionedFrame]) -> PartitionedFrame {
        let calls = |calls: &[Call]| -> Vec<Expr> {
            calls
                .iter()
                .map(|call| call.aggregate.expr(&call.column, &call.other).alias(&call.name))
                .collect()
        };
        match self {
            Step::Select(names) => frame.select(names),
            Step::Filter(predicate) => frame.filter(predicate.expr()),
            Step::Assign(exprs) => frame.assign(exprs.iter().map(|(name, x)| x.expr().alias(name))),
            Step::GroupBy { keys, calls: of, dropna, sort } => {
                frame.groupby(keys).dropna(*dropna).sort(*sort).agg(calls(of))
            }
            Step::Aggregate(of) => frame.agg(calls(of)),
            Step::Merge { right, keys, how, nulls_equal } => {
                let (left_on, right_on): (Vec<String>, Vec<String>) = keys.iter().cloned().unzip();
                let merge = Merge::left_right(left_on, right_on).how(*how).nulls_equal(*nulls_equal);
                frame.merge(&inputs[*right], merge)
            }
            Step::Sort(keys) => frame.sort_values(keys.iter().map(Key::engine)),
            Step::Largest { count, column, smallest: false } => frame.nlargest(*count, column),
            Step::Largest { count, column, smallest: true } => frame.nsmallest(*count, column),
            Step::Distinct { subset, keep } => frame.drop_duplicates_by(subset, *keep),
            Step::Head(count) => frame.head(*count),
            Step::Tail(count) => frame.tail(*count),
            Step::Slice(offset, count) => frame.slice(*offset, *count),
            Step::Concat(input) => concat([frame, &inputs[*input]]),
            Step::ValueCounts { column, name } => frame.value_counts(column).rename([("count", name)]),
            Step::FillNull(column, value) => frame.fillna([(column, literal(value))]),
            Step::DropNull(names) => frame.dropna(names),
            Step::Rename(old, new) => frame.rename([(old, new)]),
            Step::Drop(name) => frame.drop([name]),
            Step::Repartition(partitions) => frame.repartition(*partitions),
        }
    }

    /// The step, row by row.
    pub(crate) fn interpret(&self, rows: Rows, inputs: &[Rows]) -> Rows {
        match self {
            Step::Select(names) => select(&rows, names),
            Step::Filter(predicate) => {
                keep(&rows, |row| matches!(predicate.evaluate(&rows, row), Value::Bool(true)))
            }
            Step::Assign(exprs) => assign(&rows, exprs),
            Step::GroupBy { keys, calls, dropna, sort } => {
                let mut grouped = group(&rows, keys, calls, *dropna);
                if *sort {
                    let by: Vec<Key> = keys.iter().map(|key| Key::ascending(key)).collect();
                    grouped = sorted(grouped, &by);
                }
                grouped
            }
            Step::Aggregate(calls) => {
                let all: Vec<&Vec<Value>> = rows.rows.iter().collect();
                let row = calls.iter().map(|call| call.of(&rows, &all)).collect();
                Rows { names: calls.iter().map(|call| call.name.clone()).collect(), rows: vec![row] }
            }
            Step::Merge { right, keys, how, nulls_equal } => {
                super::merge::merge(&rows, &inputs[*right], keys, *how, *nulls_equal)
            }
            Step::Sort(keys) => sorted(rows, keys),
            Step::Largest { count, column, smallest } => {
                let key = Key { descending: !smallest, ..Key::ascending(column) };
                slice(sorted(rows, &[key]), 0, *count)
            }
            Step::Distinct { subset, keep } => distinct(&rows, subset, *keep),
            Step::Head(count) => slice(rows, 0, *count),
            Step::Tail(count) => {
                let offset = rows.rows.len().saturating_sub(*count);
                slice(rows, offset, *count)
            }
            Step::Slice(offset, count) => slice(rows, *offset, *count),
            Step::Concat(input) => chained(&rows, &inputs[*input]),
            Step::ValueCounts { column, name } => value_counts(&rows, column, name),
            Step::FillNull(column, value) => {
                let filled =
                    X::Coalesce(Box::new(X::Column(column.clone())), Box::new(X::Literal(value.clone())));
                assign(&rows, &[(column.clone(), filled)])
            }
            Step::DropNull(names) => {
                let columns: Vec<usize> = names.iter().map(|name| rows.column(name)).collect();
                keep(&rows, |row| columns.iter().all(|&column| !row[column].is_null()))
            }
            Step::Rename(old, new) => {
                let mut rows = rows;
                let column = rows.column(old);
                rows.names[column].clone_from(new);
                rows
            }
            Step::Drop(name) => {
                let kept: Vec<String> = rows.names.iter().filter(|known| *known != name).cloned().collect();
                select(&rows, &kept)
            }
            Step::Repartition(_) => rows,
        }
    }
}

impl Key {
    pub(crate) fn ascending(column: &str) -> Key {
        Key { column: column.to_owned(), descending: false, nulls_first: false }
    }

    fn engine(&self) -> SortKey {
        let key = if self.descending { col(&self.column).desc() } else { col(&self.column).asc() };
        if self.nulls_first { key.nulls_first() } else { key }
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if self.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) => self.compare(b, a).reverse(),
            (false, false) if self.descending => b.order(a),
            (false, false) => a.order(b),
        }
    }
}

impl Call {
    fn of(&self, rows: &Rows, group: &[&Vec<Value>]) -> Value {
        let values = |name: &str| -> Vec<Value> {
            let column = rows.column(name);
            group.iter().map(|row| row[column].clone()).collect()
        };
        let others = if self.aggregate == Aggregate::Corr { values(&self.other) } else { Vec::new() };
        match self.aggregate.of(&values(&self.column), &others) {
            Value::Int(value) if self.float && self.aggregate == Aggregate::Sum => Value::Float(value as f64),
            value => value,
        }
    }
}

fn keep(rows: &Rows, wanted: impl Fn(&[Value]) -> bool) -> Rows {
    let kept = rows.rows.iter().filter(|row| wanted(row)).cloned().collect();
    Rows { names: rows.names.clone(), rows: kept }
}

fn slice(rows: Rows, offset: usize, count: usize) -> Rows {
    Rows { rows: rows.rows.into_iter().skip(offset).take(count).collect(), names: rows.names }
}

fn select(rows: &Rows, names: &[String]) -> Rows {
    let columns: Vec<usize> = names.iter().map(|name| rows.column(name)).collect();
    let picked = |row: &Vec<Value>| columns.iter().map(|&column| row[column].clone()).collect();
    Rows { names: names.to_vec(), rows: rows.rows.iter().map(picked).collect() }
}

fn assign(rows: &Rows, exprs: &[(String, X)]) -> Rows {
    let mut names = rows.names.clone();
    let places: Vec<usize> = exprs
        .iter()
        .map(|(name, _)| match names.iter().position(|known| known == name) {
            Some(place) => place,
            None => {
                names.push(name.clone());
                names.len() - 1
            }
        })
        .collect();
    let assigned = |row: &Vec<Value>| {
        let mut new = row.clone();
        new.resize(names.len(), Value::Null);
        for ((_, x), &place) in exprs.iter().zip(&places) {
            new[place] = x.evaluate(rows, row);
        }
        new
    };
    let assigned = rows.rows.iter().map(assigned).collect();
    Rows { names, rows: assigned }
}

/// Whether two rows agree in some columns, null with null.
fn agree(a: &[Value], b: &[Value], columns: &[usize]) -> bool {
    columns.iter().all(|&column| a[column].order(&b[column]).is_eq())
}

fn group(rows: &Rows, keys: &[String], calls: &[Call], dropna: bool) -> Rows {
    let columns: Vec<usize> = keys.iter().map(|key| rows.column(key)).collect();
    let mut groups: Vec<Vec<&Vec<Value>>> = Vec::new();
    for row in &rows.rows {
        if dropna && columns.iter().any(|&column| row[column].is_null()) {
            continue;
        }
        match groups.iter_mut().find(|group| agree(group[0], row, &columns)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let one = |group: &Vec<&Vec<Value>>| {
        let keys = columns.iter().map(|&column| group[0][column].clone());
        keys.chain(calls.iter().map(|call| call.of(rows, group))).collect()
    };
    let names = keys.iter().cloned().chain(calls.iter().map(|call| call.name.clone())).collect();
    Rows { names, rows: groups.iter().map(one).collect() }
}

fn sorted(mut rows: Rows, keys: &[Key]) -> Rows {
    let columns: Vec<usize> = keys.iter().map(|key| rows.column(&key.column)).collect();
    rows.rows.sort_by(|a, b| {
        let orders = keys.iter().zip(&columns).map(|(key, &column)| key.compare(&a[column], &b[column]));
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    rows
}

fn distinct(rows: &Rows, subset: &[String], keep: Keep) -> Rows {
    let columns: Vec<usize> = subset.iter().map(|name| rows.column(name)).collect();
    let all = &rows.rows;
    let stays = |at: usize| {
        let mut before = all[..at].iter();
        let mut after = all[at + 1..].iter();
        let first = !before.any(|row| agree(row, &all[at], &columns));
        let last = !after.any(|row| agree(row, &all[at], &columns));
        match keep {
            Keep::First => first,
            Keep::Last => last,
            Keep::None => first && last,
        }
    };
    let kept = (0..all.len()).filter(|&at| stays(at)).map(|at| all[at].clone()).collect();
    Rows { names: rows.names.clone(), rows: kept }
}

fn chained(a: &Rows, b: &Rows) -> Rows {
    let mut names = a.names.clone();
    names.extend(b.names.iter().filter(|name| !a.names.contains(name)).cloned());
    let spread = |rows: &Rows| -> Vec<Vec<Value>> {
        let places: Vec<Option<usize>> =
            names.iter().map(|name| rows.names.iter().position(|known| known == name)).collect();
        let value =
            |row: &[Value], place: &Option<usize>| place.map_or(Value::Null, |place| row[place].clone());
        rows.rows.iter().map(|row| places.iter().map(|place| value(row, place)).collect()).collect()
    };
    let rows = [spread(a), spread(b)].concat();
    Rows { names, rows }
}

fn value_counts(rows: &Rows, column: &str, name: &str) -> Rows {
    let call = Call {
        aggregate: Aggregate::Size,
        column: column.to_owned(),
        other: String::new(),
        name: name.to_owned(),
        float: false,
    };
    let counted = group(rows, &[column.to_owned()], &[call], true);
    let most = Key { descending: true, ..Key::ascending(name) };
    sorted(counted, &[most, Key::ascending(column)])
}
