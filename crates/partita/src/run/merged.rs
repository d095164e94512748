//! What a task behind an exchange by hash reads: its buckets in order, in units that fit into memory, and a
//! bucket that is too large split by further bits of the hash.
//!
//! Where units end follows the memory limit, and changes nothing. Whether a bucket is split changes the order of
//! its rows, so it depends on the rows and the settings alone.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use partita_io::Reserve;

use super::RunEnvironment;
use crate::error::{Result, Step};
use crate::exchange::{BUCKETS, HashKeys, LEVELS, RunSet, bucket_ranges};
use crate::op::{BuildSide, Flow, Held, JoinKind, JoinShape, Operator, PieceByPiece, ProbeJoin, Rereadable};

/// What the first operator of a task is given.
pub(super) enum Fed<'a> {
    Rows(RecordBatch),
    /// All rows of one hash, which are too many to be kept.
    Key(&'a dyn Rereadable),
    /// The keys that came so far will not come again.
    EndOfKeys,
}

/// Where a task's input goes.
pub(super) type Feeder<'a> = dyn FnMut(Fed<'_>) -> Result<Flow> + 'a;

/// The probe side streams, so it weighs less than the build side, which is held.
const PROBE_SHARE: u64 = 4;

/// A table over so many times `task_bytes` is made at once: a build side is held packed, which is half of its bytes or
/// less where it has numbers and short texts, and splitting a bucket costs more than its rows' way to the cache.
const BUILD_SHARE: u64 = 2;

/// The buckets of an exchange by hash, as the tasks behind it get them.
pub(super) fn merged_ranges(runs: &RunSet, task_bytes: u64) -> Vec<Range<usize>> {
    bucket_ranges(&runs.bucket_bytes(), 0..BUCKETS, task_bytes)
}

/// The same of the two sides of a join.
pub(super) fn joined_ranges(build: &RunSet, probe: &RunSet, task_bytes: u64) -> Vec<Range<usize>> {
    let weighed = added(build.bucket_bytes(), probe.bucket_bytes(), PROBE_SHARE);
    bucket_ranges(&weighed, 0..BUCKETS, task_bytes)
}

fn added(mut bytes: [u64; BUCKETS], more: [u64; BUCKETS], share: u64) -> [u64; BUCKETS] {
    bytes.iter_mut().zip(more).for_each(|(sum, more)| *sum += more / share);
    bytes
}

/// Reads a range of buckets into an operator that needs all rows of a key.
pub(super) fn feed_merged(
    environment: &RunEnvironment,
    (runs, range): (&RunSet, &Range<usize>),
    keys: &HashKeys,
    level: u32,
    feed: &mut Feeder<'_>,
) -> Result<Flow> {
    let (memory, task_bytes) = (&environment.workspace.memory, environment.settings.task_bytes);
    let bytes = runs.bucket_bytes();
    if bytes[range.clone()].iter().sum::<u64>() > task_bytes && level < LEVELS {
        let hot = runs.frequent_hash(range, keys, level, memory)?;
        if hot.is_some_and(|hot| hot.is_only) {
            return feed(Fed::Key(&runs.of_range(range, memory)));
        }
        let split = runs.split(range, keys, level, hot.map(|hot| hot.hash), &environment.store)?;
        for part in merged_ranges(&split.rest, task_bytes) {
            if feed_merged(environment, (&split.rest, &part), keys, level + 1, feed)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        return split.hot.map_or(Ok(Flow::Continue), |hot| feed(Fed::Key(&*hot)));
    }
    feed_units(environment, (runs, range), feed)
}

/// Reads a range of buckets in units that fit into memory; a bucket that does not is a unit, and is read run by run.
pub(super) fn feed_units(
    environment: &RunEnvironment,
    (runs, range): (&RunSet, &Range<usize>),
    feed: &mut Feeder<'_>,
) -> Result<Flow> {
    let memory = &environment.workspace.memory;
    for unit in bucket_ranges(&runs.bucket_bytes(), range.clone(), environment.unit_bytes()) {
        if feed_unit(runs, &unit, memory, feed)? == Flow::Done {
            return Ok(Flow::Done);
        }
    }
    Ok(Flow::Continue)
}

fn feed_unit(
    runs: &RunSet,
    unit: &Range<usize>,
    memory: &Arc<dyn Reserve>,
    feed: &mut Feeder<'_>,
) -> Result<Flow> {
    match runs.in_bucket_order(unit, memory, &mut |batch| feed(Fed::Rows(batch)))? {
        Flow::Done => Ok(Flow::Done),
        Flow::Continue => feed(Fed::EndOfKeys),
    }
}

/// Is told of rows before they are worked on, and says whether to go on.
pub(super) type Passes<'a> = dyn Fn(usize) -> Result<Flow> + 'a;

/// The two exchanged sides of a join.
#[derive(Clone)]
pub(super) struct Sides {
    pub(super) build: Arc<RunSet>,
    pub(super) probe: Arc<RunSet>,
    pub(super) shape: Arc<JoinShape>,
}

impl Sides {
    /// What a task that joins a range of buckets has to hold.
    pub(super) fn of_buckets(&self, buckets: &Range<usize>) -> Sides {
        let of = |runs: &RunSet| Arc::new(runs.of_buckets(buckets));
        Sides { build: of(&self.build), probe: of(&self.probe), shape: Arc::clone(&self.shape) }
    }

    fn step(&self) -> Step {
        self.shape.step
    }

    /// Joins a range of buckets. `passes` is told how many rows are about to be probed.
    pub(super) fn join(
        &self,
        environment: &RunEnvironment,
        range: &Range<usize>,
        level: u32,
        passes: &Passes<'_>,
        feed: &mut Feeder<'_>,
    ) -> Result<Flow> {
        let task_bytes = environment.settings.task_bytes;
        let bytes = self.build.bucket_bytes();
        if bytes[range.clone()].iter().sum::<u64>() > BUILD_SHARE * task_bytes && level < LEVELS {
            let (rest, hot) = self.split(environment, range, level)?;
            for part in joined_ranges(&rest.build, &rest.probe, task_bytes) {
                if rest.join(environment, &part, level + 1, passes, feed)? == Flow::Done {
                    return Ok(Flow::Done);
                }
            }
            let Some(hot) = hot else { return Ok(Flow::Continue) };
            if hot.build.bytes() > BUILD_SHARE * task_bytes {
                return hot.join_pieces(environment, passes, feed);
            }
            return hot.join_unit(environment, &(0..BUCKETS), passes, feed);
        }
        // The rows without a partner end each unit of an outer join: its units must not follow the limit.
        let most = if self.shape.kind == JoinKind::Outer { 0 } else { environment.unit_bytes() };
        for unit in bucket_ranges(&added(bytes, self.probe.bucket_bytes(), 1), range.clone(), most) {
            if self.join_unit(environment, &unit, passes, feed)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Continue)
    }

    fn split(
        &self,
        environment: &RunEnvironment,
        range: &Range<usize>,
        level: u32,
    ) -> Result<(Sides, Option<Sides>)> {
        let keys =
            |columns: &[usize]| HashKeys { columns: columns.to_vec(), types: self.shape.key_types.clone() };
        let (build, probe) = (keys(&self.shape.build_keys), keys(&self.shape.probe_keys));
        let hot = self.build.frequent_hash(range, &build, level, &environment.workspace.memory)?;
        let hot = hot.map(|hot| hot.hash);
        let build = self.build.split(range, &build, level, hot, &environment.store)?;
        let probe = self.probe.split(range, &probe, level, hot, &environment.store)?;
        let sides = |build: Arc<RunSet>, probe| Sides { build, probe, shape: Arc::clone(&self.shape) };
        let hot = build.hot.zip(probe.hot).map(|(build, probe)| sides(build, probe));
        Ok((sides(build.rest, probe.rest), hot))
    }

    /// One table over the unit's build rows, and the unit's probe rows through it.
    fn join_unit(
        &self,
        environment: &RunEnvironment,
        unit: &Range<usize>,
        passes: &Passes<'_>,
        feed: &mut Feeder<'_>,
    ) -> Result<Flow> {
        let memory = &environment.workspace.memory;
        let told = |error: crate::error::Error| error.at_step(self.step());
        let mut read = Held::new(memory);
        let rows = self.build.packed(unit, &mut read)?;
        let build = BuildSide::of_packed(&self.shape, &rows, memory).map_err(told)?;
        drop((rows, read));
        let (shape, build) = (Arc::clone(&self.shape), Arc::new(build));
        let join = ProbeJoin { shape, build, coded: Vec::new() };
        let mut state = join.start(&environment.workspace).map_err(told)?;
        let mut out = |batch| feed(Fed::Rows(batch));
        let flow =
            self.probe.in_bucket_order(unit, memory, &mut |batch| match passes(batch.num_rows())? {
                Flow::Done => Ok(Flow::Done),
                Flow::Continue => state.push(batch, &mut out).map_err(told),
            })?;
        if flow == Flow::Continue {
            state.finish(&mut out).map_err(told)?;
        }
        Ok(flow)
    }

    /// As [`Sides::join_unit`] for rows of one hash, where the build side is too large for one table: tables over
    /// pieces of it, one after the other, and the unit's probe rows through each.
    fn join_pieces(
        &self,
        environment: &RunEnvironment,
        passes: &Passes<'_>,
        feed: &mut Feeder<'_>,
    ) -> Result<Flow> {
        let memory = &environment.workspace.memory;
        let told = |error: crate::error::Error| error.at_step(self.step());
        // By rows, so that where a piece ends depends on nothing but the rows.
        let (rows, pieces) =
            (self.build.rows(), self.build.bytes().div_ceil(environment.settings.task_bytes));
        let piece_rows = rows.div_ceil(usize::try_from(pieces).unwrap_or(usize::MAX)).max(1);
        let mut joined = PieceByPiece::new(&self.shape, self.probe.rows(), &environment.workspace)?;
        let mut out = |batch| feed(Fed::Rows(batch));
        let mut from = 0;
        while from < rows {
            let piece = from..rows.min(from + piece_rows);
            let count_rows = from == 0;
            from = piece.end;
            let mut batches = Vec::new();
            self.build.in_order(0..self.build.partitions.len(), &piece, &mut |batch| {
                batches.push(batch);
                Ok(Flow::Continue)
            })?;
            joined.begin(BuildSide::build(&self.shape, &batches, memory).map_err(told)?).map_err(told)?;
            drop(batches);
            let flow =
                self.probe.each(
                    &mut |batch| match passes(if count_rows { batch.num_rows() } else { 0 })? {
                        Flow::Done => Ok(Flow::Done),
                        Flow::Continue => joined.push(batch, &mut out).map_err(told),
                    },
                )?;
            if flow == Flow::Done || joined.end(&mut out).map_err(told)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        // What comes behind this key is still wanted.
        if !joined.begin_rest().map_err(told)? {
            return Ok(Flow::Continue);
        }
        self.probe.each(&mut |batch| match passes(0)? {
            Flow::Done => Ok(Flow::Done),
            Flow::Continue => joined.push_rest(batch, &mut out).map_err(told),
        })
    }
}
