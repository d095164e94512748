//! Merges by trying every pair of rows.

use partita::How;

use crate::rows::{Rows, Value};

/// Where a column of the result comes from.
enum From {
    Left(usize),
    Right(usize),
    Key(usize, usize),
}

pub(crate) fn merge(
    left: &Rows,
    right: &Rows,
    keys: &[(String, String)],
    how: How,
    nulls_equal: bool,
) -> Rows {
    let columns: Vec<(usize, usize)> = keys.iter().map(|(a, b)| (left.column(a), right.column(b))).collect();
    let matches = |a: &[Value], b: &[Value]| {
        columns.iter().all(|&(l, r)| a[l].order(&b[r]).is_eq() && (nulls_equal || !a[l].is_null()))
    };
    if matches!(how, How::Semi | How::Anti) {
        let has = |row: &&Vec<Value>| right.rows.iter().any(|other| matches(row, other));
        let kept = left.rows.iter().filter(|row| has(row) == (how == How::Semi)).cloned().collect();
        return Rows { names: left.names.clone(), rows: kept };
    }
    let (names, from) = output(left, right, keys);
    let (no_left, no_right) = (vec![Value::Null; left.names.len()], vec![Value::Null; right.names.len()]);
    let joined = |a: Option<&Vec<Value>>, b: Option<&Vec<Value>>| -> Vec<Value> {
        let (l, r) = (a.unwrap_or(&no_left), b.unwrap_or(&no_right));
        from.iter()
            .map(|from| match from {
                From::Left(column) => l[*column].clone(),
                From::Right(column) => r[*column].clone(),
                From::Key(left, right) => {
                    if a.is_some() {
                        l[*left].clone()
                    } else {
                        r[*right].clone()
                    }
                }
            })
            .collect()
    };
    let mut rows = Vec::new();
    for a in &left.rows {
        let partners: Vec<&Vec<Value>> = right.rows.iter().filter(|b| matches(a, b)).collect();
        if partners.is_empty() && matches!(how, How::Left | How::Outer) {
            rows.push(joined(Some(a), None));
        }
        rows.extend(partners.into_iter().map(|b| joined(Some(a), Some(b))));
    }
    if matches!(how, How::Right | How::Outer) {
        let lonely = right.rows.iter().filter(|b| !left.rows.iter().any(|a| matches(a, b)));
        rows.extend(lonely.map(|b| joined(None, Some(b))));
    }
    Rows { names, rows }
}

/// Left columns, then right ones; keys of one name once, other clashes with suffixes.
fn output(left: &Rows, right: &Rows, keys: &[(String, String)]) -> (Vec<String>, Vec<From>) {
    let shared = |name: &str| keys.iter().any(|(a, b)| a == b && a == name);
    let (mut names, mut from) = (Vec::new(), Vec::new());
    for (column, name) in left.names.iter().enumerate() {
        if shared(name) {
            names.push(name.clone());
            from.push(From::Key(column, right.column(name)));
        } else {
            let suffix = if right.names.contains(name) { "_x" } else { "" };
            names.push(format!("{name}{suffix}"));
            from.push(From::Left(column));
        }
    }
    for (column, name) in right.names.iter().enumerate().filter(|(_, name)| !shared(name)) {
        let suffix = if left.names.contains(name) { "_y" } else { "" };
        names.push(format!("{name}{suffix}"));
        from.push(From::Right(column));
    }
    (names, from)
}
