//! A graph as it is to be drawn: nodes, edges, what repeats what, and after a run what was measured.
//!
//! Whoever has a graph makes a [`Picture`] of it: a plan, stages, tasks, delayed functions. Nothing in here
//! knows where it came from, and no drawer knows anything else. Next: `collapse.rs` folds what repeats,
//! `layout/` finds places, and one file per format draws.

use std::collections::HashMap;
use std::time::Duration;

/// A graph to draw.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picture {
    /// Stands over the drawing.
    pub(crate) title: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// With more nodes than these, what repeats is folded.
    pub(crate) small: usize,
    groups: Vec<String>,
    known: HashMap<String, Group>,
}

/// A node of a picture: its place in [`Picture::nodes`].
pub(crate) type NodeId = u32;

/// Nodes of one group repeat each other: the same work on other data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Group(u32);

/// One function or one piece of data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// One or two words that stand in the shape.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What more there is to say, in lines: the first few stand beside the shape, all in the tooltip.
    pub(crate) detail: Vec<String>,
    /// Lines for the tooltip alone.
    pub(crate) notes: Vec<String>,
    /// What kind of data a function gives; a small picture shows it as a box behind the function.
    pub(crate) result: Option<String>,
    /// Large pictures draw the nodes of a group that stand alike as one, with their number.
    pub(crate) group: Option<Group>,
    /// How many nodes this one stands for already, side by side.
    pub(crate) copies: u64,
    pub(crate) measured: Option<Measured>,
}

/// What a node is, and so its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Work: a circle.
    Function,
    /// Values, files, results: a box.
    Data,
}

/// An arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) link: Link,
}

/// Why one node comes after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Link {
    /// It takes its result.
    Data,
    /// It only waits for it: a dashed arrow.
    Order,
}

/// What a run left at a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    pub(crate) state: State,
    /// The thread that ran it, if it was one.
    pub(crate) worker: Option<usize>,
    /// Since the run began.
    pub(crate) start: Duration,
    pub(crate) end: Duration,
    /// Time in its work, added up over threads.
    pub(crate) busy: Duration,
    /// Rows that left it.
    pub(crate) rows: Option<u64>,
    /// Bytes that left it.
    pub(crate) bytes: Option<u64>,
    /// About how many rows were expected to leave it.
    pub(crate) expected_rows: Option<u64>,
}

/// How far a node came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Done,
    /// Never started.
    #[default]
    Waiting,
    /// Told to stop, because of a failure elsewhere or a cancel.
    Stopped,
    Failed,
}

impl Picture {
    pub(crate) fn new(title: impl Into<String>) -> Picture {
        const SMALL: usize = 48;
        Picture { title: title.into(), small: SMALL, ..Picture::default() }
    }

    /// The group of this label. A drawing that folds the group writes the label in place of the names.
    pub(crate) fn group(&mut self, label: &str) -> Group {
        if let Some(&known) = self.known.get(label) {
            return known;
        }
        let group = Group(self.groups.len() as u32);
        self.groups.push(label.to_owned());
        self.known.insert(label.to_owned(), group);
        group
    }

    /// What a group is called.
    pub(crate) fn label(&self, group: Group) -> &str {
        self.groups.get(group.0 as usize).map_or("", String::as_str)
    }

    /// A number for each node that is equal where nodes repeat each other: those of a group, and of those
    /// without one the functions of one name and the values that nothing made.
    pub(crate) fn groups_of_all(&self) -> Vec<u32> {
        let mut known = HashMap::new();
        let made = {
            let mut made = vec![false; self.nodes.len()];
            self.edges.iter().for_each(|edge| made[edge.to as usize] = true);
            made
        };
        let key = |(node, made): (&Node, bool)| match (node.group, node.kind) {
            (Some(group), _) => (Some(group), String::new(), true),
            (None, Kind::Function) => (None, node.name.clone(), true),
            (None, Kind::Data) => (None, if made { node.name.clone() } else { String::new() }, false),
        };
        self.nodes
            .iter()
            .zip(made)
            .map(|node| {
                let next = known.len() as u32;
                *known.entry(key(node)).or_insert(next)
            })
            .collect()
    }

    /// The title and the groups alone, for a picture made of this one.
    pub(super) fn without_nodes(&self) -> Picture {
        let mut empty = Picture::new(self.title.clone());
        empty.groups.clone_from(&self.groups);
        empty.known.clone_from(&self.known);
        empty
    }

    /// Adds a node; edges are added apart.
    pub(crate) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }

    /// An arrow for data that goes from one node to another.
    pub(crate) fn connect(&mut self, from: NodeId, to: NodeId) {
        self.edges.push(Edge { from, to, link: Link::Data });
    }

    /// An arrow for order alone.
    pub(crate) fn order(&mut self, from: NodeId, to: NodeId) {
        self.edges.push(Edge { from, to, link: Link::Order });
    }
}

impl Node {
    /// A circle.
    pub(crate) fn function(name: impl Into<String>) -> Node {
        Node::new(name.into(), Kind::Function)
    }

    /// A box.
    pub(crate) fn data(name: impl Into<String>) -> Node {
        Node::new(name.into(), Kind::Data)
    }

    fn new(name: String, kind: Kind) -> Node {
        let (detail, notes) = (Vec::new(), Vec::new());
        Node { name, kind, detail, notes, result: None, group: None, copies: 1, measured: None }
    }

    /// How far it came; a node of a graph that never ran waits.
    pub(crate) fn state(&self) -> State {
        self.measured.as_ref().map_or(State::Waiting, |measured| measured.state)
    }

    /// Adds a line to what more there is to say.
    pub(crate) fn detail(mut self, line: impl Into<String>) -> Node {
        self.detail.push(line.into());
        self
    }

    /// Adds a line to what only the tooltip says.
    pub(crate) fn note(mut self, line: impl Into<String>) -> Node {
        self.notes.push(line.into());
        self
    }

    /// Adds lines to what only the tooltip says.
    pub(crate) fn notes(mut self, lines: impl IntoIterator<Item = String>) -> Node {
        self.notes.extend(lines);
        self
    }

    /// Says what kind of data the function gives.
    pub(crate) fn result(mut self, result: impl Into<String>) -> Node {
        self.result = Some(result.into());
        self
    }

    /// Puts it with others that repeat it.
    pub(crate) fn in_group(mut self, group: Group) -> Node {
        self.group = Some(group);
        self
    }

    /// Adds what a run left.
    pub(crate) fn measured(mut self, measured: Measured) -> Node {
        self.measured = Some(measured);
        self
    }
}
