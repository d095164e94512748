//! [`JoinTable`]: the build side of a hash join. Probing continues in `probe.rs`.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

use super::coded::TableId;
use super::coder::clear_nulls;
use super::index::KeyIndex;
use super::prefetch::prefetch;
use super::{JoinFilter, JoinMode, KeySpan, MatchedRows, NO_ROW, ProbeState};
use crate::keys::{KeyColumn, key_value, same_key_type};
use crate::{Error, Result};

/// An immutable hash table over the key columns of a join's build side, to be shared by all probe tasks.
///
/// Build rows are numbered across all batches in the order given. Null keys match nothing unless `nulls_equal`; NaN equals
/// NaN and -0.0 equals 0.0; text compares by its bytes, whatever its encoding.
#[derive(Debug)]
pub struct JoinTable {
    index: KeyIndex,
    lists: Option<RowLists>,
    key_types: Vec<DataType>,
    rows: usize,
    nulls_equal: bool,
    /// Whether the rows of a key are unknown.
    keys_only: bool,
    id: TableId,
}

/// The rows of each key, one key after the other, ascending: `rows[starts[head]..starts[head + 1]]`.
#[derive(Debug)]
pub(super) struct RowLists {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl JoinTable {
    /// Builds the table from batches of key columns: `batches[b][k]` is key `k` of batch `b`.
    ///
    /// `key_types` has one type per key, so that an empty build side has types too.
    ///
    /// # Errors
    /// More than `u32::MAX - 1` rows, key columns that differ from `key_types` in more than their encoding, a key type
    /// without equality, or a table that does not fit in memory.
    pub fn build(key_types: &[DataType], batches: &[Vec<ArrayRef>], nulls_equal: bool) -> Result<JoinTable> {
        let rows = rows_of(key_types, batches)?;
        let (index, heads) = index_of(key_types.len(), batches, rows, nulls_equal)?;
        let unique = (0_u32..).zip(&heads).all(|(row, head)| *head == row || *head == NO_ROW);
        let lists = (!unique).then(|| RowLists::new(&heads));
        Ok(JoinTable {
            index,
            lists,
            key_types: key_types.to_vec(),
            rows,
            nulls_equal,
            keys_only: false,
            id: TableId::default(),
        })
    }

    /// As [`build`](JoinTable::build), but the table knows no rows, only which keys there are: it can be probed in
    /// the modes semi and anti, takes less memory and is built sooner.
    ///
    /// # Errors
    /// As [`build`](JoinTable::build).
    pub fn of_keys(
        key_types: &[DataType],
        batches: &[Vec<ArrayRef>],
        nulls_equal: bool,
    ) -> Result<JoinTable> {
        let rows = rows_of(key_types, batches)?;
        let mut span = KeySpan::new(nulls_equal);
        batches.iter().try_for_each(|batch| span.add(batch))?;
        let index = match span.set(batches)? {
            Some(bits) => KeyIndex::Bits(bits),
            None => index_of(key_types.len(), batches, rows, nulls_equal)?.0,
        };
        Ok(JoinTable {
            index,
            lists: None,
            key_types: key_types.to_vec(),
            rows,
            nulls_equal,
            keys_only: true,
            id: TableId::default(),
        })
    }

    /// The number of build rows, null keys included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether no two build rows have the same key, or only the keys are known.
    pub fn is_unique(&self) -> bool {
        self.lists.is_none()
    }

    /// The bytes that the table holds; text keys count with the buffers that they keep alive.
    pub fn size_bytes(&self) -> usize {
        let lists = self.lists.as_ref().map_or(0, |lists| lists.starts.capacity() + lists.rows.capacity());
        self.index.size_bytes() + lists * size_of::<u32>()
    }

    /// The smallest and the largest key as arrays of one value, if there is one key column of integers, dates, times,
    /// decimals or the like, and it is not matched by null. Probe rows outside have no match.
    ///
    /// # Errors
    /// The bounds cannot be made into arrays of the key's type.
    pub fn key_bounds(&self) -> Result<Option<(ArrayRef, ArrayRef)>> {
        let ([key_type], Some((low, high))) = (self.key_types.as_slice(), self.index.bounds()) else {
            return Ok(None);
        };
        Ok(key_value(key_type, low)?.zip(key_value(key_type, high)?))
    }

    /// A filter that probe rows can be tested with before they reach the join, if one can be small and quick. Each call
    /// makes it anew.
    pub fn filter(&self) -> Option<JoinFilter> {
        JoinFilter::new(&self.index, self.rows, self.nulls_equal)
    }

    /// An empty set of matched build rows.
    pub fn no_matches(&self) -> MatchedRows {
        MatchedRows::new(self.rows)
    }

    /// Looks up a batch of probe keys; [`ProbeState::next`] then gives the matches in bounded chunks.
    ///
    /// # Errors
    /// The key columns differ from the build side's in more than their encoding, or the mode asks for rows that a table
    /// [of keys](JoinTable::of_keys) does not know.
    pub fn probe(&self, keys: &[ArrayRef], mode: JoinMode, state: &mut ProbeState) -> Result<()> {
        if self.keys_only && !matches!(mode, JoinMode::Semi | JoinMode::Anti) {
            return Err(Error::invalid("a table of keys was asked for rows, which is a bug"));
        }
        check_types(&self.key_types, keys)?;
        let rows = keys.first().map_or(0, |column| column.len());
        if u32::try_from(rows).is_err() {
            return Err(Error::invalid(format!(
                "a batch of {rows} rows is too long to probe; cut it into smaller batches"
            )));
        }
        state.start(rows, mode);
        let ProbeState { heads, valid, scratch, coded, .. } = state;
        if self.nulls_equal || !coded.lookup(&self.id, &self.index, keys, scratch, heads)? {
            let columns = keys.iter().map(|key| KeyColumn::new(key.as_ref())).collect::<Result<Vec<_>>>()?;
            if !self.nulls_equal {
                columns.iter().for_each(|column| clear_nulls(column, valid));
            }
            self.index.lookup(&columns, valid, scratch, heads)?;
        }
        state.count_matches();
        Ok(())
    }

    pub(super) fn lists(&self) -> Option<&RowLists> {
        self.lists.as_ref()
    }
}

/// How many rows there are, if a table can hold them.
fn rows_of(key_types: &[DataType], batches: &[Vec<ArrayRef>]) -> Result<usize> {
    if key_types.is_empty() {
        return Err(Error::invalid("a join needs at least one key; use a cross join for none"));
    }
    for batch in batches {
        check_types(key_types, batch)?;
    }
    let rows = batches.iter().map(|batch| batch.first().map_or(0, |column| column.len())).sum();
    if u32::try_from(rows).map_or(true, |rows| rows == NO_ROW) {
        return Err(Error::invalid(format!(
            "a join table cannot hold {rows} rows; lower `broadcast_limit` or repartition so that the join is partitioned"
        )));
    }
    Ok(rows)
}

/// The index of all rows, and the first row with the same key for each of them.
fn index_of(
    keys: usize,
    batches: &[Vec<ArrayRef>],
    rows: usize,
    nulls_equal: bool,
) -> Result<(KeyIndex, Vec<u32>)> {
    let mut heads = Vec::new();
    // Without batches the columns have no form, and no row can match either.
    if rows == 0 {
        return Ok((KeyIndex::Empty, heads));
    }
    let columns = (0..keys)
        .map(|key| KeyColumn::concat(&batches.iter().map(|batch| batch[key].as_ref()).collect::<Vec<_>>()))
        .collect::<Result<Vec<_>>>()?;
    let mut valid = vec![1; rows];
    if !nulls_equal {
        columns.iter().for_each(|column| clear_nulls(column, &mut valid));
    }
    let index = KeyIndex::build(&columns, &valid, nulls_equal, &mut heads)?;
    Ok((index, heads))
}

impl RowLists {
    /// Groups the rows by their head, which is the first row with the same key.
    fn new(heads: &[u32]) -> RowLists {
        let mut starts = vec![0_u32; heads.len() + 1];
        let mut entered = 0;
        for head in heads.iter().filter(|head| **head != NO_ROW) {
            starts[*head as usize] += 1;
            entered += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // Filled backwards, each start moves from its list's end to its beginning.
        let mut rows = vec![0_u32; entered];
        for (row, head) in heads.iter().enumerate().rev().filter(|(_, head)| **head != NO_ROW) {
            let start = &mut starts[*head as usize];
            *start -= 1;
            rows[*start as usize] = u32::try_from(row).unwrap_or(NO_ROW);
        }
        RowLists { starts, rows }
    }

    /// Gets ready for [`RowLists::of`]; any head is allowed.
    #[inline]
    pub(super) fn prefetch(&self, head: u32) {
        prefetch(&self.starts, head as usize);
    }

    /// All rows with the key of `head`, ascending.
    #[inline]
    pub(super) fn of(&self, head: u32) -> &[u32] {
        let head = head as usize;
        &self.rows[self.starts[head] as usize..self.starts[head + 1] as usize]
    }
}

fn check_types(expected: &[DataType], columns: &[ArrayRef]) -> Result<()> {
    if expected.len() != columns.len() {
        return Err(Error::invalid(format!(
            "the join table has {} key columns but {} were given",
            expected.len(),
            columns.len()
        )));
    }
    for (expected, column) in expected.iter().zip(columns) {
        if !same_key_type(expected, column.data_type()) {
            return Err(Error::invalid(format!(
                "a join key of type {} cannot be compared with {expected}; cast one of them",
                column.data_type()
            )));
        }
    }
    Ok(())
}
