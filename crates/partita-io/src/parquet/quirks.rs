//! Files that break the format in ways that are known and harmless.
//!
//! Each repair touches only what its writer is known to have written wrong; `footer.rs` checks afterwards what
//! it would have checked anyway.

use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

/// As far as an old writer's column chunks reach beyond their declared ends: the header of a dictionary page.
const PADDING: i64 = 100;

/// The footer's numbers as their writer meant them.
pub(crate) fn repaired(metadata: ParquetMetaData, data_end: u64) -> Result<ParquetMetaData> {
    let short_chunks = forgets_dictionary_headers(metadata.file_metadata().created_by());
    let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    if !short_chunks && columns.clone().all(|column| column.dictionary_page_offset() != Some(0)) {
        return Ok(metadata);
    }
    let mut builder = metadata.into_builder();
    let mut groups = builder.take_row_groups();
    for group in &mut groups {
        for column in group.columns_mut() {
            *column = repaired_column(column.clone(), short_chunks, data_end)?;
        }
    }
    Ok(builder.set_row_groups(groups).build())
}

fn repaired_column(
    column: ColumnChunkMetaData,
    short_chunks: bool,
    data_end: u64,
) -> Result<ColumnChunkMetaData> {
    let dictionary = column.dictionary_page_offset();
    let (first, size) = (column.data_page_offset(), column.compressed_size());
    let mut builder = column.into_builder();
    // No page lies where the file's first bytes are: there is no dictionary.
    let dictionary = dictionary.filter(|offset| *offset != 0);
    builder = builder.set_dictionary_page_offset(dictionary);
    if short_chunks {
        let end = dictionary.unwrap_or(first).saturating_add(size);
        let room = i64::try_from(data_end).unwrap_or(i64::MAX).saturating_sub(end);
        builder = builder.set_total_compressed_size(size.saturating_add(room.clamp(0, PADDING)));
    }
    builder.build()
}

/// parquet-mr before 1.2.9 did not count the header of the dictionary page (PARQUET-816).
fn forgets_dictionary_headers(created_by: Option<&str>) -> bool {
    let Some(rest) = created_by.and_then(|by| by.strip_prefix("parquet-mr")) else { return false };
    let version = rest.trim_start().strip_prefix("version ").unwrap_or("");
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next()) < (1, 2, 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_versions_have_short_chunks() {
        for (by, old) in [
            ("parquet-mr", true),
            ("parquet-mr version 1.2.8 (build abc)", true),
            ("parquet-mr version 1.2.9", false),
            ("parquet-mr version 1.12.0-2018 (build abc)", false),
            ("parquet-rs version 0.3.0", false),
        ] {
            assert_eq!(forgets_dictionary_headers(Some(by)), old, "{by}");
        }
        assert!(!forgets_dictionary_headers(None));
    }
}
