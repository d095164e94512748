//! The workers: loops on pool threads that take turns at the state and run tasks in between.
//!
//! A worker is a job spawned on the pool. It runs one task after the other, always the best ready one, and
//! leaves when it finds none; whoever makes tasks ready spawns workers for them. So idle threads sleep in
//! rayon, where other work can have them, and tasks never run on top of each other on a stack.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rayon::ThreadPool;

use crate::error::{means_stopped, panic_message};
use crate::{BoxError, Cause, Name, Observer, RunError, RunOptions, Span, Step, TaskContext, TaskInfo};

use super::place::Rank;
use super::segment::Segment;
use super::state::{Arrival, Chores, Job, Outcome, Report, Rest, State};
use super::sync::Gate;

/// What all workers of a run share.
pub(crate) struct Shared<T> {
    gate: Gate<State<T>>,
    options: RunOptions,
}

/// How a worker came to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A job of the pool.
    Spawned,
    /// The thread that called `run`, one of the pool's.
    Caller,
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(crate) fn new(root: Segment<T>, threads: usize, options: RunOptions) -> Arc<Self> {
        let state = State::new(Box::new(root), threads, options.clone());
        Arc::new(Shared { gate: Gate::new(state), options })
    }

    /// Runs to the end on the pool while this thread, which is of no pool, sleeps.
    pub(crate) fn wait(self: &Arc<Self>, pool: &ThreadPool) {
        let mut missing = self.begin(false);
        loop {
            for _ in 0..missing {
                let shared = Arc::clone(self);
                pool.spawn(move || shared.work(Role::Spawned));
            }
            match self.rest(false) {
                Some((spawn, _)) => missing = spawn,
                None => return,
            }
        }
    }

    /// Runs to the end with this thread, which is of the pool, as one of the workers.
    pub(crate) fn take_part(self: &Arc<Self>) {
        let others = self.begin(true);
        self.spawn(others);
        let mut works = !self.gate.enter(|state| state.done);
        loop {
            if works {
                self.work(Role::Caller);
            }
            let Some((spawn, take_part)) = self.rest(true) else { return };
            self.spawn(spawn);
            works = take_part;
        }
    }

    /// Sleeps until the run is over or there is work: how many workers to spawn, and whether the calling
    /// thread is one itself.
    fn rest(&self, of_pool: bool) -> Option<(usize, bool)> {
        self.gate.wait(|state| match state.rest(Instant::now(), of_pool) {
            Rest::Over => Ok(None),
            Rest::Work { spawn, take_part } => Ok(Some((spawn, take_part))),
            Rest::Sleep(until) => Err(until),
        })
    }

    pub(crate) fn conclude(&self) -> Result<Vec<Arc<T>>, RunError> {
        let (result, leftovers) = self.gate.enter(State::conclude);
        match catch_unwind(AssertUnwindSafe(|| drop(leftovers))) {
            Ok(()) => result,
            Err(payload) => {
                // A destructor of the user's panicked; an error that came before it says more.
                let cause = Cause::Panicked(panic_message(payload.as_ref()));
                result.and(Err(RunError::of_run(cause)))
            }
        }
    }

    /// Makes the first tasks ready; returns how many workers to spawn.
    fn begin(&self, caller: bool) -> usize {
        let (spawn, chores) = self.gate.enter(|state| state.begin(caller));
        let start = Culprit { rank: Rank::ROOT, name: Name::from("start of the run") };
        self.do_chores(chores, &start);
        spawn
    }

    /// Spawns workers from a thread of the pool.
    fn spawn(self: &Arc<Self>, workers: usize) {
        for _ in 0..workers {
            let shared = Arc::clone(self);
            rayon::spawn(move || shared.work(Role::Spawned));
        }
    }

    /// Works until there is nothing to do.
    fn work(self: &Arc<Self>, role: Role) {
        // Last resort: whatever breaks in here, the caller must not wait for ever, and a panic in a spawned
        // job would end the process.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.take_turns(role))) {
            self.gate.enter(|state| state.give_up(&panic_message(payload.as_ref())));
            self.gate.notify();
        }
    }

    fn take_turns(self: &Arc<Self>, role: Role) {
        // A task that waits inside rayon (a join) may be given one of our workers to run meanwhile. One
        // task then, and back, or the waiting task would wait for the whole run.
        let guest = role == Role::Spawned && TaskContext::is_inside();
        let stop = Arc::new(AtomicBool::new(false));
        let mut culprit = Culprit { rank: Rank::ROOT, name: Name::from("start of the run") };
        let mut arrival = Arrival { report: None, swept: false, last: false, caller: role == Role::Caller };
        loop {
            let turn = self.gate.enter(|state| state.turn(arrival, &stop));
            if turn.notify {
                self.gate.notify();
            }
            self.spawn(turn.spawn);
            if turn.leave {
                return;
            }
            let swept = !turn.chores.is_empty();
            self.do_chores(turn.chores, &culprit);
            let report = turn.job.map(|job| {
                culprit = Culprit { rank: job.rank, name: job.info.name.clone() };
                self.execute(job, &stop)
            });
            let last = guest && report.is_some();
            arrival = Arrival { report, swept, last, caller: role == Role::Caller };
        }
    }

    /// Does outside the lock what a turn left to do. A panic in there counts against the task that ended.
    fn do_chores(&self, chores: Chores<T>, culprit: &Culprit) {
        if chores.is_empty() {
            return;
        }
        let work = AssertUnwindSafe(|| {
            if let Some(observer) = &self.options.observer {
                chores.queued.iter().for_each(|task| observer.queued(task));
            }
            drop(chores);
        });
        if let Err(payload) = catch_unwind(work) {
            let cause = Cause::Panicked(panic_message(payload.as_ref()));
            self.gate.enter(|state| state.fail(culprit.rank, culprit.name.clone(), cause));
        }
    }

    /// Runs a task.
    fn execute(&self, job: Job<T>, stop: &Arc<AtomicBool>) -> Report<T> {
        let Job { rank, info, run, inputs } = job;
        let context = TaskContext {
            name: info.name.clone(),
            task: info.task,
            worker: rayon::current_thread_index().unwrap_or(0),
            cancel: self.options.cancel.clone(),
            stop: Arc::clone(stop),
        };
        let watch = self.options.observer.as_ref().map(|observer| (observer, Instant::now()));
        let outcome = guarded(|| {
            if let Some((observer, _)) = watch {
                observer.started(&info, context.worker);
            }
            let _inside = context.enter();
            outcome_of(run(&context, inputs), &context)
        });
        let outcome = guarded(|| {
            if let Some((observer, started)) = watch {
                let span = Span { worker: context.worker, started, finished: Instant::now() };
                tell_end(observer.as_ref(), &info, span, &outcome);
            }
            if let Some(admission) = &self.options.admission {
                admission.ended(info.cost);
            }
            outcome
        });
        Report { rank, name: info.name, outcome }
    }
}

/// The task that a panic outside any task is counted against.
struct Culprit {
    rank: Rank,
    name: Name,
}

/// Turns a panic into a failure.
fn guarded<T>(action: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let caught = catch_unwind(AssertUnwindSafe(action));
    caught.unwrap_or_else(|payload| Outcome::Failed(Cause::Panicked(panic_message(payload.as_ref()))))
}

/// What a task's answer means.
pub(super) fn outcome_of<T>(step: Result<Step<T>, BoxError>, context: &TaskContext) -> Outcome<T> {
    match step {
        Ok(Step::Done(result)) => Outcome::Done(Arc::new(result)),
        Ok(Step::Shared(result)) => Outcome::Done(result),
        Ok(Step::Again(again)) => Outcome::Again(again.run, due(again.pause)),
        Ok(Step::Expand(graph, result)) => Outcome::Expand(Box::new(Segment::new(graph, &[result]))),
        Err(error) if context.is_stopped() && means_stopped(&error) => Outcome::Stopped,
        Err(error) => Outcome::Failed(Cause::Error(error)),
    }
}

/// When a pause from now on ends, if it is one; one that is too long for a clock is a year.
fn due(pause: Duration) -> Option<Instant> {
    let now = Instant::now();
    let end = || now.checked_add(pause).unwrap_or(now + Duration::from_secs(365 * 24 * 3600));
    (!pause.is_zero()).then(end)
}

fn tell_end<T>(observer: &dyn Observer, info: &TaskInfo, span: Span, outcome: &Outcome<T>) {
    match outcome {
        Outcome::Done(_) => observer.finished(info, span),
        Outcome::Expand(segment) => observer.expanded(info, span, segment.undone),
        Outcome::Again(_, due) => {
            let pause = due.map(|due| due.saturating_duration_since(span.finished));
            observer.again(info, span, pause.unwrap_or_default());
        }
        Outcome::Failed(cause) => observer.failed(info, span, cause),
        Outcome::Stopped => observer.stopped(info, span),
    }
}
