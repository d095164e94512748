//! The stages of a graph of functions: all calls of one function are one stage.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use partita_graph::TaskId;

use super::Measures;
use crate::explain::{Kind, Measured, NodeId, Picture, State};
use crate::report::{Outcome, Report, StageReport};

/// A graph of functions, counted by function.
pub(crate) struct Functions {
    picture: Picture,
    nodes: HashMap<TaskId, NodeId>,
    /// For each node the function of which it is a call.
    function_of: Vec<Option<u32>>,
    functions: Vec<Function>,
    memory: Arc<dyn HeldMemory>,
}

/// What the values of a graph hold.
pub(crate) trait HeldMemory: Send + Sync {
    /// Now.
    fn used(&self) -> usize;
    /// At most until now.
    fn peak(&self) -> usize;
}

struct Function {
    name: String,
    calls: usize,
    done: AtomicUsize,
    busy: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

impl Functions {
    /// The functions of a graph whose tasks are these nodes of the picture.
    pub(crate) fn new(
        picture: Picture,
        nodes: HashMap<TaskId, NodeId>,
        memory: Arc<dyn HeldMemory>,
    ) -> Functions {
        let groups = picture.groups_of_all();
        let mut known: HashMap<u32, u32> = HashMap::new();
        let mut functions: Vec<Function> = Vec::new();
        let mut function_of = Vec::with_capacity(picture.nodes.len());
        for (node, group) in picture.nodes.iter().zip(groups) {
            if node.kind == Kind::Data {
                function_of.push(None);
                continue;
            }
            let index = *known.entry(group).or_insert_with(|| {
                let name = node.group.map_or(node.name.as_str(), |group| picture.label(group)).to_owned();
                functions.push(Function::new(name));
                functions.len() as u32 - 1
            });
            functions[index as usize].calls += 1;
            function_of.push(Some(index));
        }
        Functions { picture, nodes, function_of, functions, memory }
    }

    fn function(&self, task: TaskId) -> Option<&Function> {
        self.functions.get(self.stage_of(task)?)
    }

    /// The picture with what a run left at its nodes, by the names and times of its tasks.
    pub(crate) fn picture_of(&self, report: &Report) -> Picture {
        let mut picture = self.picture.clone();
        for node in picture.nodes.iter_mut().filter(|node| node.kind == Kind::Function) {
            node.measured = Some(Measured::default());
        }
        for task in &report.tasks {
            let node = task.task.and_then(|task| self.nodes.get(&task));
            let Some(node) = node.and_then(|&node| picture.nodes.get_mut(node as usize)) else { continue };
            let state = match task.outcome {
                Outcome::Done | Outcome::Planned => State::Done,
                Outcome::Failed | Outcome::Retried => State::Failed,
                Outcome::Stopped => State::Stopped,
            };
            node.measured = Some(Measured {
                state,
                worker: Some(task.worker),
                start: task.started,
                end: task.finished,
                busy: task.finished.saturating_sub(task.started),
                ..Measured::default()
            });
        }
        picture
    }
}

impl Function {
    fn new(name: String) -> Function {
        Function {
            name,
            calls: 0,
            done: AtomicUsize::new(0),
            busy: AtomicU64::new(0),
            first: AtomicU64::new(u64::MAX),
            last: AtomicU64::new(0),
        }
    }
}

impl Measures for Functions {
    fn stages(&self) -> Vec<StageReport> {
        let report = |(id, function): (usize, &Function)| {
            let (first, last) =
                (function.first.load(Ordering::Relaxed), function.last.load(Ordering::Relaxed));
            StageReport {
                id,
                label: function.name.clone(),
                tasks: function.calls,
                tasks_done: function.done.load(Ordering::Relaxed),
                busy: Duration::from_nanos(function.busy.load(Ordering::Relaxed)),
                elapsed: Duration::from_nanos(last.saturating_sub(first)),
                ..StageReport::default()
            }
        };
        self.functions.iter().enumerate().map(report).collect()
    }

    fn held(&self) -> Option<usize> {
        Some(self.memory.used())
    }

    fn peak(&self) -> usize {
        self.memory.peak()
    }

    fn stage_of(&self, task: TaskId) -> Option<usize> {
        let node = *self.nodes.get(&task)?;
        (*self.function_of.get(node as usize)?).map(|function| function as usize)
    }

    fn task_started(&self, task: TaskId, at: Duration) {
        if let Some(function) = self.function(task) {
            function.first.fetch_min(nanos(at), Ordering::Relaxed);
        }
    }

    fn task_ended(&self, task: TaskId, at: Duration, took: Duration) {
        if let Some(function) = self.function(task) {
            function.busy.fetch_add(nanos(took), Ordering::Relaxed);
            function.last.fetch_max(nanos(at), Ordering::Relaxed);
            function.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
