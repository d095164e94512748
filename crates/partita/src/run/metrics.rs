//! What is measured of a run: per stage tasks, rows, bytes and time, counted by the one wrapper round each
//! task, and shown while it runs. What the operators of a stage did is counted in `tally.rs`.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use partita_io::Notice;

use super::tally::{Operators, Tally};
use crate::report::{OperatorReport, StageReport, Work};

/// The measurements of one run.
#[derive(Debug)]
pub(crate) struct RunMetrics {
    started: Instant,
    stages: Mutex<Vec<Arc<StageMetrics>>>,
}

/// The measurements of one stage.
#[derive(Debug)]
pub(crate) struct StageMetrics {
    pub(crate) id: usize,
    pub(crate) label: String,
    /// If it is what runs before an exchange for a join: the join's pipeline and place.
    before_join: Option<(usize, usize)>,
    run_started: Instant,
    tasks: AtomicUsize,
    tasks_done: AtomicUsize,
    bytes: AtomicU64,
    bytes_read: AtomicU64,
    bytes_out: AtomicU64,
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    busy_nanos: AtomicU64,
    first_nanos: AtomicU64,
    last_nanos: AtomicU64,
    notices: Mutex<Vec<Notice>>,
    operators: Mutex<Vec<Arc<Operators>>>,
}

impl RunMetrics {
    pub(super) fn new() -> RunMetrics {
        RunMetrics { started: Instant::now(), stages: Mutex::new(Vec::new()) }
    }

    /// Measurements for a stage, or for a part of it that runs before an exchange for the join at a place of a
    /// pipeline. That of a partitioned write that runs behind its exchange has the place of the sink.
    pub(super) fn stage(
        &self,
        id: usize,
        label: String,
        before_join: Option<(usize, usize)>,
    ) -> Arc<StageMetrics> {
        let stage = Arc::new(StageMetrics {
            id,
            label,
            before_join,
            run_started: self.started,
            tasks: AtomicUsize::new(0),
            tasks_done: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
            first_nanos: AtomicU64::new(u64::MAX),
            last_nanos: AtomicU64::new(0),
            notices: Mutex::new(Vec::new()),
            operators: Mutex::new(Vec::new()),
        });
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&stage));
        stage
    }

    /// All stages that have begun, by id and then by label, so that the order does not depend on timing.
    pub(crate) fn snapshot(&self) -> Vec<StageReport> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshots: Vec<StageReport> = stages.iter().map(|stage| stage.snapshot()).collect();
        snapshots.sort_by(|a, b| (a.id, &a.label).cmp(&(b.id, &b.label)));
        snapshots
    }

    /// What readers want the user to know, equal messages added up, in the order of the messages.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut merged = std::collections::BTreeMap::<String, u64>::new();
        for stage in stages.iter() {
            for notice in stage.notices.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                *merged.entry(notice.message.clone()).or_default() += notice.rows;
            }
        }
        merged.into_iter().map(|(message, rows)| Notice { message, rows }).collect()
    }
}

impl StageMetrics {
    pub(super) fn add_tasks(&self, tasks: usize, bytes: u64) {
        self.tasks.fetch_add(tasks, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    /// A pipeline's operators, to be counted.
    pub(super) fn add_operators(&self, known: Vec<OperatorReport>) -> Arc<Operators> {
        let operators = Arc::new(Operators::new(known));
        self.operators.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&operators));
        operators
    }
    fn add_notices(&self, notices: Vec<Notice>) {
        if !notices.is_empty() {
            self.notices.lock().unwrap_or_else(PoisonError::into_inner).extend(notices);
        }
    }

    /// Measures a task until the returned value is dropped.
    pub(super) fn start_task(self: &Arc<Self>) -> TaskTimer {
        let now = self.run_started.elapsed();
        self.first_nanos.fetch_min(nanos(now), Ordering::Relaxed);
        TaskTimer { stage: Arc::clone(self), started: now }
    }

    fn snapshot(&self) -> StageReport {
        let mut operators: Vec<OperatorReport> = {
            let pipelines = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
            pipelines.iter().flat_map(|pipeline| pipeline.reports()).collect()
        };
        operators.sort_by_key(|operator| (operator.pipeline, operator.place));
        let first = self.first_nanos.load(Ordering::Relaxed);
        let last = self.last_nanos.load(Ordering::Relaxed);
        StageReport {
            id: self.id,
            label: self.label.clone(),
            tasks: self.tasks.load(Ordering::Relaxed),
            tasks_done: self.tasks_done.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            rows_in: self.rows_in.load(Ordering::Relaxed),
            rows_out: self.rows_out.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed)),
            elapsed: Duration::from_nanos(last.saturating_sub(first)),
            operators,
            before_join: self.before_join,
        }
    }
}

/// What one attempt at a task counts. It shows at once; an attempt that steps back takes it back.
pub(super) struct Counted<'a> {
    stage: &'a StageMetrics,
    rows_in: Cell<u64>,
    rows_out: Cell<u64>,
    bytes_read: Cell<u64>,
    pub(super) tally: Tally,
    /// The rows that are worked on, where they are of a split.
    rows: RefCell<Option<Rows>>,
}

/// Rows of a split, counted from 0 in their file, or in the split if it is of one file.
struct Rows {
    file: Option<PathBuf>,
    rows: Range<usize>,
    filtered: bool,
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = (self.rows.start + 1, self.rows.end);
        let those = if self.filtered { " of those that pass the filter" } else { "" };
        match &self.file {
            Some(file) => write!(f, ", rows {first} to {last}{those} of {}", file.display()),
            None => write!(f, ", rows {first} to {last}{those} of it"),
        }
    }
}

impl<'a> Counted<'a> {
    pub(super) fn new(stage: &'a StageMetrics, operators: &Operators) -> Counted<'a> {
        let zero = Cell::default;
        let (tally, rows) = (operators.tally(), RefCell::default());
        Counted { stage, rows_in: zero(), rows_out: zero(), bytes_read: zero(), tally, rows }
    }
    pub(super) fn rows_in(&self, rows: usize) {
        add(&self.stage.rows_in, &self.rows_in, rows as u64);
        self.tally.rows_in(0, rows);
    }
    pub(super) fn rows_out(&self, rows: usize) {
        add(&self.stage.rows_out, &self.rows_out, rows as u64);
        self.tally.rows_in(self.tally.sink(), rows);
    }
    /// Rows that the source looked at and did not give.
    pub(super) fn rows_left_out(&self, rows: usize) {
        self.tally.rows_in(0, rows);
    }
    pub(super) fn bytes_read(&self, bytes: u64) {
        add(&self.stage.bytes_read, &self.bytes_read, bytes);
    }
    pub(super) fn notices(&self, notices: Vec<Notice>) {
        self.stage.add_notices(notices);
    }
    /// The next rows of a split are going to be worked on.
    pub(super) fn next_rows(&self, file: Option<&Path>, rows: usize, filtered: bool) {
        let mut current = self.rows.borrow_mut();
        match current.as_mut().filter(|current| current.file.as_deref() == file) {
            Some(current) => current.rows = current.rows.end..current.rows.end + rows,
            None => *current = Some(Rows { file: file.map(Path::to_path_buf), rows: 0..rows, filtered }),
        }
    }
    /// No rows of a split are worked on any more.
    pub(super) fn no_rows(&self) {
        self.rows.replace(None);
    }
    /// For messages: the rows that are worked on, if that is known.
    pub(super) fn rows_at_work(&self) -> String {
        self.rows.borrow().as_ref().map_or(String::new(), ToString::to_string)
    }
    /// The end of an attempt that left so many bytes, or failed.
    pub(super) fn end(self, operators: &Operators, bytes_out: u64) -> Work {
        self.tally.end(operators, bytes_out);
        self.stage.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
        Work { rows_in: self.rows_in.get(), rows_out: self.rows_out.get(), bytes_out }
    }
    pub(super) fn take_back(self) {
        self.stage.rows_in.fetch_sub(self.rows_in.get(), Ordering::Relaxed);
        self.stage.rows_out.fetch_sub(self.rows_out.get(), Ordering::Relaxed);
        self.stage.bytes_read.fetch_sub(self.bytes_read.get(), Ordering::Relaxed);
    }
}

fn add(all: &AtomicU64, own: &Cell<u64>, more: u64) {
    all.fetch_add(more, Ordering::Relaxed);
    own.set(own.get() + more);
}

/// Measures one task.
pub(super) struct TaskTimer {
    stage: Arc<StageMetrics>,
    started: Duration,
}

impl Drop for TaskTimer {
    fn drop(&mut self) {
        let now = self.stage.run_started.elapsed();
        self.stage.busy_nanos.fetch_add(nanos(now.saturating_sub(self.started)), Ordering::Relaxed);
        self.stage.last_nanos.fetch_max(nanos(now), Ordering::Relaxed);
        self.stage.tasks_done.fetch_add(1, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
