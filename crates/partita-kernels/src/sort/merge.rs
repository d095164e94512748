//! [`Merge`]: many sorted runs into one, batch by batch, by a tournament of losers.

use std::marker::PhantomData;

use arrow::array::RecordBatch;

use super::SortKeys;
use crate::Error;
use crate::take::gather_rows;

/// A node of the tournament where no run waits yet.
const NOBODY: usize = usize::MAX;

/// One sorted batch of a run with its keys. The batches of a run follow each other in order.
#[derive(Debug, Clone)]
pub struct RunBatch {
    /// The rows.
    pub rows: RecordBatch,
    /// Their keys, encoded with the same options in all runs.
    pub keys: SortKeys,
}

/// An iterator over the merged rows in batches of `batch_rows`.
///
/// Each run is pulled one batch at a time, so what is held is one batch per run, those that the output under way takes rows
/// from, and the output. Rows with equal keys come in the order of their runs.
#[derive(Debug)]
pub struct Merge<I, E> {
    runs: Vec<Run<I>>,
    /// `losers[0]` is the winner; each other node holds the loser of the match played there.
    losers: Vec<usize>,
    batch_rows: usize,
    /// The batches that the output under way takes rows from.
    held: Vec<RecordBatch>,
    started: bool,
    error: PhantomData<fn() -> E>,
}

#[derive(Debug)]
struct Run<I> {
    source: I,
    /// The current batch and its next row; `None` when the run is over.
    current: Option<(RunBatch, usize)>,
    /// The place of the current batch in `held`, once a row was taken from it.
    held: Option<usize>,
}

impl<I, E> Merge<I, E>
where
    I: Iterator<Item = Result<RunBatch, E>>,
    E: From<Error>,
{
    /// Merges the runs; `batch_rows` is the length of every batch but the last.
    pub fn new(runs: impl IntoIterator<Item = I>, batch_rows: usize) -> Merge<I, E> {
        let runs = runs.into_iter().map(|source| Run { source, current: None, held: None }).collect();
        Merge {
            runs,
            losers: Vec::new(),
            batch_rows: batch_rows.max(1),
            held: Vec::new(),
            started: false,
            error: PhantomData,
        }
    }

    /// Pulls the first batch of every run and plays all matches.
    fn start(&mut self) -> Result<(), E> {
        self.started = true;
        for run in &mut self.runs {
            run.pull()?;
        }
        let count = self.runs.len();
        self.losers = vec![NOBODY; count];
        for run in 0..count {
            self.play(run);
        }
        Ok(())
    }

    /// Plays the matches from the leaf of `run` to the root; at a node where nobody waits, the run waits for the first
    /// to come, so that after the first round every node holds a loser.
    fn play(&mut self, run: usize) {
        let mut winner = run;
        let mut node = (run + self.runs.len()) / 2;
        while node > 0 {
            let other = self.losers[node];
            if other == NOBODY {
                self.losers[node] = winner;
                return;
            }
            if self.beats(other, winner) {
                self.losers[node] = winner;
                winner = other;
            }
            node /= 2;
        }
        self.losers[0] = winner;
    }

    /// Whether the next row of `left` comes before that of `right`.
    #[inline]
    fn beats(&self, left: usize, right: usize) -> bool {
        match (&self.runs[left].current, &self.runs[right].current) {
            (Some((left_batch, left_row)), Some((right_batch, right_row))) => {
                let order = left_batch.keys.compare(*left_row, &right_batch.keys, *right_row);
                order.then(left.cmp(&right)).is_lt()
            }
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => left < right,
        }
    }

    /// The places of the next rows in `held`.
    fn collect_places(&mut self) -> Result<Vec<(usize, usize)>, E> {
        let mut places = Vec::with_capacity(self.batch_rows);
        while places.len() < self.batch_rows {
            let Some(&winner) = self.losers.first() else { break };
            let run = &mut self.runs[winner];
            let Some((batch, row)) = &mut run.current else { break };
            let held = *run.held.get_or_insert_with(|| {
                self.held.push(batch.rows.clone());
                self.held.len() - 1
            });
            places.push((held, *row));
            *row += 1;
            if *row == batch.keys.len() {
                run.pull()?;
            }
            self.play(winner);
        }
        Ok(places)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, E> {
        if !self.started {
            self.start()?;
        }
        let places = self.collect_places()?;
        let batch = if places.is_empty() { None } else { Some(gather_rows(&self.held, &places)?) };
        self.held.clear();
        self.runs.iter_mut().for_each(|run| run.held = None);
        Ok(batch)
    }
}

impl<I, E> Iterator for Merge<I, E>
where
    I: Iterator<Item = Result<RunBatch, E>>,
    E: From<Error>,
{
    type Item = Result<RecordBatch, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.runs.is_empty() {
            return None;
        }
        match self.next_batch() {
            Ok(batch) => batch.map(Ok),
            Err(error) => {
                // Nothing sensible can follow an error.
                self.runs.clear();
                Some(Err(error))
            }
        }
    }
}

impl<I> Run<I> {
    /// Moves on to the next batch that has rows.
    fn pull<E>(&mut self) -> Result<(), E>
    where
        I: Iterator<Item = Result<RunBatch, E>>,
    {
        self.held = None;
        self.current = None;
        for batch in self.source.by_ref() {
            let batch = batch?;
            if !batch.keys.is_empty() {
                self.current = Some((batch, 0));
                break;
            }
        }
        Ok(())
    }
}
