//! [`sort_indices`]: the order of one batch's rows. Next: [`crate::take`] gathers them.

use arrow::array::{Array, ArrayRef};

use super::prefix::check_keys;
use super::radix::radix_order;
use super::{SortKeys, SortOptions};
use crate::keys::{KeyColumn, KeyValues};
use crate::{Error, Result};

/// The row numbers of the batch in sorted order, equal keys in row order.
///
/// # Errors
/// No keys, not as many options as keys, more than `u32::MAX` rows, or a type without an order.
pub fn sort_indices(columns: &[ArrayRef], options: &[SortOptions]) -> Result<Vec<u32>> {
    check_keys(columns, options)?;
    let rows = columns[0].len();
    if u32::try_from(rows).is_err() {
        return Err(Error::invalid(format!(
            "{rows} rows are too many for one sorted run; sort smaller runs and merge them"
        )));
    }
    let columns = columns.iter().map(|column| KeyColumn::new(column.as_ref())).collect::<Result<Vec<_>>>()?;
    if let Some((words, max)) = packed_words(&columns, options) {
        drop(columns);
        return Ok(order_words(&words, max));
    }
    let keys = SortKeys::from_columns(columns, options);
    Ok(order_keys(&keys))
}

/// All keys of a row as one word, by mixed radix over the ranges of the values at hand, if they fit.
fn packed_words(columns: &[KeyColumn], options: &[SortOptions]) -> Option<(Vec<u64>, u64)> {
    let mut words = vec![0_u64; columns.first()?.len()];
    let mut max = 0_u64;
    let mut plans = Vec::with_capacity(columns.len());
    for (column, options) in columns.iter().zip(options) {
        let (low, high) = match &column.values {
            KeyValues::Narrow { words, .. } => {
                bounds(words, column).map(|(low, high)| (u128::from(low), u128::from(high)))
            }
            KeyValues::Wide(words) => bounds(words, column),
            KeyValues::Bytes(_) => return None,
        }
        .unwrap_or((0, 0));
        let span = u64::try_from(high - low).ok()?;
        let own_max = span.checked_add(u64::from(column.nulls.is_some()))?;
        max = match max {
            0 => own_max,
            max => max.checked_mul(own_max.checked_add(1)?)?.checked_add(own_max)?,
        };
        plans.push((column, *options, low, span, own_max));
    }
    for (column, options, low, span, own_max) in plans {
        let radix = own_max.wrapping_add(1);
        match &column.values {
            KeyValues::Narrow { words: values, .. } => {
                let low = u64::try_from(low).unwrap_or(0);
                let codes = values.iter().map(|value| value.wrapping_sub(low));
                push_codes(&mut words, column, options, radix, span, codes);
            }
            KeyValues::Wide(values) => {
                let codes = values.iter().map(|value| u64::try_from(value.wrapping_sub(low)).unwrap_or(0));
                push_codes(&mut words, column, options, radix, span, codes);
            }
            KeyValues::Bytes(_) => return None,
        }
    }
    Some((words, max))
}

fn push_codes(
    words: &mut [u64],
    column: &KeyColumn,
    options: SortOptions,
    radix: u64,
    span: u64,
    codes: impl Iterator<Item = u64>,
) {
    let directed = |code: u64| if options.descending { span.wrapping_sub(code) } else { code };
    let push = |word: &mut u64, code: u64| *word = word.wrapping_mul(radix).wrapping_add(code);
    match &column.nulls {
        None => words.iter_mut().zip(codes).for_each(|(word, code)| push(word, directed(code))),
        Some(nulls) => {
            let (null, first) = if options.nulls_first { (0, 1) } else { (span + 1, 0) };
            for ((word, code), present) in words.iter_mut().zip(codes).zip(nulls.iter()) {
                push(word, if present { directed(code) + first } else { null });
            }
        }
    }
}

/// The smallest and the largest value that is not null.
fn bounds<T: Copy + Ord>(values: &[T], column: &KeyColumn) -> Option<(T, T)> {
    match &column.nulls {
        None => Some((*values.iter().min()?, *values.iter().max()?)),
        Some(nulls) => {
            let mut present = nulls.valid_indices().map(|row| values[row]);
            let first = present.next()?;
            Some(present.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
        }
    }
}

fn order_words(words: &[u64], max: u64) -> Vec<u32> {
    let rows = u32::try_from(words.len()).unwrap_or(u32::MAX);
    if words.is_sorted() {
        return (0..rows).collect();
    }
    if words.is_sorted_by(|left, right| left > right) {
        return (0..rows).rev().collect();
    }
    radix_order(words, max)
}

/// Sorts by prefix, then by the whole key, then by row.
fn order_keys(keys: &SortKeys) -> Vec<u32> {
    let rows = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    if keys.is_sorted() {
        return (0..rows).collect();
    }
    if (1..keys.len()).all(|row| keys.compare(row - 1, keys, row).is_gt()) {
        return (0..rows).rev().collect();
    }
    let mut order: Vec<(u128, u32)> = keys.prefixes.iter().copied().zip(0..rows).collect();
    if keys.prefix_is_whole() {
        order.sort_unstable();
    } else {
        order.sort_unstable_by(|left, right| {
            left.0
                .cmp(&right.0)
                .then_with(|| keys.compare_rest(left.1 as usize, keys, right.1 as usize))
                .then_with(|| left.1.cmp(&right.1))
        });
    }
    order.into_iter().map(|(_, row)| row).collect()
}
