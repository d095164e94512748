//! What a run is at one moment, and its only transition: a worker's [`State::turn`].
//!
//! Plain data without locks or threads: `worker` calls it under the one lock of `sync`. Read `README.md`
//! beside this file for the states and for why nothing is lost.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};
use std::time::{Duration, Instant};

use crate::error::Path;
use crate::graph::Run;
use crate::{Cause, Inputs, Name, OnError, RunError, RunOptions, TaskInfo};

use super::place::{Places, Rank};
use super::ready::Ready;
use super::segment::Segment;

#[cfg(test)]
mod exhaustive;

/// A run between two transitions.
pub(crate) struct State<T> {
    options: RunOptions,
    /// The most workers there may be.
    threads: usize,
    places: Places,
    /// One per place; an expansion's is dropped when its result is there.
    segments: Vec<Option<Box<Segment<T>>>>,
    ready: Ready,
    /// Tasks that are to run again, by when and then by place and position.
    asleep: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    running: Vec<Running>,
    /// Workers that are dropping results outside the lock.
    sweeping: usize,
    /// Workers that will take another turn: running, sweeping, or spawned and on their way.
    workers: usize,
    /// The calling thread is one of the pool's and sleeps for want of tasks.
    pub(crate) parked: bool,
    /// The best ready task was refused; nothing starts until a task ends.
    refused: bool,
    failure: Option<Failure>,
    pub(crate) done: bool,
}

struct Running {
    rank: Rank,
    stop: Arc<AtomicBool>,
}

struct Failure {
    rank: Rank,
    name: Name,
    cause: Cause,
}

/// A task that a worker is to run.
pub(crate) struct Job<T> {
    pub(crate) rank: Rank,
    pub(crate) info: TaskInfo,
    pub(crate) run: Run<T>,
    pub(crate) inputs: Inputs<T>,
}

/// What a finished run still held: of a failed one all results that were waiting for users.
pub(crate) struct Leftovers<T> {
    _segments: Vec<Option<Box<Segment<T>>>>,
}

/// How a task ended.
pub(crate) struct Report<T> {
    pub(crate) rank: Rank,
    pub(crate) name: Name,
    pub(crate) outcome: Outcome<T>,
}

pub(crate) enum Outcome<T> {
    Done(Arc<T>),
    Expand(Box<Segment<T>>),
    /// To run again then; without a time, at once.
    Again(Run<T>, Option<Instant>),
    Failed(Cause),
    Stopped,
}

/// What a worker brings to its turn.
pub(crate) struct Arrival<T> {
    /// The task that it ran.
    pub(crate) report: Option<Report<T>>,
    /// It did the chores that its last turn gave it.
    pub(crate) swept: bool,
    /// It takes no further task.
    pub(crate) last: bool,
    /// It is the calling thread, which parks instead of leaving.
    pub(crate) caller: bool,
}

/// What a worker takes from its turn, and does outside the lock.
pub(crate) struct Turn<T> {
    pub(crate) job: Option<Job<T>>,
    pub(crate) chores: Chores<T>,
    /// How many workers to spawn.
    pub(crate) spawn: usize,
    /// Sleepers must look again.
    pub(crate) notify: bool,
    /// The worker must go (the caller: sleep) at once.
    pub(crate) leave: bool,
}

/// What the calling thread finds when it looks after a run.
pub(crate) enum Rest {
    /// The run is over.
    Over,
    /// There is work: workers to spawn, and whether the caller itself is one.
    Work { spawn: usize, take_part: bool },
    /// Nothing to do until it is notified, or until then.
    Sleep(Option<Instant>),
}

/// How often the caller looks for a cancel while tasks are asleep and no worker may be there to see it.
const POLL: Duration = Duration::from_millis(10);

/// What a turn leaves to do outside the lock, before the next task.
pub(crate) struct Chores<T> {
    /// Results that nobody needs any more, to drop.
    results: Vec<Arc<T>>,
    /// Finished expansions, to drop.
    #[expect(clippy::vec_box, reason = "moving a box keeps the lock short")]
    segments: Vec<Box<Segment<T>>>,
    /// Tasks that became ready, to tell the observer of; empty if there is none.
    pub(crate) queued: Vec<TaskInfo>,
}

impl<T> Chores<T> {
    fn new() -> Self {
        Chores { results: Vec::new(), segments: Vec::new(), queued: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.results.is_empty() && self.segments.is_empty() && self.queued.is_empty()
    }
}

impl<T> State<T> {
    /// The start of a run: nothing runs, the first tasks are ready.
    pub(crate) fn new(root: Box<Segment<T>>, threads: usize, options: RunOptions) -> Self {
        State {
            options,
            threads,
            places: Places::new(),
            segments: vec![Some(root)],
            ready: Ready::default(),
            asleep: BinaryHeap::new(),
            running: Vec::new(),
            sweeping: 0,
            workers: 0,
            parked: false,
            refused: false,
            failure: None,
            done: false,
        }
    }

    /// Makes the first tasks ready, and says how many workers to spawn besides the caller.
    pub(crate) fn begin(&mut self, caller: bool) -> (usize, Chores<T>) {
        let mut chores = Chores::new();
        self.workers = usize::from(caller);
        self.open(0, &mut chores);
        self.done = self.startable().is_none();
        let (spawn, _) = self.call_workers();
        (spawn, chores)
    }

    /// One worker's transition: takes in what it did, and gives it what to do next.
    pub(crate) fn turn(&mut self, arrival: Arrival<T>, stop: &Arc<AtomicBool>) -> Turn<T> {
        let mut chores = Chores::new();
        if arrival.swept {
            self.sweeping -= 1;
        }
        if arrival.swept || arrival.report.is_some() {
            self.refused = false;
        }
        let asleep = self.asleep.len();
        if let Some(report) = arrival.report {
            self.take_in(report, &mut chores);
        }
        // The caller has to set its alarm.
        let fell_asleep = self.asleep.len() > asleep;
        if !chores.is_empty() {
            self.sweeping += 1;
        }
        let job = if arrival.last { None } else { self.pick(stop) };
        let leave = job.is_none() && chores.is_empty();
        let over = leave && self.leave(arrival.caller);
        let (spawn, woken) = self.call_workers();
        Turn { job, chores, spawn, notify: over || woken || fell_asleep, leave }
    }

    /// The calling thread's transition while it does not work: wakes tasks whose time has come.
    pub(crate) fn rest(&mut self, now: Instant, of_pool: bool) -> Rest {
        while let Some(&Reverse((due, place, position))) = self.asleep.peek()
            && due <= now
        {
            self.asleep.pop();
            self.ready.push(Rank { place, position }, &self.places);
        }
        self.done |= self.is_over();
        if self.done {
            return Rest::Over;
        }
        let (spawn, woken) = self.call_workers();
        let take_part = woken || (of_pool && !self.parked);
        if spawn > 0 || take_part {
            return Rest::Work { spawn, take_part };
        }
        Rest::Sleep(self.asleep.peek().map(|&Reverse((due, ..))| due.min(now + POLL)))
    }

    /// Records a failure. Of several the earliest in the static order counts.
    pub(crate) fn fail(&mut self, rank: Rank, name: Name, cause: Cause) {
        if self.options.cancel.is_cancelled() {
            // What fails after a cancel mostly fails because of it.
            return;
        }
        if let Some(known) = &self.failure
            && self.places.compare(known.rank, rank) == Ordering::Less
        {
            return;
        }
        for running in &self.running {
            if self.options.on_error == OnError::StopAll || self.is_later(running.rank, rank) {
                running.stop.store(true, Memory::Relaxed);
            }
        }
        self.failure = Some(Failure { rank, name, cause });
    }

    /// Ends the run at once, whatever still runs: only for a mistake in the scheduler itself.
    pub(crate) fn give_up(&mut self, message: &str) {
        let cause = Cause::Panicked(format!("the scheduler failed, please report this: {message}"));
        self.failure = Some(Failure { rank: Rank::ROOT, name: Name::from("scheduler"), cause });
        self.done = true;
    }

    /// The results, or why there are none; and what is left to drop. Empties the state, so that a late
    /// worker holds nothing back.
    pub(crate) fn conclude(&mut self) -> (Result<Vec<Arc<T>>, RunError>, Leftovers<T>) {
        let mut segments = std::mem::take(&mut self.segments);
        let result = match (self.failure.take(), segments.first_mut()) {
            (Some(failure), _) => {
                let (path, inputs) = (self.path(&segments, &failure), inputs_of(&segments, failure.rank));
                Err(RunError::new(path, inputs, failure.cause))
            }
            (None, Some(Some(root))) if root.undone == 0 => Ok(root.take_outputs()),
            _ if self.options.cancel.is_cancelled() => {
                let reason = self.options.cancel.reason().map(str::to_owned);
                Err(RunError::of_run(Cause::Cancelled(reason)))
            }
            _ => {
                let message = "the scheduler lost a task; please report this".to_owned();
                Err(RunError::of_run(Cause::Panicked(message)))
            }
        };
        (result, Leftovers { _segments: segments })
    }

    fn take_in(&mut self, report: Report<T>, chores: &mut Chores<T>) {
        if let Some(at) = self.running.iter().position(|running| running.rank == report.rank) {
            self.running.swap_remove(at);
        }
        match report.outcome {
            Outcome::Done(result) => self.complete(report.rank, result, chores),
            Outcome::Expand(segment) => self.expand(report.rank, report.name, segment, chores),
            Outcome::Again(run, due) => self.put_to_sleep(report.rank, run, due),
            Outcome::Failed(cause) => self.fail(report.rank, report.name, cause),
            Outcome::Stopped => {}
        }
    }

    /// The task is as before it started, but for its inputs, which it had.
    fn put_to_sleep(&mut self, rank: Rank, run: Run<T>, due: Option<Instant>) {
        if let Some(Some(segment)) = self.segments.get_mut(rank.place as usize) {
            let node = &mut segment.nodes[rank.position as usize];
            node.run = Some(run);
            node.resumes = true;
            match due {
                Some(due) => self.asleep.push(Reverse((due, rank.place, rank.position))),
                None => self.ready.push(rank, &self.places),
            }
        }
    }

    /// Puts a result where it belongs: a loop, because an expansion's result is also its parent's.
    fn complete(&mut self, rank: Rank, result: Arc<T>, chores: &mut Chores<T>) {
        let mut next = Some((rank, result));
        while let Some((rank, result)) = next.take() {
            let Some(segment) = self.segments.get_mut(rank.place as usize).and_then(Option::as_mut) else {
                return;
            };
            segment.undone -= 1;
            if let Some(parent) = segment.result_of
                && segment.outputs.contains(&rank.position)
            {
                // The one output is the last task of its graph: all others served it and are done.
                chores.segments.extend(self.segments[rank.place as usize].take());
                next = Some((parent, result));
                continue;
            }
            let node = &mut segment.nodes[rank.position as usize];
            if node.uses == 0 {
                chores.results.push(result);
            } else {
                node.result = Some(result);
            }
            for i in 0..segment.followers.of(rank.position as usize).len() {
                let position = segment.followers.of(rank.position as usize)[i];
                let node = &mut segment.nodes[position as usize];
                node.pending -= 1;
                if node.pending == 0 {
                    self.ready.push(Rank { place: rank.place, position }, &self.places);
                    if self.options.observer.is_some() {
                        chores.queued.push(node.info());
                    }
                }
            }
        }
    }

    /// Sets a graph in the place of the task that returned it.
    fn expand(&mut self, rank: Rank, name: Name, mut segment: Box<Segment<T>>, chores: &mut Chores<T>) {
        let place = self.places.add(rank, name);
        segment.result_of = Some(self.owner(rank, chores));
        let output = segment.outputs.first().copied();
        let value = output.filter(|&at| segment.nodes[at as usize].run.is_none());
        if let Some(result) = value.and_then(|at| segment.use_result(at)) {
            let parent = segment.result_of;
            self.segments.push(None);
            chores.segments.push(segment);
            if let Some(parent) = parent {
                self.complete(parent, result, chores);
            }
            return;
        }
        self.segments.push(Some(segment));
        self.open(place, chores);
    }

    /// Whose result an expansion of `rank` gives. If `rank` is itself the output of an expansion, that is
    /// its parent, and its own graph is finished: so a loop made of expansions holds one graph at a time.
    fn owner(&mut self, rank: Rank, chores: &mut Chores<T>) -> Rank {
        let Some(slot) = self.segments.get_mut(rank.place as usize) else { return rank };
        let parent = slot
            .as_ref()
            .and_then(|segment| segment.result_of.filter(|_| segment.outputs.contains(&rank.position)));
        if parent.is_some() {
            chores.segments.extend(slot.take());
        }
        parent.unwrap_or(rank)
    }

    /// Makes the first tasks of a graph ready.
    fn open(&mut self, place: u32, chores: &mut Chores<T>) {
        let Some(Some(segment)) = self.segments.get_mut(place as usize) else { return };
        for position in std::mem::take(&mut segment.first) {
            self.ready.push(Rank { place, position }, &self.places);
            if self.options.observer.is_some() {
                chores.queued.push(segment.nodes[position as usize].info());
            }
        }
    }

    /// Starts the best ready task, if one may start.
    fn pick(&mut self, stop: &Arc<AtomicBool>) -> Option<Job<T>> {
        let rank = self.startable()?;
        let segment = self.segments.get_mut(rank.place as usize)?.as_mut()?;
        let node = &mut segment.nodes[rank.position as usize];
        let info = node.info();
        if let Some(admission) = &self.options.admission {
            let alone = self.running.is_empty() && self.sweeping == 0;
            if !admission.admit(info.cost, self.running.len()) && !alone {
                self.refused = true;
                return None;
            }
        }
        let run = node.run.take()?;
        let had_inputs = node.resumes;
        let deps = segment.deps.of(rank.position as usize).to_vec();
        let missing = deps.into_iter().filter(|_| !had_inputs);
        let inputs = missing.map(|dep| segment.use_result(dep)).collect();
        self.ready.pop(&self.places);
        stop.store(false, Memory::Relaxed);
        self.running.push(Running { rank, stop: Arc::clone(stop) });
        Some(Job { rank, info, run, inputs: Inputs::new(inputs) })
    }

    /// The best ready task, unless nothing may start.
    fn startable(&self) -> Option<Rank> {
        if self.done || self.refused || self.options.cancel.is_cancelled() {
            return None;
        }
        self.ready.peek().filter(|&best| self.is_wanted(best))
    }

    /// Whether no failure forbids the task to start.
    fn is_wanted(&self, rank: Rank) -> bool {
        match (&self.failure, self.options.on_error) {
            (None, _) => true,
            (Some(_), OnError::StopAll) => false,
            (Some(failure), OnError::SameEveryTime) => self.is_later(failure.rank, rank),
        }
    }

    /// Whether a task that is asleep will start when its time has come.
    fn some_will_wake(&self) -> bool {
        let mut asleep = self.asleep.iter().map(|&Reverse((_, place, position))| Rank { place, position });
        !self.options.cancel.is_cancelled() && asleep.any(|rank| self.is_wanted(rank))
    }

    /// Whether nothing goes on and nothing will.
    fn is_over(&self) -> bool {
        let idle = self.running.is_empty() && self.sweeping == 0;
        idle && self.startable().is_none() && !self.some_will_wake()
    }

    /// Counts a worker out. Says whether the run is over: it is when no task runs and none will.
    fn leave(&mut self, caller: bool) -> bool {
        self.workers -= 1;
        self.parked |= caller;
        let over = self.done || self.is_over();
        self.done |= over;
        over
    }

    /// Sees to it that every ready task that may start has a worker that will come for it: how many to
    /// spawn, and whether the parked caller was called.
    fn call_workers(&mut self) -> (usize, bool) {
        if self.startable().is_none() {
            return (0, false);
        }
        let wanted = self.threads.min(self.running.len() + self.sweeping + self.ready.len());
        let missing = wanted.saturating_sub(self.workers);
        self.workers += missing;
        let woken = missing > 0 && std::mem::take(&mut self.parked);
        (missing - usize::from(woken), woken)
    }

    fn is_later(&self, a: Rank, b: Rank) -> bool {
        self.places.compare(a, b) == Ordering::Greater
    }

    /// The names from the failed task up through its users, and through the tasks whose expansions they are.
    fn path(&self, segments: &[Option<Box<Segment<T>>>], failure: &Failure) -> Path {
        let mut names = vec![failure.name.clone()];
        let mut at = failure.rank;
        loop {
            if let Some(Some(segment)) = segments.get(at.place as usize) {
                let way = segment.way_to_output(at.position);
                names.extend(way.into_iter().map(|at| segment.nodes[at as usize].name.clone()));
            }
            let Some((parent, name)) = self.places.parent(at.place) else { break };
            names.push(name.clone());
            at = parent;
        }
        Path::from_failed(names.into_iter())
    }
}

/// The names of the tasks whose results a task takes.
fn inputs_of<T>(segments: &[Option<Box<Segment<T>>>], rank: Rank) -> Vec<Name> {
    let Some(Some(segment)) = segments.get(rank.place as usize) else { return Vec::new() };
    segment
        .deps
        .of(rank.position as usize)
        .iter()
        .map(|&dep| segment.nodes[dep as usize].name.clone())
        .collect()
}
