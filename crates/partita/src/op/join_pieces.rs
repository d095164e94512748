//! A join whose build rows of one key are too many for one table. The probe rows go through tables over pieces of
//! them, one after the other; which probe rows met a partner is remembered until the last piece is done.

use std::sync::Arc;

use arrow::array::{BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::compute::filter_record_batch;
use partita_kernels::join::{JoinMode, MatchedRows, ProbeRows, ProbeState};

use super::join::{JoinKind, JoinShape, ProbeJoin, joined, lonely_build_rows};
use super::{BuildSide, Flow, Held, Operator, OperatorState, Out, Workspace};
use crate::error::{Error, Result};

/// The state of such a join. For each piece of the build side: `begin`, `push` of all probe batches, `end`; then
/// `begin_rest` and `push_rest` of all probe batches once more.
pub(crate) struct PieceByPiece {
    shape: Arc<JoinShape>,
    workspace: Workspace,
    /// For each probe row whether it met a partner.
    met: BooleanBufferBuilder,
    /// The next probe row.
    next: usize,
    build: Option<BuildSide>,
    matched: Option<MatchedRows>,
    state: ProbeState,
    rest: Option<Box<dyn OperatorState>>,
    _held: Held,
}

impl PieceByPiece {
    pub(crate) fn new(
        shape: &Arc<JoinShape>,
        probe_rows: usize,
        workspace: &Workspace,
    ) -> Result<PieceByPiece> {
        let mut held = Held::new(&workspace.memory);
        held.set(probe_rows.div_ceil(8))?;
        let mut met = BooleanBufferBuilder::new(probe_rows);
        met.append_n(probe_rows, false);
        Ok(PieceByPiece {
            shape: Arc::clone(shape),
            workspace: workspace.clone(),
            met,
            next: 0,
            build: None,
            matched: None,
            state: ProbeState::default(),
            rest: None,
            _held: held,
        })
    }

    /// Begins with a piece of the build side.
    pub(crate) fn begin(&mut self, build: BuildSide) -> Result<()> {
        self.matched = match self.shape.kind {
            JoinKind::Outer => Some(build.table()?.no_matches()),
            _ => None,
        };
        self.build = Some(build);
        self.next = 0;
        Ok(())
    }

    /// Hands on the pairs of a probe batch and the piece.
    pub(crate) fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let Some(build) = &self.build else { return Err(Error::internal("a join has no piece to probe")) };
        let table = build.table()?;
        let pairs_wanted = !self.shape.asks_only_keys();
        let mode = if pairs_wanted { JoinMode::Inner } else { JoinMode::Semi };
        let keys = self.shape.keys_of_probe(&batch)?;
        table.probe(&keys, mode, &mut self.state)?;
        while let Some(pairs) = self.state.next(table, self.workspace.batch_rows, self.matched.as_mut()) {
            match &pairs.probe {
                ProbeRows::Slice { offset, len } => {
                    (*offset..offset + len).for_each(|row| self.met.set_bit(self.next + row, true));
                }
                ProbeRows::Indices(rows) => {
                    rows.values().iter().for_each(|&row| self.met.set_bit(self.next + row as usize, true));
                }
            }
            if pairs_wanted
                && !pairs.probe.is_empty()
                && out(joined(&self.shape, build, &batch, &pairs, &[])?)? == Flow::Done
            {
                return Ok(Flow::Done);
            }
        }
        self.next += batch.num_rows();
        Ok(Flow::Continue)
    }

    /// Ends a piece with its rows that met no partner, if they are wanted.
    pub(crate) fn end(&mut self, out: &mut Out<'_>) -> Result<Flow> {
        match (&self.build, self.matched.take()) {
            (Some(build), Some(matched)) => {
                lonely_build_rows(&self.shape, build, &matched, self.workspace.batch_rows, out)
            }
            _ => Ok(Flow::Continue),
        }
    }

    /// All pieces are done: what is left is to hand on single probe rows. Says whether any are wanted.
    pub(crate) fn begin_rest(&mut self) -> Result<bool> {
        self.build = None;
        self.next = 0;
        let kind = match self.shape.kind {
            JoinKind::Left | JoinKind::Outer => JoinKind::Left,
            // Beside nothing, an anti join hands on whatever it is given.
            JoinKind::Semi | JoinKind::Anti => JoinKind::Anti,
            JoinKind::Inner | JoinKind::Cross => return Ok(false),
        };
        let shape = Arc::new(JoinShape { kind, ..JoinShape::clone(&self.shape) });
        let build = Arc::new(BuildSide::build(&shape, &[], &self.workspace.memory)?);
        self.rest = Some(ProbeJoin { shape, build, coded: Vec::new() }.start(&self.workspace)?);
        Ok(true)
    }

    /// Hands on the rows of a probe batch that stand alone.
    pub(crate) fn push_rest(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let Some(rest) = &mut self.rest else { return Err(Error::internal("a join has no rest to hand on")) };
        let met_wanted = self.shape.kind == JoinKind::Semi;
        let rows = self.next..self.next + batch.num_rows();
        self.next = rows.end;
        let wanted: BooleanArray = rows.map(|row| Some(self.met.get_bit(row) == met_wanted)).collect();
        let batch = filter_record_batch(&batch, &wanted)?;
        if batch.num_rows() == 0 { Ok(Flow::Continue) } else { rest.push(batch, out) }
    }
}
