//! Merging sorted runs: rows that fit into memory all at once are sorted anew, which is faster than a match at each height
//! of a tournament for each row. Others are merged, in several rounds if there are more runs than there is memory for a
//! block of each.
//!
//! A round merges runs that follow each other into longer ones, so that the order of equal rows stays; how many
//! at a time changes nothing, nor does which way is taken.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use partita_io::Reserve;
use partita_kernels::sort::{Merge, RunBatch};

use super::run::{Run, Runs};
use super::sorted::SortSpec;
use super::writer::{Arrangement, RunStore};
use crate::error::{Error, Result};
use crate::op::{Flow, Held, Out};

/// So few runs have so few matches that they are merged.
const FEW_RUNS: usize = 8;
/// While rows are sorted they are there, their copy, and their keys and the order beside.
const SORTING: usize = 3;
/// All that may take this part of what blocks of runs may, for where memory is short others need the rest...
const PART: usize = 3;
/// ...and so many bytes at most: a column is one array, whose offsets may have 32 bits.
const MOST: usize = 1 << 30;

/// Rows in order that lie in a run, or in several one after the other.
pub(super) struct RunOfRows<'a> {
    place: Place<'a>,
    /// Of the rows in the place's runs together.
    rows: Range<usize>,
}

enum Place<'a> {
    Run(&'a Arc<Run>),
    Merged(Runs),
}

impl<'a> RunOfRows<'a> {
    pub(super) fn new(run: &'a Arc<Run>, rows: Range<usize>) -> RunOfRows<'a> {
        RunOfRows { place: Place::Run(run), rows }
    }

    fn runs(&self) -> &[Arc<Run>] {
        match &self.place {
            Place::Run(run) => std::slice::from_ref(*run),
            Place::Merged(runs) => &runs.runs,
        }
    }

    /// About how many bytes its rows take when they are read.
    fn bytes(&self) -> usize {
        self.runs().iter().map(|run| run.bytes_of(self.rows.len().min(run.rows))).sum()
    }

    fn reader(&self, spec: &'a SortSpec) -> Reader<'_> {
        let (next, end) = (self.rows.start, self.rows.end);
        Reader { runs: self.runs(), spec, next, end, waiting: Vec::new() }
    }

    /// About how many bytes it takes to read along: a block, and its keys.
    fn reading_bytes(&self) -> usize {
        2 * self.runs().iter().map(|run| run.reading_bytes()).max().unwrap_or(0)
    }
}

/// Hands on the rows of all sources in order; of equal rows those of earlier sources come first.
pub(super) fn merge(
    mut sources: Vec<RunOfRows<'_>>,
    spec: &SortSpec,
    batch_rows: usize,
    store: &RunStore,
    out: &mut Out<'_>,
) -> Result<()> {
    let memory: Arc<dyn Reserve> = Arc::clone(&store.ledger) as _;
    let mut held = Held::new(&memory);
    let whole = sources.iter().map(RunOfRows::bytes).sum::<usize>().saturating_mul(SORTING);
    let rows = sources.iter().map(|source| source.rows.len()).sum::<usize>();
    let fits = whole <= (store.merge_bytes / PART).min(MOST) && u32::try_from(rows).is_ok();
    if sources.len() > FEW_RUNS && fits {
        held.set(whole)?;
        return sort_at_once(&sources, spec, batch_rows, out);
    }
    let bytes = |sources: &[RunOfRows<'_>]| sources.iter().map(RunOfRows::reading_bytes).sum::<usize>();
    while bytes(&sources) > store.merge_bytes && sources.len() > 2 {
        let mut longer = Vec::new();
        while !sources.is_empty() {
            let mut sum = 0;
            let fitting = sources.iter().take_while(|source| {
                sum += source.reading_bytes();
                sum <= store.merge_bytes
            });
            // Two at least: a merge of one would not make them fewer.
            let count = fitting.count().max(2).min(sources.len());
            let together: Vec<RunOfRows<'_>> = sources.drain(..count).collect();
            held.set(bytes(&together))?;
            let mut writer = store.writer(Arrangement::AsTheyCome);
            merge_once(&together, spec, batch_rows, &mut |batch| {
                writer.push(batch).map(|()| Flow::Continue)
            })?;
            let runs = writer.finish()?;
            longer.push(RunOfRows { rows: 0..runs.rows(), place: Place::Merged(runs) });
        }
        sources = longer;
    }
    held.set(bytes(&sources))?;
    merge_once(&sources, spec, batch_rows, out)
}

fn merge_once(
    sources: &[RunOfRows<'_>],
    spec: &SortSpec,
    batch_rows: usize,
    out: &mut Out<'_>,
) -> Result<()> {
    let readers = sources.iter().map(|source| source.reader(spec));
    for batch in Merge::<_, Error>::new(readers, batch_rows) {
        if out(batch?)? == Flow::Done {
            break;
        }
    }
    Ok(())
}

/// Stable, as a merge is.
fn sort_at_once(
    sources: &[RunOfRows<'_>],
    spec: &SortSpec,
    batch_rows: usize,
    out: &mut Out<'_>,
) -> Result<()> {
    let mut batches = Vec::new();
    for source in sources {
        let mut reader = source.reader(spec);
        while let Some(rows) = reader.rows()? {
            batches.push(rows);
        }
    }
    for batch in spec.sorted(batches)?.blocks(batch_rows) {
        if out(batch?)? == Flow::Done {
            break;
        }
    }
    Ok(())
}

/// Reads rows in order, a block at a time.
struct Reader<'a> {
    /// Those that are not read to their end.
    runs: &'a [Arc<Run>],
    spec: &'a SortSpec,
    /// In the first run.
    next: usize,
    /// Counted from the first run's first row.
    end: usize,
    /// Batches of the last read, last first.
    waiting: Vec<RecordBatch>,
}

impl Reader<'_> {
    fn rows(&mut self) -> Result<Option<RecordBatch>> {
        while self.waiting.is_empty() && self.next < self.end {
            let Some((run, others)) = self.runs.split_first() else { break };
            if self.next >= run.rows {
                self.runs = others;
                self.next -= run.rows;
                self.end -= run.rows;
                continue;
            }
            let to = run.next_stop(self.next).min(self.end).min(run.rows);
            self.waiting = run.read(self.next..to)?;
            self.waiting.reverse();
            self.next = to;
        }
        Ok(self.waiting.pop())
    }

    fn read(&mut self) -> Result<Option<RunBatch>> {
        let Some(rows) = self.rows()? else { return Ok(None) };
        let keys = self.spec.sort_keys(&rows)?;
        Ok(Some(RunBatch { rows, keys }))
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<RunBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
