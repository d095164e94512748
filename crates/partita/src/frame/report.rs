//! What a run did, for people: stages with rows, bytes and time, peak memory, spilled bytes, and notices.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use partita_io::Notice;

use crate::run::{Executed, StageSnapshot};

/// The report of one run. Printing it shows a table of its stages.
#[derive(Clone, Debug, Default)]
pub struct Report {
    stages: Vec<StageReport>,
    notices: Vec<Notice>,
    elapsed: Duration,
    peak_memory: usize,
    spilled: u64,
}

/// What one stage did.
#[derive(Clone, Debug)]
pub struct StageReport {
    /// The stage's number in `explain`.
    pub id: usize,
    /// Its source, operators and sink.
    pub label: String,
    /// Its partitions.
    pub tasks: usize,
    /// Rows that its source gave.
    pub rows_in: u64,
    /// Rows that reached its sink.
    pub rows_out: u64,
    /// Bytes read from files.
    pub bytes_read: u64,
    /// Time spent in its tasks, added up over threads.
    pub busy: Duration,
    /// From its first task's start to its last one's end.
    pub elapsed: Duration,
}

impl Report {
    pub(super) fn new(executed: &Executed, notices: Vec<Notice>) -> Report {
        Report {
            stages: executed.metrics.snapshot().into_iter().map(StageReport::from).collect(),
            notices,
            elapsed: executed.metrics.elapsed(),
            peak_memory: executed.peak_memory,
            spilled: executed.spilled,
        }
    }

    /// The stages, in order.
    pub fn stages(&self) -> &[StageReport] {
        &self.stages
    }
    /// What the user should know although nothing failed: columns widened, rows skipped.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
    /// How long the run took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
    /// The most memory that the run's ledger held at once, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.peak_memory
    }
    /// Bytes written to spill files.
    pub fn spilled(&self) -> u64 {
        self.spilled
    }
}

impl From<StageSnapshot> for StageReport {
    fn from(stage: StageSnapshot) -> Self {
        StageReport {
            id: stage.id,
            label: stage.label,
            tasks: stage.tasks,
            rows_in: stage.rows_in,
            rows_out: stage.rows_out,
            bytes_read: stage.bytes_read,
            busy: stage.busy,
            elapsed: stage.elapsed,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stage  tasks      rows in     rows out        read    time s    busy s  work")?;
        for stage in &self.stages {
            writeln!(
                f,
                "{:>5}  {:>5} {:>12} {:>12} {:>11} {:>9.3} {:>9.3}  {}",
                stage.id,
                stage.tasks,
                HumanCount(stage.rows_in).to_string(),
                HumanCount(stage.rows_out).to_string(),
                HumanBytes(stage.bytes_read).to_string(),
                stage.elapsed.as_secs_f64(),
                stage.busy.as_secs_f64(),
                stage.label
            )?;
        }
        write!(
            f,
            "{:.3} s in all, at most {} held, {} spilled",
            self.elapsed.as_secs_f64(),
            HumanBytes(self.peak_memory as u64),
            HumanBytes(self.spilled)
        )?;
        for notice in &self.notices {
            write!(f, "\nnote: {}", notice.message)?;
            if notice.rows > 0 {
                write!(f, " ({} rows)", HumanCount(notice.rows))?;
            }
        }
        Ok(())
    }
}
