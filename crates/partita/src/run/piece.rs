//! What one task reads: a piece of a pipeline's source. `pieces` cuts a source, [`Piece::pump`] reads a piece.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use partita_io::{ScanRequest, Source as FileSource, Split};

use super::{Output, RunEnvironment};
use crate::error::{Error, Result, Step};
use crate::exchange::{MergedRange, RunSet, bucket_ranges, split_ranges};
use crate::op::{BuildSide, Flow, JoinShape, Out};
use crate::run::metrics::StageMetrics;
use crate::stage::{Cut, Sink, Source};

/// Where a pipeline's rows come from when it runs.
pub(super) enum Feed {
    /// From where the plan says.
    Planned(Source),
    /// From the two exchanged sides of a join.
    Joined { build: Arc<RunSet>, probe: Arc<RunSet>, shape: Arc<JoinShape> },
}

/// The input of one task.
pub(super) enum Piece {
    Split {
        source: Arc<dyn FileSource>,
        request: ScanRequest,
        split: Split,
        step: Step,
    },
    Batches {
        batches: Vec<RecordBatch>,
        projection: Option<Vec<usize>>,
    },
    Buckets {
        runs: Arc<RunSet>,
        range: Range<usize>,
    },
    Merge(MergedRange),
    /// Rows of runs in order: run ranges with the rows wanted of each.
    Rows {
        runs: Arc<RunSet>,
        rows: Range<usize>,
        first_partition: usize,
        partitions: usize,
    },
    Joined {
        build: Arc<RunSet>,
        probe: Arc<RunSet>,
        range: Range<usize>,
        shape: Arc<JoinShape>,
    },
}

/// Cuts a source into the pieces of its partitions.
pub(super) fn pieces(
    feed: Feed,
    results: &HashMap<usize, Arc<Output>>,
    environment: &RunEnvironment,
) -> Result<Vec<Piece>> {
    let runs = |stage: usize| -> Result<Arc<RunSet>> {
        let output = results.get(&stage).ok_or_else(|| Error::internal("a stage ran before its input"))?;
        Ok(Arc::new(output.run_set()?))
    };
    let task_bytes = environment.settings.task_bytes;
    Ok(match feed {
        Feed::Planned(Source::Scan { source, request, step }) => source
            .splits(&request, &environment.read)
            .map_err(|error| Error::from(error).at_step(step))?
            .into_iter()
            .map(|split| Piece::Split { source: Arc::clone(&source), request: request.clone(), split, step })
            .collect(),
        Feed::Planned(Source::Memory { partitions, projection }) => partitions
            .iter()
            .map(|batches| Piece::Batches { batches: batches.clone(), projection: projection.clone() })
            .collect(),
        Feed::Planned(Source::Buckets(stage)) => {
            let runs = runs(stage.id)?;
            let ranges = bucket_ranges(&runs.bucket_bytes(), task_bytes);
            ranges.into_iter().map(|range| Piece::Buckets { runs: Arc::clone(&runs), range }).collect()
        }
        Feed::Planned(Source::Sorted(stage)) => {
            let Sink::Sort(spec) = &stage.sink else {
                return Err(Error::internal("a sorted source reads a stage that did not sort"));
            };
            split_ranges(runs(stage.id)?, spec, task_bytes)?.into_iter().map(Piece::Merge).collect()
        }
        Feed::Planned(Source::Rows { stage, cut }) => row_pieces(&runs(stage.id)?, cut),
        Feed::Joined { build, probe, shape } => {
            let mut bytes = build.bucket_bytes();
            bytes.iter_mut().zip(probe.bucket_bytes()).for_each(|(sum, more)| *sum += more / PROBE_SHARE);
            let ranges = bucket_ranges(&bytes, task_bytes);
            let joined = |range| Piece::Joined {
                build: Arc::clone(&build),
                probe: Arc::clone(&probe),
                range,
                shape: Arc::clone(&shape),
            };
            ranges.into_iter().map(joined).collect()
        }
    })
}

/// The probe side streams, so it weighs less than the build side, which is held.
const PROBE_SHARE: u64 = 4;

fn row_pieces(runs: &Arc<RunSet>, cut: Cut) -> Vec<Piece> {
    let piece = |rows: Range<usize>, first_partition, partitions| Piece::Rows {
        runs: Arc::clone(runs),
        rows,
        first_partition,
        partitions,
    };
    match cut {
        Cut::AsMade => (0..runs.partitions.len())
            .map(|partition| {
                let rows = runs.partitions[partition].iter().map(|run| run.rows).sum();
                piece(0..rows, partition, 1)
            })
            .collect(),
        Cut::Equal(parts) => {
            let rows = runs.rows();
            let all = runs.partitions.len();
            (0..parts).map(|part| piece(rows * part / parts..rows * (part + 1) / parts, 0, all)).collect()
        }
    }
}

impl Piece {
    /// For messages.
    pub(super) fn label(&self) -> Option<&str> {
        match self {
            Piece::Split { split, .. } => Some(&split.label),
            _ => None,
        }
    }

    /// Bytes to be read from files.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Piece::Split { split, .. } => split.bytes,
            _ => 0,
        }
    }

    /// The join that this piece's rows go through before the pipeline's steps.
    pub(super) fn join(
        &self,
        environment: &RunEnvironment,
    ) -> Result<Option<(Arc<JoinShape>, Arc<BuildSide>)>> {
        let Piece::Joined { build, range, shape, .. } = self else { return Ok(None) };
        let mut batches = Vec::new();
        for run in build.runs() {
            batches.extend(run.bucket_rows(range)?);
        }
        let side = BuildSide::build(shape, &batches, &environment.workspace.memory)
            .map_err(|error| error.at_step(shape.step))?;
        Ok(Some((Arc::clone(shape), Arc::new(side))))
    }

    /// Reads the piece's batches into `out` until it wants no more. `go_on` is asked before each batch.
    pub(super) fn pump(
        self,
        environment: &RunEnvironment,
        metrics: &StageMetrics,
        go_on: &mut dyn FnMut() -> Result<bool>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let batch_rows = environment.settings.batch_rows;
        let mut push = |batch: RecordBatch| -> Result<Flow> {
            metrics.add_rows_in(batch.num_rows());
            let mut start = 0;
            while start < batch.num_rows() {
                if !go_on()? {
                    return Ok(Flow::Done);
                }
                let rows = batch_rows.min(batch.num_rows() - start);
                if out(batch.slice(start, rows))? == Flow::Done {
                    return Ok(Flow::Done);
                }
                start += rows;
            }
            Ok(Flow::Continue)
        };
        match self {
            Piece::Split { source, request, split, step } => {
                let note = |error: partita_io::Error| {
                    if error.is_type_too_narrow() {
                        environment.note_too_narrow(&source, &request);
                    }
                    Error::from(error).at_step(step)
                };
                let mut reader = source.read(&split, &request, &environment.read).map_err(note)?;
                let mut read = 0;
                while let Some(batch) = reader.next_batch().map_err(note)? {
                    metrics.add_bytes_read(reader.bytes_read().saturating_sub(read));
                    read = reader.bytes_read();
                    if push(batch)? == Flow::Done {
                        break;
                    }
                }
                metrics.add_bytes_read(reader.bytes_read().saturating_sub(read));
                metrics.add_notices(reader.take_notices());
            }
            Piece::Batches { batches, projection } => {
                for batch in batches {
                    let batch = match &projection {
                        Some(columns) => batch.project(columns)?,
                        None => batch,
                    };
                    if push(batch)? == Flow::Done {
                        break;
                    }
                }
            }
            Piece::Buckets { runs, range } => pump_buckets(&runs, &range, &mut push)?,
            Piece::Joined { probe, range, .. } => pump_buckets(&probe, &range, &mut push)?,
            Piece::Merge(merge) => merge.pump(environment.settings.batch_rows, &mut push)?,
            Piece::Rows { runs, rows, first_partition, partitions } => {
                pump_rows(&runs, rows, first_partition..first_partition + partitions, &mut push)?;
            }
        }
        Ok(())
    }
}

type Push<'a> = dyn FnMut(RecordBatch) -> Result<Flow> + 'a;

fn pump_buckets(runs: &RunSet, range: &Range<usize>, push: &mut Push<'_>) -> Result<()> {
    for run in runs.runs() {
        for batch in run.bucket_rows(range)? {
            if push(batch)? == Flow::Done {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn pump_rows(runs: &RunSet, rows: Range<usize>, partitions: Range<usize>, push: &mut Push<'_>) -> Result<()> {
    let mut first = 0;
    for run in runs.partitions[partitions].iter().flat_map(|runs| runs.iter()) {
        let (from, to) = (rows.start.max(first), rows.end.min(first + run.rows));
        if from < to {
            for batch in run.read(from - first..to - first)? {
                if push(batch)? == Flow::Done {
                    return Ok(());
                }
            }
        }
        first += run.rows;
        if first >= rows.end {
            break;
        }
    }
    Ok(())
}
