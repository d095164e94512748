//! What one task reads: a piece of a pipeline's source. `pieces` cuts a source, [`Piece::pump`] reads a piece.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use partita_io::{ScanRequest, Source as FileSource, Split};

use super::merged::{Fed, Feeder, Sides, feed_merged, feed_units, joined_ranges, merged_ranges};
use super::metrics::Counted;
use super::tally::CountedFilter;
use super::{Output, RunEnvironment};
use crate::error::{Error, Result, Step};
use crate::exchange::{HashKeys, MergedRange, RunSet, SortSpec, ranges_from, split_ranges};
use crate::op::{Flow, JoinShape, KeyFilter, Out, ReducedScan, Rereadable, first_number};
use crate::stage::{Cut, Sink, Source};

/// Where a pipeline's rows come from when it runs.
pub(super) enum Feed {
    /// From where the plan says.
    Planned(Source),
    /// From the two exchanged sides of a join.
    Joined(Sides),
    /// From a join's rows, sorted by numbers in their last column, which goes; cut as they were when they got
    /// them.
    Numbered { runs: RunSet, spec: Arc<SortSpec>, partitions: usize, join: Arc<JoinShape> },
    /// From rows that were exchanged by the values of a dataset's partition columns.
    Values(RunSet),
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
        keys: HashKeys,
    },
    /// The same for what takes the rows of a key one after the other.
    Values {
        runs: Arc<RunSet>,
        range: Range<usize>,
    },
    Merge(MergedRange),
    /// The same without the last column.
    MergeNumbered(MergedRange),
    /// Rows of runs in order: run ranges with the rows wanted of each.
    Rows {
        runs: Arc<RunSet>,
        rows: Range<usize>,
        first_partition: usize,
        partitions: usize,
    },
    Joined {
        sides: Sides,
        range: Range<usize>,
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
            let Sink::Hash(keys) = &stage.sink else {
                return Err(Error::internal("a source of buckets reads a stage that wrote none"));
            };
            let runs = runs(stage.id)?;
            let piece =
                |range| Piece::Buckets { runs: Arc::new(runs.of_buckets(&range)), range, keys: keys.clone() };
            merged_ranges(&runs, task_bytes).into_iter().map(piece).collect()
        }
        Feed::Planned(Source::Sorted(stage)) => {
            let Sink::Sort(spec) = &stage.sink else {
                return Err(Error::internal("a sorted source reads a stage that did not sort"));
            };
            split_ranges(runs(stage.id)?, spec, task_bytes)?.into_iter().map(Piece::Merge).collect()
        }
        Feed::Planned(Source::Rows { stage, cut }) => row_pieces(&runs(stage.id)?, cut),
        Feed::Numbered { runs, spec, partitions, .. } => {
            let starts = (1..partitions).map(first_number).collect::<Result<Vec<_>>>()?;
            let starts: ArrayRef = Arc::new(UInt64Array::from(starts));
            let ranges = ranges_from(Arc::new(runs), &spec, &[starts])?;
            ranges.into_iter().take(partitions).map(Piece::MergeNumbered).collect()
        }
        Feed::Values(runs) => {
            let piece = |range| Piece::Values { runs: Arc::new(runs.of_buckets(&range)), range };
            merged_ranges(&runs, task_bytes).into_iter().map(piece).collect()
        }
        Feed::Joined(sides) => {
            let ranges = joined_ranges(&sides.build, &sides.probe, task_bytes);
            ranges.into_iter().map(|range| Piece::Joined { sides: sides.of_buckets(&range), range }).collect()
        }
    })
}

fn row_pieces(runs: &Arc<RunSet>, cut: Cut) -> Vec<Piece> {
    let piece = |rows: Range<usize>, first_partition, partitions| Piece::Rows {
        runs: Arc::clone(runs),
        rows,
        first_partition,
        partitions,
    };
    match cut {
        Cut::AsMade => (0..runs.partitions.len())
            .map(|partition| piece(0..runs.partitions[partition].rows(), partition, 1))
            .collect(),
        Cut::Equal(parts) => {
            let rows = runs.rows();
            let all = runs.partitions.len();
            (0..parts).map(|part| piece(rows * part / parts..rows * (part + 1) / parts, 0, all)).collect()
        }
    }
}

/// Hands on a batch in batches of so many rows at most.
fn cut_up(batch: &RecordBatch, batch_rows: usize, feed: &mut Feeder<'_>) -> Result<Flow> {
    let mut start = 0;
    while start < batch.num_rows() {
        let rows = batch_rows.min(batch.num_rows() - start);
        if feed(Fed::Rows(batch.slice(start, rows)))? == Flow::Done {
            return Ok(Flow::Done);
        }
        start += rows;
    }
    Ok(Flow::Continue)
}

fn without_last(mut batch: RecordBatch) -> RecordBatch {
    batch.remove_column(batch.num_columns() - 1);
    batch
}

/// Rows whose reading ends when the run is stopped.
struct Watched<'a> {
    rows: &'a dyn Rereadable,
    passes: &'a dyn Fn(usize) -> Result<Flow>,
}

impl Rereadable for Watched<'_> {
    fn rows(&self) -> usize {
        self.rows.rows()
    }
    fn bytes(&self) -> u64 {
        self.rows.bytes()
    }
    fn each(&self, out: &mut Out<'_>) -> Result<Flow> {
        // They were counted when the operator was given them.
        self.rows.each(&mut |batch| match (self.passes)(0)? {
            Flow::Done => Ok(Flow::Done),
            Flow::Continue => out(batch),
        })
    }
}

impl Feed {
    /// The same with every column spread over the rows.
    pub(super) fn without_codes(self) -> Feed {
        match self {
            Feed::Planned(source) => Feed::Planned(source.without_codes()),
            other => other,
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

    /// What a split is asked for with filters by keys beside the scan's own; `None` for what is no split, and
    /// without filters.
    pub(super) fn reduced(&self, filters: Vec<(Arc<KeyFilter>, Vec<usize>)>) -> Result<Option<ScanRequest>> {
        let Piece::Split { request, step, .. } = self else { return Ok(None) };
        if filters.is_empty() {
            return Ok(None);
        }
        let filter = ReducedScan::new(request.filter.clone(), filters, *step)?;
        Ok(Some(ScanRequest { filter: Some(Arc::new(filter)), ..request.clone() }))
    }

    /// Reads the piece's batches into `out` until it wants no more. `go_on` is asked before each batch; `reduced`
    /// is what [`Piece::reduced`] gave.
    pub(super) fn pump(
        &self,
        reduced: Option<&ScanRequest>,
        environment: &RunEnvironment,
        counted: &Counted<'_>,
        go_on: &mut dyn FnMut() -> Result<bool>,
        out: &mut Feeder<'_>,
    ) -> Result<()> {
        let batch_rows = environment.settings.batch_rows;
        let go_on = RefCell::new(go_on);
        let passes = |rows: usize| -> Result<Flow> {
            if !(go_on.borrow_mut())()? {
                return Ok(Flow::Done);
            }
            counted.rows_in(rows);
            Ok(Flow::Continue)
        };
        if let Piece::Joined { sides, range } = self {
            return sides.join(environment, range, 1, &passes, out).map(drop);
        }
        let mut feed = |fed: Fed<'_>| match fed {
            Fed::Rows(batch) => match passes(batch.num_rows())? {
                Flow::Done => Ok(Flow::Done),
                Flow::Continue => out(Fed::Rows(batch)),
            },
            Fed::Key(rows) => match passes(rows.rows())? {
                Flow::Done => Ok(Flow::Done),
                Flow::Continue => out(Fed::Key(&Watched { rows, passes: &passes })),
            },
            Fed::EndOfKeys => out(Fed::EndOfKeys),
        };
        if let Piece::Buckets { runs, range, keys } = self {
            return feed_merged(environment, (runs, range), keys, 1, &mut feed).map(drop);
        }
        if let Piece::Values { runs, range } = self {
            return feed_units(environment, (runs, range), &mut feed).map(drop);
        }
        let mut push = |batch| cut_up(&batch, batch_rows, &mut feed);
        match self {
            Piece::Split { source, request, split, step } => {
                let wanted = Wanted { source, request, reduced, split, step: *step };
                wanted.pump(environment, counted, &mut push)?;
            }
            Piece::Batches { batches, projection } => {
                for batch in batches {
                    let batch = match &projection {
                        Some(columns) => batch.project(columns)?,
                        None => batch.clone(),
                    };
                    if push(batch)? == Flow::Done {
                        break;
                    }
                }
            }
            Piece::Merge(merge) => merge.pump(batch_rows, &environment.store, &mut push)?,
            Piece::MergeNumbered(merge) => {
                merge.pump(batch_rows, &environment.store, &mut |batch| push(without_last(batch)))?;
            }
            Piece::Rows { runs, rows, first_partition, partitions } => {
                let partitions = *first_partition..first_partition + partitions;
                runs.in_order(partitions, rows, &mut push)?;
            }
            Piece::Buckets { .. } | Piece::Values { .. } | Piece::Joined { .. } => {}
        }
        Ok(())
    }
}

/// A split and what is wanted of it.
struct Wanted<'a> {
    source: &'a Arc<dyn FileSource>,
    request: &'a ScanRequest,
    /// The same with filters by keys, if there are any.
    reduced: Option<&'a ScanRequest>,
    split: &'a Split,
    step: Step,
}

impl Wanted<'_> {
    fn pump(&self, environment: &RunEnvironment, counted: &Counted<'_>, push: &mut Out<'_>) -> Result<()> {
        let note = |error: partita_io::Error| {
            if error.is_type_too_narrow() {
                environment.note_too_narrow(self.source, self.request);
            }
            Error::from(error).at_step(self.step)
        };
        let mut request = Cow::Borrowed(self.reduced.unwrap_or(self.request));
        let filter = request.filter.as_ref().map(CountedFilter::new);
        if let Some(filter) = &filter {
            request.to_mut().filter = Some(Arc::clone(filter) as _);
        }
        let mut reader = self.source.read(self.split, &request, &environment.read).map_err(note)?;
        let (mut read, mut kept) = (0, 0);
        while let Some(batch) = reader.next_batch().map_err(note)? {
            counted.bytes_read(reader.bytes_read().saturating_sub(read));
            read = reader.bytes_read();
            kept += batch.num_rows();
            counted.next_rows(reader.file(), batch.num_rows(), filter.is_some());
            if push(batch)? == Flow::Done {
                break;
            }
        }
        counted.no_rows();
        counted.rows_left_out(filter.map_or(0, |filter| filter.rows().saturating_sub(kept)));
        counted.bytes_read(reader.bytes_read().saturating_sub(read));
        counted.notices(reader.take_notices());
        Ok(())
    }
}
