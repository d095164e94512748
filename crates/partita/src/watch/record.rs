//! The record of a run: which task ran when and where, and how much memory was held.

use std::collections::HashMap;
use std::time::Duration;

use partita_graph::{Name, TaskId, TaskInfo};

use crate::report::{MemorySample, Outcome, TaskReport, Work};

/// Of a graph of very many tasks the first are kept; the stages count all.
const MOST_TASKS: usize = 1_000_000;
/// When there are more samples of memory, every other one goes, and further ones are half as frequent.
const MOST_SAMPLES: usize = 2_000;

#[derive(Default)]
pub(super) struct Record {
    tasks: Vec<Ended>,
    /// What tasks that have not ended said of themselves.
    told: HashMap<TaskId, Told>,
    memory: Vec<MemorySample>,
    every: Duration,
}

/// What a task of a frame says of itself.
#[derive(Clone, Copy, Default)]
struct Told {
    stage: Option<usize>,
    work: Work,
}

/// A task that has ended.
#[derive(Clone)]
pub(super) struct Ended {
    task: TaskId,
    name: Name,
    stage: Option<usize>,
    worker: usize,
    started: Duration,
    finished: Duration,
    outcome: Outcome,
    work: Work,
}

impl Ended {
    pub(super) fn report(&self) -> TaskReport {
        TaskReport {
            name: self.name.to_string(),
            stage: self.stage,
            worker: self.worker,
            started: self.started,
            finished: self.finished,
            outcome: self.outcome,
            rows_in: self.work.rows_in,
            rows_out: self.work.rows_out,
            bytes_out: self.work.bytes_out,
            task: Some(self.task),
        }
    }
}

impl Record {
    pub(super) fn of_stage(&mut self, task: TaskId, stage: usize) {
        self.told.entry(task).or_default().stage = Some(stage);
    }

    pub(super) fn did(&mut self, task: TaskId, work: Work) {
        self.told.entry(task).or_default().work = work;
    }

    pub(super) fn ended(
        &mut self,
        task: &TaskInfo,
        stage: Option<usize>,
        worker: usize,
        started: Duration,
        finished: Duration,
        outcome: Outcome,
    ) -> Ended {
        let told = if stage.is_none() { self.told.remove(&task.task) } else { None }.unwrap_or_default();
        let ended = Ended {
            task: task.task,
            name: task.name.clone(),
            stage: stage.or(told.stage),
            worker,
            started,
            finished,
            outcome,
            work: told.work,
        };
        if self.tasks.len() < MOST_TASKS {
            self.tasks.push(ended.clone());
        }
        ended
    }

    /// All tasks, by when they began.
    pub(super) fn take_tasks(&mut self) -> Vec<TaskReport> {
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.sort_by_key(|task| (task.started, task.worker, task.task.index()));
        tasks.iter().map(Ended::report).collect()
    }

    pub(super) fn wants_memory(&self, now: Duration, at_least: Duration) -> bool {
        let last = self.memory.last();
        last.is_none_or(|last| now.saturating_sub(last.at) >= at_least.max(self.every))
            || at_least.is_zero() && last.is_some_and(|last| last.at < now)
    }

    pub(super) fn note_memory(&mut self, at: Duration, held: Option<usize>, resident: Option<usize>) {
        self.memory.push(MemorySample { at, held, resident });
        if self.memory.len() > MOST_SAMPLES {
            let mut index = 0;
            self.memory.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every = at / MOST_SAMPLES as u32 * 2;
        }
    }

    pub(super) fn take_memory(&mut self) -> Vec<MemorySample> {
        std::mem::take(&mut self.memory)
    }
}
