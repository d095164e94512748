//! What users build: tasks with names, dependencies and functions. Nothing runs here; next is `order`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::edges::Edges;
use crate::{BoxError, Inputs, Key, Name, TaskContext};

/// What a task's function returns when all is well.
#[derive(Debug)]
pub enum Step<T> {
    /// The task's result.
    Done(T),
    /// The task's result, already shared: an input passed on as it is, for instance.
    Shared(Arc<T>),
    /// More tasks, one of which gives this task's result. They take the place of this task in the static
    /// order. What they need of this task's inputs goes in as [`Graph::value`].
    Expand(Graph<T>, TaskId),
    /// No result yet: the task is to run again later. Made by [`Step::again`].
    Again(Again<T>),
}

impl<T> Step<T> {
    /// Not now: the task runs again, with `run`, when `pause` is over. Its thread does other work until then.
    /// The inputs were given to the first run; what `run` needs of them it holds itself.
    pub fn again<F>(pause: Duration, run: F) -> Self
    where
        F: FnOnce(&TaskContext) -> Result<Step<T>, BoxError> + Send + 'static,
    {
        Step::Again(Again { pause, run: Box::new(move |context, _| run(context)) })
    }
}

/// A further run of a task.
pub struct Again<T> {
    pub(crate) pause: Duration,
    pub(crate) run: Run<T>,
}

impl<T> fmt::Debug for Again<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again").field("pause", &self.pause).finish_non_exhaustive()
    }
}

/// The function of a task.
pub(crate) type Run<T> = Box<dyn FnOnce(&TaskContext, Inputs<T>) -> Result<Step<T>, BoxError> + Send>;

/// A task of a graph; valid in the graph that made it only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId {
    graph: u64,
    index: u32,
}

impl TaskId {
    /// Its number in its graph: 0 for the first task added.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({}.{})", self.graph, self.index)
    }
}

/// A lazy graph of tasks whose results are all of type `T`. Building it runs nothing.
///
/// A task can only depend on tasks that were added before it, so there is no way to build a cycle.
///
/// Every method that takes a [`TaskId`] panics if the task is of another graph: that is a mistake in the
/// program, and it would give wrong results.
pub struct Graph<T> {
    id: u64,
    pub(crate) tasks: Vec<Task<T>>,
    pub(crate) deps: Edges,
    /// Order without data: `(task, earlier task)`.
    pub(crate) after: Vec<(u32, u32)>,
    keys: HashMap<Key, TaskId>,
}

pub(crate) struct Task<T> {
    pub(crate) name: Name,
    pub(crate) body: Body<T>,
    pub(crate) cost: u64,
    pub(crate) priority: i32,
}

pub(crate) enum Body<T> {
    Run(Run<T>),
    Value(Arc<T>),
}

impl<T> Graph<T> {
    /// An empty graph.
    pub fn new() -> Self {
        // Only to tell graphs apart: no order is taken from it.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Graph {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            tasks: Vec::new(),
            deps: Edges::new(),
            after: Vec::new(),
            keys: HashMap::new(),
        }
    }

    /// Adds a task that calls `run` with the results of `deps`, in their order.
    ///
    /// # Panics
    /// If a dependency is of another graph.
    pub fn add<F>(&mut self, name: impl Into<Name>, deps: &[TaskId], run: F) -> TaskId
    where
        F: FnOnce(&TaskContext, Inputs<T>) -> Result<Step<T>, BoxError> + Send + 'static,
    {
        self.push(name.into(), deps, Body::Run(Box::new(run)))
    }

    /// Adds a task unless one with the same key is there, and returns the one that is there then.
    ///
    /// # Panics
    /// If a dependency is of another graph.
    pub fn add_pure<F>(&mut self, key: Key, name: impl Into<Name>, deps: &[TaskId], run: F) -> TaskId
    where
        F: FnOnce(&TaskContext, Inputs<T>) -> Result<Step<T>, BoxError> + Send + 'static,
    {
        if let Some(task) = self.find(&key) {
            return task;
        }
        let task = self.add(name, deps, run);
        self.keys.insert(key, task);
        task
    }

    /// Adds a result that is already there: a constant, an input passed on to an expansion, or what an
    /// earlier run left.
    pub fn value(&mut self, name: impl Into<Name>, value: impl Into<Arc<T>>) -> TaskId {
        self.push(name.into(), &[], Body::Value(value.into()))
    }

    /// The task with this key.
    pub fn find(&self, key: &Key) -> Option<TaskId> {
        self.keys.get(key).copied()
    }

    /// Lets `task` start only after `earlier` is done, without taking its result.
    ///
    /// # Panics
    /// If `earlier` was not added before `task`, or one of them is of another graph.
    pub fn after(&mut self, task: TaskId, earlier: TaskId) {
        let (task, earlier) = (self.own(task), self.own(earlier));
        assert!(earlier < task, "a task can only run after a task that was added before it");
        self.after.push((task, earlier));
    }

    /// States how many bytes the task is expected to take, for [`crate::Admission`]. The default is 0.
    pub fn set_cost(&mut self, task: TaskId, bytes: u64) {
        let index = self.own(task) as usize;
        self.tasks[index].cost = bytes;
    }

    /// Moves the task, with all it needs, ahead in the static order (above 0) or back (below 0). The
    /// default is 0. Dependencies always come first.
    pub fn set_priority(&mut self, task: TaskId, priority: i32) {
        let index = self.own(task) as usize;
        self.tasks[index].priority = priority;
    }

    /// How many tasks there are, values included.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there are no tasks.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// All tasks in the order in which they were added.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<T> {
        let graph = self.id;
        (0..self.tasks.len() as u32).map(move |index| TaskId { graph, index })
    }

    /// The name of a task.
    pub fn name(&self, task: TaskId) -> &Name {
        &self.tasks[self.own(task) as usize].name
    }

    /// The tasks whose results a task takes.
    pub fn deps(&self, task: TaskId) -> impl ExactSizeIterator<Item = TaskId> + '_ {
        let graph = self.id;
        self.deps.of(self.own(task) as usize).iter().map(move |&index| TaskId { graph, index })
    }

    /// Whether a task is a [`Graph::value`].
    pub fn is_value(&self, task: TaskId) -> bool {
        matches!(self.tasks[self.own(task) as usize].body, Body::Value(_))
    }

    /// The index of a task of this graph.
    pub(crate) fn own(&self, task: TaskId) -> u32 {
        assert!(task.graph == self.id, "{task:?} is of another graph; pass its result in with Graph::value");
        task.index
    }

    pub(crate) fn task_id(&self, index: u32) -> TaskId {
        TaskId { graph: self.id, index }
    }

    fn push(&mut self, name: Name, deps: &[TaskId], body: Body<T>) -> TaskId {
        for &dep in deps {
            self.own(dep);
        }
        assert!(self.tasks.len() < u32::MAX as usize, "a task graph holds at most {} tasks", u32::MAX);
        let index = self.tasks.len() as u32;
        self.deps.push(deps.iter().map(|dep| dep.index));
        self.tasks.push(Task { name, body, cost: 0, priority: 0 });
        TaskId { graph: self.id, index }
    }
}

impl<T> Default for Graph<T> {
    fn default() -> Self {
        Graph::new()
    }
}

impl<T> fmt::Debug for Graph<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}
