//! Common sub-plans: what two consumers read, equal to the letter and costly enough, runs once.
//!
//! Two sub-plans are equal if they print alike node by node and read the very same source. Only sub-plans
//! that hold an exchange or a user's function are shared: reading a file twice with fewer columns each time beats
//! keeping all of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Result;
use crate::plan::{Node, Plan, PlanRef, Shared};

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    let mut sharing = Sharing::default();
    let keys: Vec<usize> = plans.iter().map(|plan| sharing.number(plan)).collect();
    for &key in &keys {
        sharing.count(key);
    }
    plans.iter().map(|plan| sharing.rewrite(plan)).collect()
}

/// Every distinct sub-plan has a number; children are numbered before their parents.
#[derive(Default)]
struct Sharing {
    numbers: HashMap<String, usize>,
    by_pointer: HashMap<*const Plan, usize>,
    nodes: Vec<Known>,
    rewritten: HashMap<usize, PlanRef>,
}

struct Known {
    children: Vec<usize>,
    /// Holds an exchange or a user's function, so it is worth keeping.
    costly: bool,
    consumers: usize,
}

impl Sharing {
    fn number(&mut self, plan: &PlanRef) -> usize {
        if let Some(&number) = self.by_pointer.get(&Arc::as_ptr(plan)) {
            return number;
        }
        let children: Vec<usize> = plan.inputs().into_iter().map(|input| self.number(input)).collect();
        let key = format!("{} {children:?}", own_key(plan));
        let known = self.numbers.get(&key).copied();
        let number = known.unwrap_or_else(|| {
            let costly_itself = matches!(
                plan.node,
                Node::GroupBy(_) | Node::Join(_) | Node::Sort(_) | Node::Distinct(_) | Node::MapPartitions(_)
            );
            let costly = costly_itself || children.iter().any(|&child| self.nodes[child].costly);
            self.nodes.push(Known { children, costly, consumers: 0 });
            self.numbers.insert(key, self.nodes.len() - 1);
            self.nodes.len() - 1
        });
        self.by_pointer.insert(Arc::as_ptr(plan), number);
        number
    }

    /// Counts a consumer; a sub-plan's own inputs are consumed once, however many consumers it has.
    fn count(&mut self, number: usize) {
        self.nodes[number].consumers += 1;
        if self.nodes[number].consumers == 1 {
            for child in self.nodes[number].children.clone() {
                self.count(child);
            }
        }
    }

    fn rewrite(&mut self, plan: &PlanRef) -> Result<PlanRef> {
        let number = self.number(plan);
        if let Some(done) = self.rewritten.get(&number) {
            return Ok(Arc::clone(done));
        }
        let inputs =
            plan.inputs().into_iter().map(|input| self.rewrite(input)).collect::<Result<Vec<_>>>()?;
        let mut made = Plan::with_inputs(plan, inputs)?;
        let node = &self.nodes[number];
        if node.consumers > 1 && node.costly {
            made = Shared::plan(made, number, plan.step);
        }
        self.rewritten.insert(number, Arc::clone(&made));
        Ok(made)
    }
}

/// What makes a node itself, without its inputs. Functions and data in memory are the same only if they are
/// the same object.
fn own_key(plan: &Plan) -> String {
    match &plan.node {
        Node::Scan(node) => {
            let source = Arc::as_ptr(&node.source).cast::<()>();
            format!("scan {source:p} {:?} {:?} {:?}", node.columns, node.filter, node.limit)
        }
        Node::Memory(node) => format!("memory {:p} {:?}", node.partitions.as_ptr(), node.columns),
        Node::Project(node) => format!("project {:?}", node.exprs),
        Node::Filter(node) => format!("filter {:?}", node.predicate),
        Node::GroupBy(node) => format!("group {:?} {:?}", node.keys, node.aggregates),
        Node::Join(node) => format!(
            "join {:?} {:?} {:?} {} {:?}",
            node.how, node.left_on, node.right_on, node.nulls_equal, node.output
        ),
        Node::Sort(node) => format!("sort {:?} {:?}", node.keys, node.limit),
        Node::Slice(node) => format!("slice {:?}", node.range),
        Node::Distinct(node) => format!("distinct {:?} {:?}", node.subset, node.keep),
        Node::Concat(_) => "concat".to_owned(),
        Node::Repartition(node) => format!("repartition {}", node.partitions),
        Node::MapPartitions(node) => format!("map {:p}", Arc::as_ptr(&node.map.function).cast::<()>()),
        Node::Shared(node) => format!("shared {}", node.id),
    }
}
