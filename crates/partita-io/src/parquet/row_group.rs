//! One row group of an open file, as the decoder wants it: a source of pages per column. Neighbouring chunks that are small
//! are read in one go; `pages.rs` checks every page.

use std::sync::Arc;

use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::SerializedPageReader;

use super::pages::{CheckedPages, PageContext};
use super::window::{ChunkBytes, OpenFile, SharedRange};

/// Largest total that small neighbouring chunks are read in at once, and the largest gap read along.
const SHARED_BYTES: u64 = 4 << 20;
const SHARED_GAP: u64 = 64 << 10;

/// One row group of an open file, as the decoder wants it: a source of pages per column.
pub(crate) struct RowGroup {
    pub(crate) metadata: Arc<ParquetMetaData>,
    pub(crate) index: usize,
    pub(crate) file: Arc<OpenFile>,
    pub(crate) context: PageContext,
    shared: Vec<(usize, Arc<SharedRange>)>,
}

impl RowGroup {
    /// `leaves` are the leaf columns that will be asked for; small ones that lie close are read together.
    pub(crate) fn new(
        metadata: Arc<ParquetMetaData>,
        index: usize,
        file: Arc<OpenFile>,
        context: PageContext,
        leaves: &[usize],
    ) -> Self {
        let shared = share(metadata.row_group(index), leaves);
        RowGroup { metadata, index, file, context, shared }
    }

    fn chunk(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.index)
    }

    /// The pages of one leaf.
    pub(crate) fn pages(&self, leaf: usize) -> ParquetResult<CheckedPages> {
        let column = self.chunk().column(leaf);
        let (start, length) = column.byte_range();
        let shared = self.shared.iter().find(|(of, _)| *of == leaf).map(|(_, range)| Arc::clone(range));
        let chunk = Arc::new(ChunkBytes::new(Arc::clone(&self.file), start, start + length, shared));
        let rows = usize::try_from(self.chunk().num_rows())?;
        let properties = ReaderProperties::builder().set_read_bloom_filter(false).build();
        let inner = SerializedPageReader::new_with_properties(
            Arc::clone(&chunk),
            column,
            rows,
            None,
            Arc::new(properties),
        )?;
        Ok(CheckedPages::new(inner, chunk, column, self.context.clone(), start, start + length))
    }
}

/// Chunks that are small and close are read in one go.
fn share(row_group: &RowGroupMetaData, leaves: &[usize]) -> Vec<(usize, Arc<SharedRange>)> {
    let mut ranges: Vec<(u64, u64, usize)> = leaves
        .iter()
        .map(|&leaf| {
            let (start, length) = row_group.column(leaf).byte_range();
            (start, start + length, leaf)
        })
        .collect();
    ranges.sort_unstable();
    let mut shared = Vec::new();
    let mut from = 0;
    while from < ranges.len() {
        let start = ranges[from].0;
        let mut end = ranges[from].1;
        let mut to = from + 1;
        while to < ranges.len()
            && ranges[to].0 <= end + SHARED_GAP
            && ranges[to].1.max(end) - start <= SHARED_BYTES
        {
            end = end.max(ranges[to].1);
            to += 1;
        }
        if to - from > 1 && end - start <= SHARED_BYTES {
            let range = Arc::new(SharedRange::new(start, (end - start) as usize));
            shared.extend(ranges[from..to].iter().map(|&(_, _, leaf)| (leaf, Arc::clone(&range))));
        }
        from = to;
    }
    shared
}

impl parquet::arrow::arrow_reader::RowGroups for RowGroup {
    fn num_rows(&self) -> usize {
        usize::try_from(self.chunk().num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, leaf: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let pages: Box<dyn PageReader> = Box::new(self.pages(leaf)?);
        Ok(Box::new(OneChunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.chunk()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}
