//! Only the columns that someone needs are read and carried: from each root downwards, every node is told
//! which of its columns are wanted. Projections directly above one another become one where nothing would be
//! computed twice.
//!
//! A shared sub-plan keeps what any of its consumers wants. Consumers have greater ids than what they share,
//! so sub-plans are narrowed from the greatest id down, after all that read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::error::Result;
use crate::expr::{Expr, col};
use crate::plan::{Concat, GroupBy, Join, Memory, Node, Plan, PlanRef, Project, Scan, Shared, names};

type Columns = BTreeSet<String>;

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    let mut narrowing = Narrowing::default();
    let roots: Vec<PlanRef> =
        plans.iter().map(|plan| narrowing.narrow(plan, &names(&plan.schema))).collect::<Result<_>>()?;
    let mut narrowed = BTreeMap::new();
    while let Some((id, (input, wanted))) = narrowing.shared.pop_last() {
        let input = narrowing.narrow(&input, &wanted)?;
        narrowed.insert(id, select(input, &wanted)?);
    }
    // Inner sub-plans first: they are part of the outer ones.
    let mut done = HashMap::new();
    for (id, input) in narrowed {
        let input = with_shared(&input, &done)?;
        done.insert(id, input);
    }
    roots.iter().map(|root| with_shared(root, &done)).collect()
}

#[derive(Default)]
struct Narrowing {
    /// Shared sub-plans and what is wanted of them so far.
    shared: BTreeMap<usize, (PlanRef, Columns)>,
}

impl Narrowing {
    /// The plan with at least the wanted columns, in their order, and with as few others as it can.
    fn narrow(&mut self, plan: &PlanRef, wanted: &Columns) -> Result<PlanRef> {
        match &plan.node {
            Node::Scan(scan) => narrow_scan(scan, plan, wanted),
            Node::Memory(memory) => narrow_memory(memory, plan, wanted),
            Node::Project(node) => {
                let exprs: Vec<Expr> =
                    node.exprs.iter().filter(|expr| wanted.contains(&expr.output_name())).cloned().collect();
                let needed = plan.columns_used(0, wanted);
                let input = self.narrow(&node.input, &needed)?;
                project(input, exprs, plan)
            }
            Node::GroupBy(node) => {
                let calls =
                    node.aggregates.iter().filter(|call| wanted.contains(&call.name)).cloned().collect();
                let input = self.narrow(&node.input, &plan.columns_used(0, wanted))?;
                GroupBy::plan(input, node.keys.clone(), calls, plan.step)
            }
            Node::Join(node) => {
                let output =
                    node.output.iter().filter(|column| wanted.contains(&column.name)).cloned().collect();
                let left = self.narrow(&node.left, &plan.columns_used(0, wanted))?;
                let right = self.narrow(&node.right, &plan.columns_used(1, wanted))?;
                Join { left, right, output, ..node.clone() }.into_plan(plan.step)
            }
            Node::Concat(node) => {
                let inputs = node.inputs.iter().map(|input| select(self.narrow(input, wanted)?, wanted));
                Concat::plan(inputs.collect::<Result<Vec<_>>>()?, plan.step)
            }
            Node::Shared(node) => {
                let entry =
                    self.shared.entry(node.id).or_insert_with(|| (node.input.clone(), Columns::new()));
                entry.1.extend(wanted.iter().cloned());
                select(plan.clone(), wanted)
            }
            Node::Filter(_) | Node::Sort(_) | Node::Slice(_) | Node::Distinct(_) | Node::Repartition(_) => {
                let needed = plan.columns_used(0, wanted);
                let input = self.narrow(plan.inputs()[0], &needed)?;
                let narrowed = Plan::with_inputs(plan, vec![input])?;
                // What only this node needed goes here, before an exchange could carry it further.
                if needed == *wanted { Ok(narrowed) } else { select(narrowed, wanted) }
            }
            Node::MapPartitions(node) => {
                let input = self.narrow(&node.input, &names(&node.input.schema))?;
                let input = select_in_order(input, &node.input)?;
                Plan::with_inputs(plan, vec![input])
            }
        }
    }
}

fn narrow_scan(scan: &Scan, plan: &PlanRef, wanted: &Columns) -> Result<PlanRef> {
    if *wanted == names(&plan.schema) {
        return Ok(plan.clone());
    }
    let fields = plan.schema.fields().iter().map(|field| field.name().clone());
    let columns = fields.filter(|name| wanted.contains(name)).collect();
    Scan { columns: Some(columns), ..scan.clone() }.into_plan(plan.step)
}

fn narrow_memory(memory: &Memory, plan: &PlanRef, wanted: &Columns) -> Result<PlanRef> {
    if *wanted == names(&plan.schema) {
        return Ok(plan.clone());
    }
    let indices: Vec<usize> = (0..plan.schema.fields().len())
        .filter(|&index| wanted.contains(plan.schema.field(index).name()))
        .collect();
    let schema = Arc::new(plan.schema.project(&indices)?);
    let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
    let node = Node::Memory(Memory { columns: Some(columns), ..memory.clone() });
    Ok(Plan::new(node, schema, plan.step))
}

/// Just the wanted columns of a plan, in its own order; the plan itself if it has no others.
fn select(plan: PlanRef, wanted: &Columns) -> Result<PlanRef> {
    if *wanted == names(&plan.schema) {
        return Ok(plan);
    }
    let fields = plan.schema.fields().iter().map(|field| field.name());
    let exprs = fields.filter(|name| wanted.contains(*name)).map(col).collect();
    let step = plan.step;
    Project::plan(plan, exprs, step)
}

/// The columns of `like`, in its order: a user's function may look at positions.
fn select_in_order(plan: PlanRef, like: &PlanRef) -> Result<PlanRef> {
    let same = plan.schema.fields().iter().map(|field| field.name()).eq(like
        .schema
        .fields()
        .iter()
        .map(|f| f.name()));
    if same {
        return Ok(plan);
    }
    let exprs = like.schema.fields().iter().map(|field| col(field.name())).collect();
    let step = plan.step;
    Project::plan(plan, exprs, step)
}

/// A projection; merged with one below it if that only renames or leaves out columns, or dropped if it
/// changes nothing.
fn project(input: PlanRef, exprs: Vec<Expr>, plan: &PlanRef) -> Result<PlanRef> {
    let identity = exprs.len() == input.schema.fields().len()
        && exprs.iter().zip(input.schema.fields()).all(|(expr, field)| {
            expr.as_column().is_some_and(|name| **name == **field.name())
                && expr.output_name() == *field.name()
        });
    if identity {
        return Ok(input);
    }
    if let Node::Project(below) = &input.node
        && below.exprs.iter().all(|expr| expr.without_alias().as_column().is_some())
    {
        let names: HashMap<String, Expr> =
            below.exprs.iter().map(|expr| (expr.output_name(), expr.without_alias().clone())).collect();
        let merged = exprs
            .iter()
            .map(|expr| {
                let name = expr.output_name();
                let replaced = expr.substitute(&names);
                if replaced.output_name() == name { replaced } else { replaced.alias(name) }
            })
            .collect();
        return Project::plan(below.input.clone(), merged, plan.step);
    }
    Project::plan(input, exprs, plan.step)
}

/// The plan with every shared sub-plan replaced by its narrowed form.
fn with_shared(plan: &PlanRef, done: &HashMap<usize, PlanRef>) -> Result<PlanRef> {
    if let Node::Shared(node) = &plan.node
        && let Some(input) = done.get(&node.id)
    {
        return Ok(Shared::plan(input.clone(), node.id, plan.step));
    }
    let inputs =
        plan.inputs().into_iter().map(|input| with_shared(input, done)).collect::<Result<Vec<_>>>()?;
    Plan::with_inputs(plan, inputs)
}
