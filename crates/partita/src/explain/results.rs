//! A box behind every function for what it gives, as in Dask's drawings; in small pictures, or where asked for.

use std::time::Duration;

use super::picture::{Edge, Kind, Link, Measured, Node, NodeId, Picture, State};

/// Beyond so many functions the boxes would hide more than they show.
const MOST: usize = 40;

/// Whether a picture is small enough that boxes for results help.
pub(super) fn help(picture: &Picture) -> bool {
    picture.nodes.iter().filter(|node| node.kind == Kind::Function).count() <= MOST
}

/// The picture with a box between each function that says what it gives and those that read it.
pub(super) fn between(picture: &Picture) -> Picture {
    let mut with = picture.clone();
    let mut source: Vec<NodeId> = (0..picture.nodes.len() as NodeId).collect();
    for (id, node) in picture.nodes.iter().enumerate() {
        let Some(result) = node.result.as_ref().filter(|_| node.kind == Kind::Function) else { continue };
        let id = id as NodeId;
        let mut shown = Node { copies: node.copies, group: node.group, ..Node::data(result) };
        shown.measured = node.measured.clone().map(|measured| Measured {
            state: if measured.state == State::Done { State::Done } else { State::Waiting },
            busy: Duration::ZERO,
            ..measured
        });
        source[id as usize] = with.add(shown);
        // Rows and bytes stand at what they are of; the time stays with the work.
        if let Some(measured) = &mut with.nodes[id as usize].measured {
            (measured.rows, measured.bytes) = (None, None);
        }
    }
    for edge in &mut with.edges {
        // Order alone passes nothing on, so its arrow goes from function to function.
        if edge.link == Link::Data {
            edge.from = source[edge.from as usize];
        }
    }
    let made = (0..picture.nodes.len() as NodeId).filter(|&id| source[id as usize] != id);
    with.edges.extend(made.map(|id| Edge { from: id, to: source[id as usize], link: Link::Data }));
    with
}
