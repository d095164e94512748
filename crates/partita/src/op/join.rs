//! Joins: a table over the build side's rows, probed by the other side's batches. Comes from `plan/join.rs`;
//! whether the table holds the whole build side (broadcast) or one range of buckets is the stage's choice.
//! Next in the flow: `build_side.rs`, then `partita_kernels::join`.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use partita_kernels::join::{CrossPairs, JoinMode, JoinPairs, MatchedRows, ProbeRows, ProbeState};
use partita_kernels::packed::is_coded;
use partita_kernels::take::take_column;

use super::{BuildSide, Flow, Operator, OperatorState, Out, PackedColumn, Workspace, batch_of};
use crate::error::{Error, Result, Step};

/// Build rows of so many have codes of two bytes in a result that is kept...
const MOST_CODED: usize = 1 << 16;
/// ...but of four until then.
const CODE_BYTES: usize = 4;

/// What a join keeps, seen from the probe side; a right join has its sides swapped before it comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Outer,
    Semi,
    Anti,
    Cross,
}

/// Where a column of the output comes from, by index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OutputColumn {
    Probe(usize),
    Build(usize),
    /// The probe value, or the build value where there is no probe row.
    Key {
        probe: usize,
        build: usize,
    },
}

/// Everything about a join but its rows.
#[derive(Clone, Debug)]
pub(crate) struct JoinShape {
    pub(crate) kind: JoinKind,
    pub(crate) probe_keys: Vec<usize>,
    pub(crate) build_keys: Vec<usize>,
    /// Both sides' keys are cast to these before they are hashed or compared.
    pub(crate) key_types: Vec<DataType>,
    pub(crate) nulls_equal: bool,
    pub(crate) probe_schema: SchemaRef,
    pub(crate) build_schema: SchemaRef,
    pub(crate) output: Vec<OutputColumn>,
    pub(crate) schema: SchemaRef,
    /// For `explain`.
    pub(crate) label: String,
    pub(crate) step: Step,
}

impl JoinShape {
    /// Whether probe rows without a partner are dropped, so that they need not come here at all.
    pub(crate) fn drops_probe_rows(&self) -> bool {
        matches!(self.kind, JoinKind::Inner | JoinKind::Semi)
    }

    /// Whether all that matters of the build side is which keys it has.
    pub(crate) fn asks_only_keys(&self) -> bool {
        matches!(self.kind, JoinKind::Semi | JoinKind::Anti)
    }

    /// The probe column that an output column is, if rows that are to be dropped later may be dropped before.
    pub(crate) fn probe_of(&self, column: usize) -> Option<usize> {
        match (self.kind, self.output.get(column)?) {
            (JoinKind::Outer, _) | (_, OutputColumn::Build(_) | OutputColumn::Key { .. }) => None,
            (_, OutputColumn::Probe(index)) => Some(*index),
        }
    }

    /// The same join over probe rows that have one more column at their end, which becomes the last of the output.
    pub(crate) fn with_last(&self, schema: SchemaRef) -> JoinShape {
        let last = OutputColumn::Probe(self.probe_schema.fields().len());
        let output = self.output.iter().copied().chain([last]).collect();
        JoinShape { output, schema, ..self.clone() }
    }

    /// Key columns of either side in the types that both are compared in.
    pub(super) fn typed<'a>(&self, keys: impl Iterator<Item = &'a ArrayRef>) -> Result<Vec<ArrayRef>> {
        keys.zip(&self.key_types).map(|(key, key_type)| Ok(cast(key, key_type)?)).collect()
    }

    /// The keys of probe rows; those that came as codes still are.
    pub(super) fn keys_of_probe(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let keys = self.probe_keys.iter().map(|&column| batch.column(column)).zip(&self.key_types);
        keys.map(|(key, to)| Ok(if is_coded(key, to) { Arc::clone(key) } else { cast(key, to)? })).collect()
    }
}

/// Probes a build side with each batch; for an outer join it ends with the build rows that nothing matched.
#[derive(Debug)]
pub(crate) struct ProbeJoin {
    pub(crate) shape: Arc<JoinShape>,
    pub(crate) build: Arc<BuildSide>,
    /// Columns of the output that may be codes of build rows.
    pub(crate) coded: Vec<usize>,
}

impl Operator for ProbeJoin {
    fn describe(&self) -> String {
        self.shape.label.clone()
    }
    fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }
    fn step(&self) -> Step {
        self.shape.step
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        if self.shape.kind == JoinKind::Cross {
            let (shape, build) = (Arc::clone(&self.shape), Arc::clone(&self.build));
            let coded = self.coded.clone();
            return Ok(Box::new(CrossJoin { shape, build, coded, batch_rows: workspace.batch_rows }));
        }
        let table = self.build.table()?;
        let (mode, matched) = match self.shape.kind {
            JoinKind::Inner => (JoinMode::Inner, None),
            JoinKind::Left => (JoinMode::Left, None),
            JoinKind::Outer => (JoinMode::Left, Some(table.no_matches())),
            JoinKind::Semi => (JoinMode::Semi, None),
            JoinKind::Anti => (JoinMode::Anti, None),
            JoinKind::Cross => return Err(Error::internal("this join has no probe mode")),
        };
        Ok(Box::new(Probe {
            shape: Arc::clone(&self.shape),
            build: Arc::clone(&self.build),
            coded: self.coded.clone(),
            mode,
            matched,
            state: ProbeState::default(),
            batch_rows: workspace.batch_rows,
        }))
    }
}

struct Probe {
    shape: Arc<JoinShape>,
    build: Arc<BuildSide>,
    coded: Vec<usize>,
    mode: JoinMode,
    matched: Option<MatchedRows>,
    state: ProbeState,
    batch_rows: usize,
}

impl OperatorState for Probe {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let table = self.build.table()?;
        if batch.num_rows() == 0 {
            return Ok(Flow::Continue);
        }
        let keys = self.shape.keys_of_probe(&batch)?;
        table.probe(&keys, self.mode, &mut self.state)?;
        while let Some(pairs) = self.state.next(table, self.batch_rows, self.matched.as_mut()) {
            if pairs.probe.is_empty() {
                continue;
            }
            if out(joined(&self.shape, &self.build, &batch, &pairs, &self.coded)?)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Continue)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let Some(matched) = self.matched.take() else { return Ok(()) };
        lonely_build_rows(&self.shape, &self.build, &matched, self.batch_rows, out).map(drop)
    }
}

/// Hands on the build rows that nothing matched.
pub(super) fn lonely_build_rows(
    shape: &JoinShape,
    build: &BuildSide,
    matched: &MatchedRows,
    batch_rows: usize,
    out: &mut Out<'_>,
) -> Result<Flow> {
    for rows in matched.unmatched(batch_rows) {
        let columns = shape
            .output
            .iter()
            .zip(shape.schema.fields())
            .map(|(column, field)| match *column {
                OutputColumn::Probe(_) => Ok(new_null_array(field.data_type(), rows.len())),
                OutputColumn::Build(index) | OutputColumn::Key { build: index, .. } => {
                    Ok(cast(&build.column(index)?.take(&rows)?, field.data_type())?)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        if out(batch_of(&shape.schema, columns, rows.len())?)? == Flow::Done {
            return Ok(Flow::Done);
        }
    }
    Ok(Flow::Continue)
}

/// Every row with every build row.
pub(crate) struct CrossJoin {
    shape: Arc<JoinShape>,
    build: Arc<BuildSide>,
    coded: Vec<usize>,
    batch_rows: usize,
}

impl OperatorState for CrossJoin {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        for pairs in CrossPairs::new(batch.num_rows(), self.build.rows(), self.batch_rows) {
            if out(joined(&self.shape, &self.build, &batch, &pairs, &self.coded)?)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Continue)
    }
}

pub(super) fn joined(
    shape: &JoinShape,
    build: &BuildSide,
    probe: &RecordBatch,
    pairs: &JoinPairs,
    coded: &[usize],
) -> Result<RecordBatch> {
    let columns = shape
        .output
        .iter()
        .zip(shape.schema.fields())
        .enumerate()
        .map(|(at, (column, field))| {
            let taken = match *column {
                OutputColumn::Probe(index) | OutputColumn::Key { probe: index, .. } => match &pairs.probe {
                    ProbeRows::Slice { offset, len } => probe.column(index).slice(*offset, *len),
                    ProbeRows::Indices(rows) => take_column(probe.column(index), rows)?,
                },
                OutputColumn::Build(index) => match &pairs.build {
                    Some(rows) if coded.contains(&at) => take_coded(build.column(index)?, rows)?,
                    Some(rows) => build.column(index)?.take(rows)?,
                    None => return Err(Error::internal("a semi join asked for a build column")),
                },
            };
            Ok(if is_coded(&taken, field.data_type()) { taken } else { cast(&taken, field.data_type())? })
        })
        .collect::<Result<Vec<_>>>()?;
    batch_of(&shape.schema, columns, pairs.probe.len())
}

/// The values at `rows`; where there are few values, each larger than a code, the rows become their codes.
fn take_coded(values: &PackedColumn, rows: &UInt32Array) -> Result<ArrayRef> {
    let is_text = matches!(values.data_type(), DataType::Utf8View | DataType::BinaryView);
    let is_larger = is_text || values.data_type().primitive_width().is_some_and(|width| width >= CODE_BYTES);
    match values.as_array().filter(|array| array.len() <= MOST_CODED && is_larger) {
        Some(few) => Ok(Arc::new(DictionaryArray::try_new(rows.clone(), Arc::clone(few))?)),
        None => Ok(values.take_coded(rows)?),
    }
}
