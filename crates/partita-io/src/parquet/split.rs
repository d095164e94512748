//! How files are cut into splits.
//!
//! Whole row groups of neighbouring rows are joined up to a number of rows or bytes, small files as well; a
//! row group that is far larger is cut by rows. Pruning comes afterwards and only leaves pieces out, so that
//! rows fall into the same splits whatever the filter. `read.rs` reads one split.

use std::ops::Range;

use parquet::file::metadata::RowGroupMetaData;

use super::footer::ParquetFile;

/// Rows and uncompressed bytes that make a split; a row group is cut only if it has several times as much.
const SPLIT_ROWS: u64 = 1 << 20;
const SPLIT_BYTES: u64 = 64 << 20;
/// Small sources make about so many splits too, as far as their row groups allow, so that all threads have work...
const SPLITS: u64 = 16;
/// ...unless splits would be smaller than this.
const LEAST_ROWS: u64 = 64 << 10;
const LEAST_BYTES: u64 = 4 << 20;
const CUT_ROWS: u64 = SPLIT_ROWS + SPLIT_ROWS / 2;
const CUT_BYTES: u64 = 4 * SPLIT_BYTES;
/// A small file costs an open and a footer even if it has hardly a row.
const FILE_BYTES: u64 = 256 << 10;

/// Some rows of one row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) file: usize,
    pub(crate) row_group: usize,
    /// Rows within the row group.
    pub(crate) rows: Range<u64>,
}

/// Cuts all files; the pieces of each split are in row order.
pub(crate) fn cut(files: &[std::sync::Arc<ParquetFile>]) -> Vec<Vec<Piece>> {
    let groups = || files.iter().flat_map(|file| file.metadata.row_groups());
    let all_rows =
        groups().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).fold(0, u64::saturating_add);
    let split_rows = (all_rows / SPLITS).clamp(LEAST_ROWS, SPLIT_ROWS);
    let split_bytes = groups().map(uncompressed).fold(0, u64::saturating_add) / SPLITS;
    let split_bytes = split_bytes.clamp(LEAST_BYTES, SPLIT_BYTES);
    let mut splits = Vec::new();
    let mut open: Vec<Piece> = Vec::new();
    let (mut rows, mut bytes) = (0u64, 0u64);
    for (file, parquet) in files.iter().enumerate() {
        for (row_group, group) in parquet.metadata.row_groups().iter().enumerate() {
            let group_rows = u64::try_from(group.num_rows()).unwrap_or(0);
            let group_bytes = uncompressed(group).max(if row_group == 0 { FILE_BYTES } else { 0 });
            let parts = parts(group_rows, group_bytes);
            let fits = rows.saturating_add(group_rows) <= split_rows
                && bytes.saturating_add(group_bytes) <= split_bytes;
            if parts > 1 || !fits {
                close(&mut splits, &mut open);
                (rows, bytes) = (0, 0);
            }
            for part in 0..parts {
                let bound = |n: u64| (u128::from(group_rows) * u128::from(n) / u128::from(parts)) as u64;
                let range = bound(part)..bound(part + 1);
                if range.is_empty() {
                    continue;
                }
                open.push(Piece { file, row_group, rows: range });
                if parts > 1 {
                    close(&mut splits, &mut open);
                }
            }
            if parts == 1 {
                rows = rows.saturating_add(group_rows);
                bytes = bytes.saturating_add(group_bytes);
            }
        }
    }
    close(&mut splits, &mut open);
    splits
}

fn close(splits: &mut Vec<Vec<Piece>>, open: &mut Vec<Piece>) {
    if !open.is_empty() {
        splits.push(std::mem::take(open));
    }
}

fn uncompressed(group: &RowGroupMetaData) -> u64 {
    group.columns().iter().map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(0)).sum()
}

/// Into how many pieces a row group is cut. Never so many that a false row count makes millions of splits out
/// of a few bytes: rows that cost nothing on disk are cheap to read as well.
fn parts(rows: u64, bytes: u64) -> u64 {
    let by_rows = if rows > CUT_ROWS { rows.div_ceil(SPLIT_ROWS) } else { 1 };
    let by_bytes = if bytes > CUT_BYTES { bytes.div_ceil(SPLIT_BYTES) } else { 1 };
    let most = (bytes / (64 << 10)).max(1);
    by_rows.max(by_bytes).min(most).min(rows.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_row_groups_are_cut() {
        assert_eq!(parts(1 << 20, 64 << 20), 1);
        assert_eq!(parts(100 << 20, 3 << 30), 100);
        assert_eq!(parts(1000, 640 << 20), 10);
        // A lie about rows in a small file.
        assert_eq!(parts(1 << 40, 100), 1);
    }
}
