//! [`sort_indices`]: the order of one batch's rows. Next: [`crate::take`] gathers them.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef};

use super::SortOptions;
use super::pack::PackedRows;
use super::prefix::{check_keys, compare_columns};
use super::radix::radix_order;
use crate::keys::KeyColumn;
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
    let mut columns =
        columns.iter().map(|column| KeyColumn::new(column.as_ref())).collect::<Result<Vec<_>>>()?;
    let packed = PackedRows::new(&mut columns, options);
    let Some(open) = packed.open else {
        drop(columns);
        return Ok(order_words(&packed.words, packed.max));
    };
    let rest: Vec<_> = columns.into_iter().zip(options.iter().copied()).skip(open).collect();
    let compare = |left: usize, right: usize| compare_columns(&rest, left, &rest, right);
    Ok(order_open_words(&packed, compare))
}

/// Sorts rows whose words say everything.
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

/// Sorts rows whose words leave something open, which `compare` decides.
fn order_open_words(packed: &PackedRows, compare: impl Fn(usize, usize) -> Ordering) -> Vec<u32> {
    let words = &packed.words;
    let whole = |left: usize, right: usize| words[left].cmp(&words[right]).then_with(|| compare(left, right));
    let rows = u32::try_from(words.len()).unwrap_or(u32::MAX);
    if (1..words.len()).all(|row| whole(row - 1, row).is_le()) {
        return (0..rows).collect();
    }
    if (1..words.len()).all(|row| whole(row - 1, row).is_gt()) {
        return (0..rows).rev().collect();
    }
    let mut order = radix_order(words, packed.max);
    for equal in order.chunk_by_mut(|left, right| words[*left as usize] == words[*right as usize]) {
        if equal.len() > 1 {
            // Stable, and quick where all are equal or already in order.
            equal.sort_by(|left, right| compare(*left as usize, *right as usize));
        }
    }
    order
}
