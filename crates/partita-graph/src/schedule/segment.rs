//! A graph made ready to run: only what the outputs need, in static order.

use std::sync::Arc;

use crate::edges::Edges;
use crate::graph::{Body, Run};
use crate::order::{Shape, static_order};
use crate::{Graph, Name, TaskId, TaskInfo};

use super::place::Rank;

/// One graph of a run. Tasks are numbered by their position in the static order.
pub(crate) struct Segment<T> {
    pub(crate) nodes: Vec<Node<T>>,
    /// The results that a task takes, in the order in which it takes them.
    pub(crate) deps: Edges,
    /// The tasks that wait for a task: users of its result and tasks ordered after it.
    pub(crate) followers: Edges,
    /// The positions of the wanted tasks, as they were asked for.
    pub(crate) outputs: Vec<u32>,
    /// Tasks that depend on nothing.
    pub(crate) first: Vec<u32>,
    /// Tasks without a result yet.
    pub(crate) undone: usize,
    /// Whose result the output of this expansion is.
    pub(crate) result_of: Option<Rank>,
}

pub(crate) struct Node<T> {
    pub(crate) name: Name,
    pub(crate) task: TaskId,
    pub(crate) cost: u64,
    /// Taken when the task starts: so no task ever runs twice, unless it asks to.
    pub(crate) run: Option<Run<T>>,
    /// Its inputs were given to an earlier run, which asked for a further one.
    pub(crate) resumes: bool,
    /// Present from the task's end until the last use begins.
    pub(crate) result: Option<Arc<T>>,
    /// Tasks that must end before this one can start.
    pub(crate) pending: u32,
    /// Uses of the result that have not begun.
    pub(crate) uses: u32,
}

impl<T> Node<T> {
    pub(crate) fn info(&self) -> TaskInfo {
        TaskInfo { name: self.name.clone(), task: self.task, cost: self.cost }
    }
}

impl<T> Segment<T> {
    /// Orders the part of `graph` that `outputs` need.
    pub(crate) fn new(graph: Graph<T>, outputs: &[TaskId]) -> Self {
        let outputs: Vec<u32> = outputs.iter().map(|&task| graph.own(task)).collect();
        let after = Edges::from_pairs(graph.len(), graph.after.iter().copied());
        let priority: Vec<i32> = graph.tasks.iter().map(|task| task.priority).collect();
        let shape = Shape { deps: &graph.deps, after: &after, priority: &priority, outputs: &outputs };
        let order = static_order(&shape);

        let mut position = vec![0_u32; graph.len()];
        for (at, &index) in (0_u32..).zip(&order) {
            position[index as usize] = at;
        }
        let place = |index: &u32| position[*index as usize];
        let mut deps = Edges::new();
        let mut before = Edges::new();
        for &index in &order {
            deps.push(graph.deps.of(index as usize).iter().map(place));
            before.push(after.of(index as usize).iter().map(place));
        }
        let followers = followers(&deps, &before, order.len());
        let ids: Vec<TaskId> = order.iter().map(|&index| graph.task_id(index)).collect();
        let nodes = nodes(graph, &order, &ids);
        let outputs = outputs.iter().map(place).collect();
        let mut segment =
            Segment { nodes, deps, followers, outputs, first: Vec::new(), undone: 0, result_of: None };
        segment.count();
        segment
    }

    /// Sets what is counted down while the graph runs.
    fn count(&mut self) {
        for at in 0..self.nodes.len() {
            for &dep in self.deps.of(at) {
                self.nodes[dep as usize].uses += 1;
            }
            if self.nodes[at].run.is_some() {
                self.undone += 1;
                for &follower in self.followers.of(at) {
                    self.nodes[follower as usize].pending += 1;
                }
            }
        }
        for &output in &self.outputs {
            self.nodes[output as usize].uses += 1;
        }
        for (at, node) in (0_u32..).zip(&mut self.nodes) {
            if node.uses == 0 {
                node.result = None;
            }
            if node.pending == 0 && node.run.is_some() {
                self.first.push(at);
            }
        }
    }

    /// Gives out a result for one use; whole if it is the last.
    pub(crate) fn use_result(&mut self, position: u32) -> Option<Arc<T>> {
        let node = &mut self.nodes[position as usize];
        node.uses -= 1;
        if node.uses == 0 { node.result.take() } else { node.result.clone() }
    }

    /// The results of the outputs; the graph must be done.
    pub(crate) fn take_outputs(&mut self) -> Vec<Arc<T>> {
        let outputs = std::mem::take(&mut self.outputs);
        outputs.into_iter().filter_map(|at| self.use_result(at)).collect()
    }

    /// The way from a task to the nearest output through its users: positions, the task left out.
    pub(crate) fn way_to_output(&self, from: u32) -> Vec<u32> {
        let mut is_output = vec![false; self.nodes.len()];
        for &output in &self.outputs {
            is_output[output as usize] = true;
        }
        let mut came_from = vec![u32::MAX; self.nodes.len()];
        let mut queue = std::collections::VecDeque::from([from]);
        let mut found = None;
        while let Some(at) = queue.pop_front() {
            if is_output[at as usize] {
                found = Some(at);
                break;
            }
            for &follower in self.followers.of(at as usize) {
                if came_from[follower as usize] == u32::MAX {
                    came_from[follower as usize] = at;
                    queue.push_back(follower);
                }
            }
        }
        let mut way = Vec::new();
        while let Some(at) = found
            && at != from
        {
            way.push(at);
            found = Some(came_from[at as usize]);
        }
        way.reverse();
        way
    }
}

fn followers(deps: &Edges, before: &Edges, len: usize) -> Edges {
    let pairs = (0..len as u32).flat_map(|at| {
        deps.of(at as usize).iter().chain(before.of(at as usize)).map(move |&earlier| (earlier, at))
    });
    Edges::from_pairs(len, pairs)
}

fn nodes<T>(graph: Graph<T>, order: &[u32], ids: &[TaskId]) -> Vec<Node<T>> {
    let mut tasks: Vec<_> = graph.tasks.into_iter().map(Some).collect();
    let needed = order.iter().zip(ids).filter_map(|(&index, &id)| Some((tasks[index as usize].take()?, id)));
    needed
        .map(|(task, id)| {
            let (run, result) = match task.body {
                Body::Run(run) => (Some(run), None),
                Body::Value(value) => (None, Some(value)),
            };
            Node {
                name: task.name,
                task: id,
                cost: task.cost,
                run,
                resumes: false,
                result,
                pending: 0,
                uses: 0,
            }
        })
        .collect()
}
