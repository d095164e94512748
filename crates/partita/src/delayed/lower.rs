//! From nodes to a task graph: only what is wanted, equal pure calls once, in the order in which nodes were made.
//!
//! Next in the flow: `partita_graph::run`, which calls `task.rs` for each task.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use partita_graph::{Graph, Key, Name, TaskId};

use super::account::Account;
use super::node::{Body, Node, NodeRef, PureKey, Settings, Value};
use super::task;
use crate::error::{Error, Result};

/// A task graph made of nodes.
pub(crate) struct Lowered {
    pub(crate) graph: Graph<Value>,
    /// The tasks of the wanted nodes, in the order asked for.
    pub(crate) outputs: Vec<TaskId>,
    /// Each task's node, in the order of the tasks; of pure nodes that are one task, the first.
    pub(crate) nodes: Vec<(TaskId, NodeRef)>,
    /// Each node's task, by the node's number.
    pub(super) tasks: HashMap<u64, TaskId>,
}

/// Makes a task graph of `wanted` and all they need. What is in `given`, by node number, is taken as it is; the
/// memory that values hold is put to `account`.
///
/// # Errors
/// A node was asked for something that cannot be, or a value that is to be moved has other users.
pub(crate) fn lower(
    wanted: &[NodeRef],
    given: &HashMap<u64, Arc<Value>>,
    account: &Arc<Account>,
) -> Result<Lowered> {
    let nodes = needed(wanted, given);
    let mut lowering = Lowering {
        given,
        account,
        done: Lowered {
            graph: Graph::new(),
            outputs: Vec::new(),
            nodes: Vec::with_capacity(nodes.len()),
            tasks: HashMap::with_capacity(nodes.len()),
        },
        moves: Vec::new(),
    };
    for node in nodes {
        lowering.add(node)?;
    }
    lowering.done.outputs = wanted.iter().map(|node| lowering.done.tasks[&node.id]).collect();
    lowering.check_moves()?;
    Ok(lowering.done)
}

/// `wanted` and all they need, in the order in which they were made: needs come before what needs them.
fn needed(wanted: &[NodeRef], given: &HashMap<u64, Arc<Value>>) -> Vec<NodeRef> {
    let mut seen = HashSet::new();
    let mut nodes = Vec::new();
    let mut left: Vec<NodeRef> = wanted.to_vec();
    while let Some(node) = left.pop() {
        if !seen.insert(node.id) {
            continue;
        }
        if !given.contains_key(&node.id) {
            left.extend(node.all_needs());
        }
        nodes.push(node);
    }
    nodes.sort_unstable_by_key(|node| node.id);
    nodes
}

struct Lowering<'a> {
    given: &'a HashMap<u64, Arc<Value>>,
    account: &'a Arc<Account>,
    done: Lowered,
    /// Tasks whose value is to be moved into another one, with the node that takes it.
    moves: Vec<(TaskId, NodeRef)>,
}

/// What makes two pure nodes one task: name, function, and arguments; the nodes among them by their tasks.
#[derive(PartialEq, Eq, Hash)]
struct Same {
    name: String,
    function: std::any::TypeId,
    plain: Arc<[Option<Key>]>,
    deps: Vec<TaskId>,
}

impl Lowering<'_> {
    fn add(&mut self, node: NodeRef) -> Result<()> {
        let name = node.name();
        if let Some(value) = self.given.get(&node.id) {
            let task = self.done.graph.value(name, Arc::clone(value));
            return self.added(task, node);
        }
        let settings = node.settings();
        if let Some(mistake) = settings.as_ref().and_then(|settings| settings.mistake.as_ref()) {
            return Err(Error::invalid(mistake.clone()));
        }
        let deps: Vec<TaskId> = node.needs.iter().map(|need| self.done.tasks[&need.node.id]).collect();
        let graph = &mut self.done.graph;
        let task = match &node.body {
            Body::Data(value) => graph.value(name, Arc::clone(value)),
            Body::Pure(_, key) => {
                let key = same(&name, key, &deps);
                if let Some(task) = graph.find(&key) {
                    self.done.tasks.insert(node.id, task);
                    return Ok(());
                }
                graph.add_pure(key, name, &deps, task::of(&node, settings.as_ref(), self.account))
            }
            Body::Call(_) | Body::Part(_) => {
                graph.add(name, &deps, task::of(&node, settings.as_ref(), self.account))
            }
        };
        if let Some(settings) = settings {
            self.apply(task, &node, &settings)?;
        }
        for (need, &dep) in node.needs.iter().zip(&deps) {
            if need.moved {
                self.moves.push((dep, Arc::clone(&node)));
            }
        }
        self.added(task, node)
    }

    fn apply(&mut self, task: TaskId, node: &Node, settings: &Settings) -> Result<()> {
        for earlier in &settings.after {
            self.done.graph.after(task, self.done.tasks[&earlier.id]);
        }
        self.done.graph.set_priority(task, settings.priority);
        if settings.rules.retries > 0 && node.needs.iter().any(|need| need.moved) {
            return Err(Error::invalid(format!(
                "`{}` cannot be tried again: a value is moved into it, and gone after the first try",
                node.name()
            )));
        }
        Ok(())
    }

    fn added(&mut self, task: TaskId, node: NodeRef) -> Result<()> {
        self.done.tasks.insert(node.id, task);
        self.done.nodes.push((task, node));
        Ok(())
    }

    /// A value that is moved must have one user, and must not be kept by its node.
    fn check_moves(&self) -> Result<()> {
        if self.moves.is_empty() {
            return Ok(());
        }
        let graph = &self.done.graph;
        let mut uses: HashMap<TaskId, usize> = HashMap::new();
        let taken = graph.tasks().flat_map(|task| graph.deps(task));
        taken.chain(self.done.outputs.iter().copied()).for_each(|task| *uses.entry(task).or_default() += 1);
        for (task, taker) in &self.moves {
            let why = if graph.is_value(*task) {
                "is kept by its node, so that it can be computed again"
            } else if uses[task] > 1 {
                "has other users too"
            } else {
                continue;
            };
            return Err(Error::invalid(format!(
                "the value of `{}` cannot be moved into `{}`: it {why}; let the function take a reference",
                graph.name(*task),
                taker.name()
            )));
        }
        Ok(())
    }
}

fn same(name: &Name, key: &PureKey, deps: &[TaskId]) -> Key {
    Key::new(Same {
        name: name.to_string(),
        function: key.function,
        plain: Arc::clone(&key.plain),
        deps: deps.to_vec(),
    })
}
