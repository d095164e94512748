//! The record of a run: which task ran when and where, and how much memory was held.

use std::collections::HashMap;
use std::time::Duration;

use partita_graph::{Name, TaskId, TaskInfo};

use crate::report::{MemorySample, Outcome, TaskReport};

/// Of a graph of very many tasks the first are kept; the stages count all.
const MOST_TASKS: usize = 1_000_000;
/// When there are more samples of memory, every other one goes, and further ones are half as frequent.
const MOST_SAMPLES: usize = 2_000;

#[derive(Default)]
pub(super) struct Record {
    tasks: Vec<Ended>,
    stages: HashMap<TaskId, usize>,
    memory: Vec<MemorySample>,
    every: Duration,
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
            task: Some(self.task),
        }
    }
}

impl Record {
    pub(super) fn of_stage(&mut self, task: TaskId, stage: usize) {
        self.stages.insert(task, stage);
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
        let stage = stage.or_else(|| self.stages.remove(&task.task));
        let ended =
            Ended { task: task.task, name: task.name.clone(), stage, worker, started, finished, outcome };
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
