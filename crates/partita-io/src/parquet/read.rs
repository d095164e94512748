//! Reading one split: file after file, piece after piece.
//!
//! Each file must still be what it was when its footer was read, before and after. `piece.rs` reads a piece.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::decode::Place;
use super::footer::ParquetFile;
use super::piece::PieceReader;
use super::split::Piece;
use super::window::OpenFile;
use crate::adapter::missing_notices;
use crate::file_columns::FileColumns;
use crate::{BatchReader, Error, Notice, Prune, ReadContext, Result, RowFilter, ScanRequest};

/// The files of a source and how their columns become the source's.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) files: Arc<Vec<Arc<ParquetFile>>>,
    pub(crate) columns: Arc<Vec<Arc<FileColumns>>>,
}

/// The reader of one split.
pub(crate) struct SplitReader {
    files: Files,
    pieces: VecDeque<Piece>,
    wish: Arc<Wish>,
    context: ReadContext,
    open: Option<(usize, Arc<OpenFile>)>,
    piece: Option<PieceReader>,
    read: Arc<AtomicU64>,
    /// Rows that may still be asked for.
    left: usize,
    notices: Vec<Notice>,
    failed: bool,
}

/// What is wanted of every piece.
pub(crate) struct Wish {
    pub(crate) output: SchemaRef,
    pub(crate) filter: Option<Arc<dyn RowFilter>>,
    /// Its parts, each a filter of its own; none without a filter.
    pub(crate) parts: Vec<Arc<dyn RowFilter>>,
    /// Terms that must all hold for a row to be wanted.
    pub(crate) prune: Vec<Prune>,
    pub(crate) batch_rows: usize,
    /// Most rows that will be asked for.
    pub(crate) limit: usize,
    /// Columns of the source that the output needs.
    pub(crate) projection: Vec<usize>,
    /// Those of them that are wanted as codes.
    pub(crate) coded: Vec<usize>,
}

impl Wish {
    pub(crate) fn new(schema: &SchemaRef, request: &ScanRequest) -> Result<Self> {
        let projection = request.projection.clone().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let output = request.output(schema)?;
        let mut parts = Vec::new();
        if let Some(filter) = &request.filter {
            parts = filter.parts();
            if parts.is_empty() {
                parts.push(Arc::clone(filter));
            }
        }
        Ok(Wish {
            output,
            filter: request.filter.clone(),
            parts,
            prune: request.prune.clone(),
            batch_rows: request.batch_rows.max(1),
            limit: request.limit.unwrap_or(usize::MAX),
            projection,
            coded: request.coded.clone(),
        })
    }

    /// Columns of the source that are read.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let of_parts = self.parts.iter().flat_map(|part| part.columns());
        self.projection.iter().chain(of_parts).copied().collect()
    }
}

impl SplitReader {
    pub(crate) fn new(files: Files, pieces: Vec<Piece>, wish: Wish, context: ReadContext) -> Self {
        let left = wish.limit;
        SplitReader {
            files,
            left,
            notices: Vec::new(),
            pieces: pieces.into(),
            wish: Arc::new(wish),
            context,
            open: None,
            piece: None,
            read: Arc::default(),
            failed: false,
        }
    }

    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.left == 0 {
                self.piece = None;
            }
            if let Some(piece) = &mut self.piece {
                if let Some(batch) = piece.next()? {
                    self.left = self.left.saturating_sub(batch.num_rows());
                    return Ok(Some(batch));
                }
                self.piece = None;
            }
            let next = if self.left == 0 { None } else { self.pieces.pop_front() };
            let Some(mut piece) = next else {
                self.close()?;
                return Ok(None);
            };
            if self.wish.parts.is_empty() {
                let most = piece.rows.start.saturating_add(self.left as u64);
                piece.rows.end = piece.rows.end.min(most);
            }
            let place = self.place(&piece)?;
            self.piece = Some(PieceReader::new(place, &piece, &self.wish)?);
        }
    }

    fn place(&mut self, piece: &Piece) -> Result<Place> {
        let (parquet, columns) = self
            .files
            .files
            .get(piece.file)
            .zip(self.files.columns.get(piece.file))
            .map(|(parquet, columns)| (Arc::clone(parquet), Arc::clone(columns)))
            .ok_or_else(|| Error::invalid("a split names a file that its source does not have"))?;
        let open = match &self.open {
            Some((file, open)) if *file == piece.file => Arc::clone(open),
            _ => {
                self.close()?;
                let open = parquet.open(&self.context, &self.read)?;
                self.open = Some((piece.file, Arc::clone(&open)));
                open
            }
        };
        let rows = piece.rows.end - piece.rows.start;
        self.notices.extend(missing_notices(&columns, &self.wish.projection, rows));
        let (row_group, context) = (piece.row_group, self.context.clone());
        Ok(Place { parquet, columns, open, row_group, context })
    }

    /// Done with the open file: it must still be what it was.
    fn close(&mut self) -> Result<()> {
        if let Some((_, open)) = self.open.take() {
            open.file.check_unchanged()?;
        }
        Ok(())
    }
}

impl BatchReader for SplitReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.failed {
            return Ok(None);
        }
        let result = self.advance();
        if result.is_err() {
            self.failed = true;
            (self.piece, self.open) = (None, None);
        }
        result
    }

    fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}
