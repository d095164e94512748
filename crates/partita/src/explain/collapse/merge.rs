//! One node made of many, and the arrows between what is left.

use std::collections::{BTreeMap, HashSet};

use crate::explain::number::count;
use crate::explain::picture::{Edge, Kind, Measured, Node, NodeId, Picture, State};

/// Which nodes become one: each class is named by its first node.
pub(super) struct Classes(Vec<NodeId>);

impl Classes {
    pub(super) fn new(nodes: usize) -> Classes {
        Classes((0..nodes as NodeId).collect())
    }

    pub(super) fn put(&mut self, node: NodeId, class: NodeId) {
        self.0[node as usize] = class;
    }
}

/// How the nodes of a class stand to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// Each reads the one before.
    InARow,
    /// They do the same to different data.
    SideBySide,
    /// They only have about the same depth.
    Mixed,
}

/// The picture with each class as one node. Arrows inside a class go.
pub(super) fn merged(picture: &Picture, classes: &Classes, placed: Placed) -> Picture {
    let mut members: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for (node, &class) in classes.0.iter().enumerate() {
        members.entry(class).or_default().push(node as NodeId);
    }
    let mut result = picture.without_nodes();
    let mut new_id = vec![0; picture.nodes.len()];
    for members in members.values() {
        let nodes: Vec<&Node> = members.iter().map(|&node| &picture.nodes[node as usize]).collect();
        let node = match nodes.as_slice() {
            [one] => (*one).clone(),
            many => one_of_many(picture, many, placed),
        };
        let id = result.add(node);
        members.iter().for_each(|&node| new_id[node as usize] = id);
    }
    let mut seen = HashSet::new();
    for edge in &picture.edges {
        let (from, to) = (new_id[edge.from as usize], new_id[edge.to as usize]);
        let edge = Edge { from, to, ..*edge };
        if from != to && seen.insert(edge) {
            result.edges.push(edge);
        }
    }
    result
}

fn one_of_many(picture: &Picture, many: &[&Node], placed: Placed) -> Node {
    let first = many[0];
    let same_name = many.iter().all(|node| node.name == first.name);
    let name = match first.group {
        _ if placed == Placed::Mixed => "many".to_owned(),
        _ if same_name => first.name.clone(),
        Some(group) => picture.label(group).to_owned(),
        None => from_to(&first.name, &many[many.len() - 1].name),
    };
    let kind = if many.iter().all(|node| node.kind == Kind::Data) { Kind::Data } else { Kind::Function };
    let mut node = Node { name, kind, ..first.clone() };
    node.detail = match placed {
        Placed::Mixed => most_frequent(many),
        _ => common_lines(many, |node| &node.detail),
    };
    node.notes = common_lines(many, |node| &node.notes);
    if many.iter().any(|node| node.result != first.result) {
        node.result = None;
    }
    let copies = many.iter().map(|node| node.copies).sum();
    match placed {
        Placed::InARow => node.detail.insert(0, format!("{} in a row", count(copies))),
        Placed::SideBySide | Placed::Mixed => node.copies = copies,
    }
    node.measured = all_measured(many);
    node.detail.splice(0..0, unlike_the_rest(many, copies));
    node
}

/// What must be said of a node of which a part failed or did not run.
fn unlike_the_rest(many: &[&Node], copies: u64) -> Vec<String> {
    let says = |state: State, words: &str| {
        let of_state = many.iter().filter(|node| node.measured.is_some() && node.state() == state);
        let some: u64 = of_state.map(|node| node.copies).sum();
        (some > 0 && some < copies).then(|| format!("{} of {} {words}", count(some), count(copies)))
    };
    let words = [(State::Failed, "failed"), (State::Stopped, "stopped"), (State::Waiting, "did not run")];
    words.into_iter().filter_map(|(state, words)| says(state, words)).collect()
}

/// The lines that all have; where they differ, the first and the last.
fn common_lines(many: &[&Node], lines: impl Fn(&Node) -> &Vec<String>) -> Vec<String> {
    let least = many.iter().map(|node| lines(node).len()).min().unwrap_or(0);
    let line = |index: usize| {
        let (first, last) = (&lines(many[0])[index], &lines(many[many.len() - 1])[index]);
        let same = many.iter().all(|node| lines(node)[index] == *first);
        if same { first.clone() } else { from_to(first, last) }
    };
    (0..least).map(line).collect()
}

fn from_to(first: &str, last: &str) -> String {
    format!("{first} … {last}")
}

fn most_frequent(many: &[&Node]) -> Vec<String> {
    let mut names = BTreeMap::<&str, u64>::new();
    for node in many {
        *names.entry(&node.name).or_default() += node.copies;
    }
    let mut names: Vec<(&str, u64)> = names.into_iter().collect();
    names.sort_by_key(|&(_, copies)| std::cmp::Reverse(copies));
    let others = names.len().saturating_sub(3);
    let mut lines: Vec<String> =
        names.iter().take(3).map(|(name, copies)| format!("{name} × {}", count(*copies))).collect();
    if others > 0 {
        lines.push(format!("and {} other names", count(others as u64)));
    }
    lines
}

fn all_measured(many: &[&Node]) -> Option<Measured> {
    let mut found = many.iter().filter_map(|node| node.measured.as_ref());
    let mut all = found.next()?.clone();
    let add = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a.saturating_add(b.unwrap_or(0))));
    for one in found {
        all.state = of_both(all.state, one.state);
        all.worker = all.worker.filter(|_| all.worker == one.worker);
        all.start = all.start.min(one.start);
        all.end = all.end.max(one.end);
        all.busy += one.busy;
        all.rows = add(all.rows, one.rows);
        all.bytes = add(all.bytes, one.bytes);
        all.expected_rows = add(all.expected_rows, one.expected_rows);
    }
    Some(all)
}

/// One that failed makes all fail; one that ran shows that the others could have.
fn of_both(a: State, b: State) -> State {
    match (a, b) {
        (State::Failed, _) | (_, State::Failed) => State::Failed,
        (State::Done, _) | (_, State::Done) => State::Done,
        (State::Stopped, _) | (_, State::Stopped) => State::Stopped,
        (State::Waiting, State::Waiting) => State::Waiting,
    }
}
