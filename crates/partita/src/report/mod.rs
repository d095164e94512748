//! What a run did, for people and for tools: stages with rows, bytes and time, tasks, memory, notices.
//!
//! A report prints as a table (`table.rs`), and is written as a page of HTML (`page.rs`), as a trace for
//! Chrome's and Perfetto's viewers (`trace.rs`), or as a picture of the graph coloured by time.

mod explain;
mod page;
mod table;
#[cfg(test)]
mod tests;
mod timeline;
mod trace;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use partita_graph::TaskId;
use partita_io::{Local, Notice, replace_file};

use crate::error::Result;
use crate::explain::{Drawing, Picture, draw_to};

/// The report of one run, of a frame or of a graph of functions. Printing it shows a table of its stages.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(crate) name: &'static str,
    pub(crate) stages: Vec<StageReport>,
    pub(crate) tasks: Vec<TaskReport>,
    pub(crate) memory: Vec<MemorySample>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) elapsed: Duration,
    pub(crate) threads: usize,
    pub(crate) peak_memory: usize,
    pub(crate) spilled: u64,
    pub(crate) error: Option<String>,
    pub(crate) picture: Option<Arc<Picture>>,
}

/// What one stage did: what runs between two exchanges of a frame, or all calls of one function of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// The stage's number in `explain`.
    pub id: usize,
    /// Its source, operators and sink; or the function's name.
    pub label: String,
    /// Its partitions or calls.
    pub tasks: usize,
    /// How many of them have ended.
    pub tasks_done: usize,
    /// Rows that its source gave.
    pub rows_in: u64,
    /// Rows that reached its sink.
    pub rows_out: u64,
    /// Bytes of its files, known before they are read; 0 if it reads none.
    pub bytes: u64,
    /// Bytes read from files.
    pub bytes_read: u64,
    /// Bytes that it left in its exchange, in memory or in files.
    pub bytes_out: u64,
    /// Time spent in its tasks, added up over threads.
    pub busy: Duration,
    /// From its first task's start to the last one's end.
    pub elapsed: Duration,
    /// Its sources, operators and sink, pipeline by pipeline in the order in which rows go through them; none for
    /// functions.
    pub operators: Vec<OperatorReport>,
    /// If it is what ran before an exchange for a join: the join's pipeline and place. If it is what ran behind that of a
    /// partitioned write: the pipeline and the place of its sink.
    pub(crate) before_join: Option<(usize, usize)>,
}

/// What one operator of a stage did, beside what was expected of it. Printed by [`Report::explain`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperatorReport {
    /// What it does, as `explain` prints it.
    pub label: String,
    /// The step of the chain that it comes from, with file and line; none for what the engine adds.
    pub step: Option<String>,
    /// Rows that it looked at. For a scan with a filter these are more than it gave.
    pub rows_in: u64,
    /// Rows that left it.
    pub rows_out: u64,
    /// Bytes of the values that left it, of texts as estimated from a sixteenth of the rows; what the sink left
    /// in its exchange or in files.
    pub bytes_out: u64,
    /// About how many rows were expected to leave it, where anything was known.
    pub estimated_rows: Option<u64>,
    /// About how many bytes were expected to leave it.
    pub estimated_bytes: Option<u64>,
    /// Time spent in it, added up over threads.
    pub busy: Duration,
    /// Its pipeline in the stage and its place there: the source is 0.
    pub(crate) pipeline: usize,
    pub(crate) place: usize,
    /// Whether it is where the rows end: nothing leaves it.
    pub(crate) sink: bool,
}

/// What one task did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskReport {
    /// What it is called, as errors call it.
    pub name: String,
    /// The number of its stage, [`StageReport::id`]; none for what the engine does between stages.
    pub stage: Option<usize>,
    /// The thread that ran it, from 0 on.
    pub worker: usize,
    /// When it began, since the run began.
    pub started: Duration,
    /// When it ended, since the run began.
    pub finished: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows that its source gave; 0 for a function.
    pub rows_in: u64,
    /// Rows that reached its sink; 0 for a function.
    pub rows_out: u64,
    /// Bytes that it left in its exchange, in memory or in files; 0 for a function.
    pub bytes_out: u64,
    pub(crate) task: Option<TaskId>,
}

/// Rows and bytes of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) bytes_out: u64,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// With its result.
    Done,
    /// With further tasks that give its result.
    Planned,
    /// With an error or a panic, after which it is tried again.
    Retried,
    /// With an error or a panic.
    Failed,
    /// Early, because the run was cancelled or another task failed.
    Stopped,
}

/// How much memory was held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemorySample {
    /// When, since the run began.
    pub at: Duration,
    /// What the run's ledger held, in bytes; none for graphs of functions, which have none.
    pub held: Option<usize>,
    /// What the whole process held, in bytes, where the system tells.
    pub resident: Option<usize>,
}

impl Report {
    /// The stages, in order.
    pub fn stages(&self) -> &[StageReport] {
        &self.stages
    }
    /// The tasks, by when they began; of a run with more than a million, a million.
    pub fn tasks(&self) -> &[TaskReport] {
        &self.tasks
    }
    /// How much memory was held, by time.
    pub fn memory(&self) -> &[MemorySample] {
        &self.memory
    }
    /// What the user should know although nothing failed: columns widened, rows skipped.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
    /// How long the run took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
    /// How many threads it could use.
    pub fn threads(&self) -> usize {
        self.threads
    }
    /// The most memory that the run's ledger held at once, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.peak_memory
    }
    /// Bytes written to spill files.
    pub fn spilled(&self) -> u64 {
        self.spilled
    }
    /// Why the run failed, if it did; only observers see reports of such runs.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// What the run did, operator by operator: the stages of `PartitionedFrame::explain`, with the rows and bytes
    /// that left each operator, how many were expected, and the time spent in it.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let frame = PartitionedFrame::from_batches([batch! { "v" => [1, 2, 3] }?]);
    /// let table = frame.filter(col("v").gt(1)).compute()?;
    /// println!("{}", table.report().explain());
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn explain(&self) -> String {
        explain::text(self)
    }

    /// Writes the report as one page of HTML: a timeline of threads and tasks, memory over time, stages, the
    /// slowest tasks, and the graph coloured by time. The page needs no other file and no network.
    ///
    /// # Errors
    /// The file cannot be written.
    ///
    /// # Example
    /// ```no_run
    /// use partita::prelude::*;
    ///
    /// let flights = read_csv("testdata/nycflights13/flights");
    /// let (table, report) = flights.groupby(["carrier"]).agg([size()]).compute_with_report()?;
    /// report.to_html("report.html")?;
    /// report.to_chrome_trace("trace.json")?;
    /// report.visualize("graph.svg")?;
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn to_html(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(replace_file(&Local, path.as_ref(), page::html(self).as_bytes())?)
    }

    /// Writes the tasks and the memory as a trace that `chrome://tracing` and <https://ui.perfetto.dev> show.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn to_chrome_trace(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(replace_file(&Local, path.as_ref(), trace::written(self).as_bytes())?)
    }

    /// Draws the graph that ran, coloured by time, rows or bytes; see `PartitionedFrame::visualize`.
    ///
    /// # Errors
    /// The file cannot be written, or its name does not say how to draw.
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        self.visualize_with(path, &Drawing::new())
    }

    /// As [`Report::visualize`], drawn as `drawing` says.
    ///
    /// # Errors
    /// As [`Report::visualize`].
    pub fn visualize_with(&self, path: impl AsRef<Path>, drawing: &Drawing) -> Result<()> {
        let picture = self.picture.as_deref().cloned().unwrap_or_default();
        draw_to(path.as_ref(), &[picture], drawing)
    }

    /// Whether it is a frame's; functions know nothing of rows.
    fn has_rows(&self) -> bool {
        self.name != "graph"
    }

    fn stage(&self, id: usize) -> Option<&StageReport> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Time in tasks, as a share of what the threads could have worked.
    fn busy_share(&self) -> f64 {
        let busy: Duration = self.tasks.iter().map(TaskReport::took).sum();
        let could = self.elapsed.as_secs_f64() * self.threads.max(1) as f64;
        if could > 0.0 { (busy.as_secs_f64() / could).min(1.0) } else { 0.0 }
    }
}

impl OperatorReport {
    /// Rows that left it; of a sink, which nothing leaves, those that came to it.
    pub(crate) fn rows(&self) -> u64 {
        if self.sink { self.rows_in } else { self.rows_out }
    }

    /// Of a scan or filter that left rows out: how many rows it looked at.
    pub(crate) fn left_out_of(&self) -> Option<u64> {
        (self.place == 0 && self.rows_in > self.rows_out).then_some(self.rows_in)
    }
}

impl TaskReport {
    /// How long it ran.
    pub fn took(&self) -> Duration {
        self.finished.saturating_sub(self.started)
    }
}
