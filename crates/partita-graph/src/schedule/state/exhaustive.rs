//! All interleavings of small runs, one after the other.
//!
//! Every change of a run's state happens in one turn under one lock. So what threads can do to it is the
//! set of orders in which workers take their turns, notify, spawn, sleep and wake. Here the workers are
//! played by data, and a chooser that backtracks tries every order (and every answer of admission, every
//! moment of a cancel, every worker being a guest, every moment at which the time of a task that sleeps may
//! come). In each the caller must come back, to a run at rest,
//! with the right answer; each task must have run once; and the invariant of `README.md` must hold.

use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::super::worker::outcome_of;
use super::*;
use crate::{Admission, Graph, Step, TaskContext, TaskId};

/// Tries all sequences of choices: run by run, each time another last choice, then one before it.
#[derive(Default)]
struct Chooser {
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Chooser {
    fn choose(&mut self, options: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, options));
        }
        let (choice, same) = self.taken[self.at];
        assert_eq!(options, same, "a run must be a function of its choices");
        self.at += 1;
        choice
    }

    /// Moves on to the next sequence; false when all were tried.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, options)) = self.taken.pop() {
            if choice + 1 < options {
                self.taken.push((choice + 1, options));
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Default)]
struct Choices(Arc<Mutex<Chooser>>);

impl Choices {
    fn lock(&self) -> MutexGuard<'_, Chooser> {
        self.0.lock().unwrap()
    }
}

impl Admission for Choices {
    fn admit(&self, _cost: u64, _running: usize) -> bool {
        self.lock().choose(2) == 0
    }
}

/// One thread of the played run.
enum Actor {
    /// Will take a turn, with what it did before.
    Turns {
        job: Option<Job<u64>>,
        swept: bool,
        caller: bool,
        guest: bool,
    },
    /// Came out of a turn, and has yet to notify and spawn.
    Calls {
        notify: bool,
        spawn: usize,
        then: Box<Actor>,
    },
    /// The caller looks whether to sleep.
    Looks {
        time_has_come: bool,
    },
    /// The caller sleeps until notified, or with an alarm until then.
    Sleeps {
        alarm: bool,
    },
    /// Cancels from outside.
    Cancels,
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    threads: usize,
    caller_in_pool: bool,
    admission: bool,
    cancel: bool,
    guests: bool,
    on_error: OnError,
}

const PLAIN: Case = Case {
    threads: 2,
    caller_in_pool: false,
    admission: false,
    cancel: false,
    guests: false,
    on_error: OnError::StopAll,
};

const LOOKS: Actor = Actor::Looks { time_has_come: false };

/// Longer than any of these tests takes, so that only the play decides when it is over.
const PAUSE: Duration = Duration::from_secs(24 * 3600);

/// A graph to run, with its wanted task; tasks count themselves in `ran`.
type Build = fn(&Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId);

struct Play {
    case: Case,
    state: State<u64>,
    actors: Vec<Actor>,
    choices: Choices,
    stop: Arc<AtomicBool>,
    cancelled: bool,
    result: Option<Result<u64, String>>,
}

impl Play {
    fn new(case: Case, choices: &Choices, build: Build, ran: &Arc<Vec<AtomicUsize>>) -> Self {
        let (graph, output) = build(ran);
        let mut options = RunOptions { on_error: case.on_error, ..RunOptions::default() };
        if case.admission {
            options.admission = Some(Arc::new(choices.clone()));
        }
        let segment = Segment::new(graph, &[output]);
        let mut state = State::new(Box::new(segment), case.threads, options);
        let (spawn, _) = state.begin(case.caller_in_pool);
        let then = if case.caller_in_pool { fresh(true, false) } else { LOOKS };
        let mut actors = vec![Actor::Calls { notify: false, spawn, then: Box::new(then) }];
        if case.cancel {
            actors.push(Actor::Cancels);
        }
        let stop = Arc::new(AtomicBool::new(false));
        Play { case, state, actors, choices: choices.clone(), stop, cancelled: false, result: None }
    }

    /// Plays to the end.
    fn play(mut self) -> Result<u64, String> {
        loop {
            let able: Vec<usize> = (0..self.actors.len())
                .filter(|&i| !matches!(self.actors[i], Actor::Sleeps { alarm: false } | Actor::Gone))
                .collect();
            if able.is_empty() {
                break;
            }
            let chosen = able[self.choices.lock().choose(able.len())];
            let actor = std::mem::replace(&mut self.actors[chosen], Actor::Gone);
            self.actors[chosen] = self.step(actor);
        }
        self.result.expect("the caller sleeps for ever")
    }

    fn step(&mut self, actor: Actor) -> Actor {
        match actor {
            Actor::Turns { job, swept, caller, guest } => self.turn(job, swept, caller, guest),
            Actor::Calls { notify, spawn, then } => {
                if notify {
                    let sleepers =
                        self.actors.iter_mut().filter(|actor| matches!(actor, Actor::Sleeps { .. }));
                    sleepers.for_each(|actor| *actor = LOOKS);
                }
                for _ in 0..spawn {
                    let guest = self.case.guests && self.choices.lock().choose(2) == 1;
                    self.actors.push(fresh(false, guest));
                }
                *then
            }
            Actor::Looks { time_has_come } => self.look(time_has_come),
            // The alarm: it may go off at any moment.
            Actor::Sleeps { alarm: true } => self.look(true),
            Actor::Cancels => {
                self.state.options.cancel.cancel();
                self.cancelled = true;
                Actor::Gone
            }
            Actor::Sleeps { alarm: false } | Actor::Gone => unreachable!("not able"),
        }
    }

    /// The caller looks after the run; the time of all tasks that sleep may have come.
    fn look(&mut self, time_has_come: bool) -> Actor {
        let now = Instant::now();
        let now = if time_has_come { now + 2 * PAUSE } else { now };
        match self.state.rest(now, self.case.caller_in_pool) {
            Rest::Over => {
                self.conclude();
                Actor::Gone
            }
            Rest::Work { spawn, take_part } => {
                let then = if take_part { fresh(true, false) } else { LOOKS };
                Actor::Calls { notify: false, spawn, then: Box::new(then) }
            }
            Rest::Sleep(until) => Actor::Sleeps { alarm: until.is_some() },
        }
    }

    fn turn(&mut self, job: Option<Job<u64>>, swept: bool, caller: bool, guest: bool) -> Actor {
        let last = guest && job.is_some();
        let report = job.map(|job| self.execute(job));
        let turn = self.state.turn(Arrival { report, swept, last, caller }, &self.stop);
        self.check_invariant();
        let then = match turn.leave {
            true if caller => LOOKS,
            true => Actor::Gone,
            false => Actor::Turns { job: turn.job, swept: !turn.chores.is_empty(), caller, guest },
        };
        if turn.notify || turn.spawn > 0 {
            Actor::Calls { notify: turn.notify, spawn: turn.spawn, then: Box::new(then) }
        } else {
            then
        }
    }

    fn execute(&self, job: Job<u64>) -> Report<u64> {
        let Job { rank, info, run, inputs } = job;
        let context = TaskContext {
            name: info.name.clone(),
            task: info.task,
            worker: 0,
            cancel: self.state.options.cancel.clone(),
            stop: Arc::clone(&self.stop),
        };
        Report { rank, name: info.name, outcome: outcome_of(run(&context, inputs), &context) }
    }

    fn check_invariant(&self) {
        let state = &self.state;
        assert!(state.workers <= state.threads, "too many workers");
        if state.startable().is_some() {
            let work = state.running.len() + state.sweeping + state.ready.len();
            assert!(state.workers >= work.min(state.threads), "a ready task has no worker");
        }
    }

    /// The caller goes on: nothing of the run may be going on any more.
    fn conclude(&mut self) {
        for actor in &self.actors {
            let busy = matches!(actor, Actor::Turns { job, swept, .. } if job.is_some() || *swept);
            assert!(!busy, "the caller is back while a worker is at it");
        }
        assert!(self.state.running.is_empty() && self.state.sweeping == 0);
        let (result, _) = self.state.conclude();
        let result = result.map(|values| *values[0]).map_err(|error| error.to_string());
        if self.cancelled && result == Err("the run was cancelled".to_owned()) {
            self.result = Some(Ok(u64::MAX));
        } else {
            self.result = Some(result);
        }
    }
}

fn fresh(caller: bool, guest: bool) -> Actor {
    Actor::Turns { job: None, swept: false, caller, guest }
}

/// Plays `build` in every order; every time the outcome must be one of `allowed`. Returns how many orders.
fn explore(case: Case, build: Build, tasks: usize, allowed: &[Result<u64, &str>]) -> usize {
    let choices = Choices::default();
    let mut orders = 0;
    loop {
        let ran: Arc<Vec<AtomicUsize>> = Arc::new((0..tasks).map(|_| AtomicUsize::new(0)).collect());
        let outcome = Play::new(case, &choices, build, &ran).play();
        let counts: Vec<usize> = ran.iter().map(|count| count.load(Memory::Relaxed)).collect();
        let cut_short = case.cancel && outcome == Ok(u64::MAX);
        let expected = outcome.as_ref().map(|&value| value).map_err(String::as_str);
        assert!(cut_short || allowed.contains(&expected), "{case:?}: {outcome:?}");
        assert!(counts.iter().all(|&count| count <= 1), "{case:?}: a task ran twice: {counts:?}");
        if outcome.is_ok() && !cut_short {
            assert!(counts.iter().all(|&count| count == 1), "{case:?}: a task was lost: {counts:?}");
        }
        orders += 1;
        assert!(orders < 500_000, "{case:?}: too large to explore");
        if !choices.lock().advance() {
            return orders;
        }
    }
}

/// A task that counts itself and adds one to the sum of its inputs.
fn add(graph: &mut Graph<u64>, ran: &Arc<Vec<AtomicUsize>>, uid: usize, deps: &[TaskId]) -> TaskId {
    let ran = Arc::clone(ran);
    graph.add(format!("t{uid}"), deps, move |_, inputs| {
        ran[uid].fetch_add(1, Memory::Relaxed);
        Ok(Step::Done(1 + inputs.into_shared().map(|input| *input).sum::<u64>()))
    })
}

fn diamond(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let top = add(&mut graph, ran, 0, &[]);
    let left = add(&mut graph, ran, 1, &[top]);
    let right = add(&mut graph, ran, 2, &[top]);
    let bottom = add(&mut graph, ran, 3, &[left, right]);
    (graph, bottom)
}

fn fan(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let parts: Vec<_> = (0..3).map(|i| add(&mut graph, ran, i, &[])).collect();
    let all = add(&mut graph, ran, 3, &parts);
    (graph, all)
}

/// A task whose result nobody takes, so that there is something to sweep, beside others.
fn effect(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let first = add(&mut graph, ran, 0, &[]);
    let other = add(&mut graph, ran, 1, &[]);
    let end = add(&mut graph, ran, 2, &[other]);
    graph.after(end, first);
    (graph, end)
}

/// A task that expands into two and their sum.
fn expansion(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let inner = Arc::clone(ran);
    let plan = graph.add("plan", &[], move |_, _| {
        let mut next = Graph::new();
        let parts = [add(&mut next, &inner, 0, &[]), add(&mut next, &inner, 1, &[])];
        let sum = add(&mut next, &inner, 2, &parts);
        Ok(Step::Expand(next, sum))
    });
    (graph, plan)
}

/// The same, beside another task and with a user.
fn expansion_within(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let (mut graph, plan) = expansion(ran);
    let other = add(&mut graph, ran, 3, &[]);
    let end = add(&mut graph, ran, 4, &[plan, other]);
    (graph, end)
}

/// Two tasks fail, the earlier in order only after another task; a result is left to sweep.
fn failures(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let first = add(&mut graph, ran, 0, &[]);
    let early = graph.add("early", &[first], |_, _| Err("no".into()));
    let late = graph.add("late", &[], |_, _| Err("no".into()));
    let end = add(&mut graph, ran, 1, &[early, late]);
    (graph, end)
}

const EARLY: Result<u64, &str> = Err("task `early` failed: no (given `t0`; needed by `t1`)");
const LATE: Result<u64, &str> = Err("task `late` failed: no (needed by `t1`)");

/// A task that asks to run again before it counts itself, beside another, with a user of both.
fn second_thoughts(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let first = graph.value("first", 1);
    let inner = Arc::clone(ran);
    let later = graph.add("later", &[first], move |_, mut inputs| {
        let kept = inputs.take_shared(0);
        Ok(Step::again(PAUSE, move |_| {
            inner[0].fetch_add(1, Memory::Relaxed);
            Ok(Step::Done(1 + *kept))
        }))
    });
    let other = add(&mut graph, ran, 1, &[]);
    let end = add(&mut graph, ran, 2, &[later, other]);
    (graph, end)
}

/// A task that asks to run again at once, twice.
fn no_pause(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let inner = Arc::clone(ran);
    let again = graph.add("again", &[], move |_, _| {
        Ok(Step::again(Duration::ZERO, move |_| {
            Ok(Step::again(Duration::ZERO, move |_| {
                inner[0].fetch_add(1, Memory::Relaxed);
                Ok(Step::Done(1))
            }))
        }))
    });
    let end = add(&mut graph, ran, 1, &[again]);
    (graph, end)
}

/// A task that sleeps while another one fails.
fn failure_beside_a_sleeper(ran: &Arc<Vec<AtomicUsize>>) -> (Graph<u64>, TaskId) {
    let mut graph = Graph::new();
    let inner = Arc::clone(ran);
    let sleeper = graph.add("sleeper", &[], move |_, _| {
        Ok(Step::again(PAUSE, move |_| {
            inner[0].fetch_add(1, Memory::Relaxed);
            Ok(Step::Done(1))
        }))
    });
    let late = graph.add("late", &[], |_, _| Err("no".into()));
    let end = add(&mut graph, ran, 1, &[sleeper, late]);
    (graph, end)
}

/// Every combination of who calls and at most `most` things that interfere.
fn cases(most: u32) -> impl Iterator<Item = Case> {
    let few = move |bits: &u32| (bits >> 1).count_ones() <= most;
    (0..16_u32).filter(few).map(|bits| Case {
        caller_in_pool: bits & 1 != 0,
        admission: bits & 2 != 0,
        cancel: bits & 4 != 0,
        guests: bits & 8 != 0,
        ..PLAIN
    })
}

#[test]
fn every_order_of_a_diamond() {
    let orders: usize = cases(3).map(|case| explore(case, diamond, 4, &[Ok(5)])).sum();
    assert!(orders > 10_000, "only {orders} orders");
}

#[test]
fn every_order_of_a_fan() {
    for case in cases(1) {
        explore(case, fan, 4, &[Ok(4)]);
    }
    explore(Case { threads: 3, ..PLAIN }, fan, 4, &[Ok(4)]);
    explore(Case { threads: 3, caller_in_pool: true, ..PLAIN }, fan, 4, &[Ok(4)]);
}

#[test]
fn every_order_of_an_effect() {
    for case in cases(2) {
        explore(case, effect, 3, &[Ok(2)]);
    }
}

#[test]
fn every_order_of_an_expansion() {
    for case in cases(2) {
        explore(case, expansion, 3, &[Ok(3)]);
    }
    for case in cases(1).filter(|case| !case.admission && !case.guests) {
        explore(case, expansion_within, 5, &[Ok(5)]);
    }
}

#[test]
fn every_order_of_failures() {
    for case in cases(2) {
        explore(case, failures, 2, &[EARLY, LATE]);
        // A cancel may come between the two failures.
        let allowed = if case.cancel { &[EARLY, LATE][..] } else { &[EARLY] };
        explore(Case { on_error: OnError::SameEveryTime, ..case }, failures, 2, allowed);
    }
}

#[test]
fn every_order_of_second_thoughts() {
    for case in cases(1) {
        explore(case, second_thoughts, 3, &[Ok(4)]);
        explore(case, no_pause, 2, &[Ok(2)]);
    }
}

#[test]
fn every_order_of_a_failure_beside_a_sleeper() {
    for case in cases(1) {
        explore(case, failure_beside_a_sleeper, 2, &[LATE]);
        explore(Case { on_error: OnError::SameEveryTime, ..case }, failure_beside_a_sleeper, 2, &[LATE]);
    }
}
