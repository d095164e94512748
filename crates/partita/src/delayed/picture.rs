//! A delayed graph as a picture: functions as circles, values and plain arguments as boxes.

use std::collections::HashMap;
use std::path::Path;

use partita_graph::TaskId;

use super::Delayed;
use super::account::Account;
use super::lower::{Lowered, lower};
use super::node::{Body, Given, NodeRef, Settings, short_type};
use crate::error::Result;
use crate::explain::{Drawing, NodeId, Picture, PictureNode, draw_to};

impl<T> Delayed<T> {
    /// Draws the graph of this value, without running it: functions as circles, values as boxes. The file's
    /// ending says how: `svg`, `html` (to pan and zoom), `dot` or `txt`.
    ///
    /// # Errors
    /// The graph cannot be made, or the file cannot be written.
    ///
    /// # Example
    /// ```no_run
    /// use partita::prelude::*;
    ///
    /// let sum = delayed(|a: i64, b: i64| a + b).name("add").call(3, 7);
    /// (sum * 2).visualize("graph.svg")?;
    /// # Ok::<(), partita::Error>(())
    /// ```
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        self.visualize_with(path, &Drawing::new())
    }

    /// As [`Delayed::visualize`], drawn as `drawing` says.
    ///
    /// # Errors
    /// As [`Delayed::visualize`].
    pub fn visualize_with(&self, path: impl AsRef<Path>, drawing: &Drawing) -> Result<()> {
        let account = Account::of(&self.session.clone().unwrap_or_default());
        let lowered = lower(std::slice::from_ref(&self.node), &HashMap::new(), &account)?;
        let (picture, _) = lowered.picture(format!("graph of `{}`", self.node.name()));
        draw_to(path.as_ref(), &[picture], drawing)
    }
}

impl Lowered {
    /// What is to be drawn, and which task is which node of it.
    pub(crate) fn picture(&self, title: impl Into<String>) -> (Picture, HashMap<TaskId, NodeId>) {
        let mut picture = Picture::new(title);
        let mut places = HashMap::with_capacity(self.nodes.len());
        for (task, node) in &self.nodes {
            let place = if self.graph.is_value(*task) {
                picture.add(PictureNode::data(node.name().to_string()).detail(short_type(node.type_name)))
            } else {
                let place = add_function(&mut picture, node);
                self.add_inputs(&mut picture, *task, node, place, &places);
                place
            };
            places.insert(*task, place);
        }
        (picture, places)
    }

    /// The arrows into a function, in the order of its arguments, with a box for each plain one.
    fn add_inputs(
        &self,
        picture: &mut Picture,
        task: TaskId,
        node: &NodeRef,
        place: NodeId,
        places: &HashMap<TaskId, NodeId>,
    ) {
        let mut taken = self.graph.deps(task).filter_map(|dep| places.get(&dep).copied());
        let given = match &node.body {
            Body::Call(function) | Body::Pure(function, _) => function.arguments(),
            Body::Part(_) | Body::Data(_) => vec![Given::Nodes(1)],
        };
        for argument in given {
            match argument {
                Given::Nodes(count) => {
                    taken.by_ref().take(count).for_each(|from| picture.connect(from, place));
                }
                Given::Plain(text) => {
                    let group = picture.group("plain values");
                    let value = picture.add(PictureNode::data(text).in_group(group));
                    picture.connect(value, place);
                }
            }
        }
        for earlier in node.earlier() {
            if let Some(&from) = self.tasks.get(&earlier.id).and_then(|task| places.get(task)) {
                picture.order(from, place);
            }
        }
    }
}

fn add_function(picture: &mut Picture, node: &NodeRef) -> NodeId {
    let group = picture.group(&node.own_name);
    let mut drawn =
        PictureNode::function(node.name().to_string()).result(short_type(node.type_name)).in_group(group);
    if let Some(settings) = node.settings() {
        drawn = rules(&settings).into_iter().fold(drawn, PictureNode::detail);
    }
    picture.add(drawn)
}

/// What was asked of a node, in lines.
fn rules(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    if settings.rules.retries > 0 {
        lines.push(format!("up to {} retries", settings.rules.retries));
    }
    if let Some(limit) = settings.rules.time_limit {
        lines.push(format!("at most {limit:?}"));
    }
    if settings.priority != 0 {
        lines.push(format!("priority {}", settings.priority));
    }
    lines
}
