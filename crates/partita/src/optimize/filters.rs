//! Filters go down to the files: through projections, joins, groups, sorts and concats, as far as the columns
//! that they need exist there.
//!
//! A predicate that can raise an error (a cast, an overflow) only moves where it is evaluated on no other rows
//! than before: never below a join or another filter that had removed rows from it.

use hashbrown::{HashMap, HashSet};

use crate::error::{Result, Step};
use crate::expr::{Expr, conjoin};
use crate::plan::{
    Concat, Filter, How, Join, JoinColumn, JoinSide, Node, Plan, PlanRef, Project, Scan, Shared, columns_of,
};

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    let mut shared = HashMap::new();
    plans.iter().map(|plan| push(plan, Vec::new(), &mut shared)).collect()
}

/// A conjunct and the step that it comes from.
#[derive(Clone)]
struct Term {
    expr: Expr,
    step: Step,
}

type Rewritten = HashMap<usize, PlanRef>;

/// The plan with `terms` applied to its output, pushed down as far as they go. Earlier terms are applied first.
fn push(plan: &PlanRef, terms: Vec<Term>, shared: &mut Rewritten) -> Result<PlanRef> {
    match &plan.node {
        Node::Filter(node) => {
            let own =
                node.predicate.split_conjunction().into_iter().map(|expr| Term { expr, step: plan.step });
            let all = own.chain(terms).collect();
            push(&node.input, all, shared)
        }
        Node::Scan(scan) => into_scan(scan, plan, terms),
        Node::Project(node) => through_project(node, plan, terms, shared),
        Node::Join(node) => through_join(node, plan, terms, shared),
        Node::GroupBy(node) => {
            let keys: HashMap<String, Expr> =
                node.keys.iter().map(|key| (key.output_name(), key.without_alias().clone())).collect();
            let (down, stay) = split(terms, plan, |term| {
                // Without keys there is one row, even of no rows.
                let only_keys =
                    !keys.is_empty() && columns_of(&term.expr).iter().all(|name| keys.contains_key(name));
                only_keys.then(|| term.expr.substitute(&keys)).filter(|expr| is_safe(expr, &node.input))
            });
            one_input(plan, &node.input, down, stay, shared)
        }
        Node::Sort(node) if node.limit.is_none() => one_input(plan, &node.input, terms, Vec::new(), shared),
        Node::Distinct(node) => {
            let (down, stay) = split(terms, plan, |term| {
                let only_keys = columns_of(&term.expr).iter().all(|name| node.subset.contains(name));
                (only_keys && is_safe(&term.expr, plan)).then(|| term.expr.clone())
            });
            one_input(plan, &node.input, down, stay, shared)
        }
        Node::Concat(node) => {
            let inputs = node.inputs.iter().map(|input| push(input, terms.clone(), shared));
            Concat::plan(inputs.collect::<Result<Vec<_>>>()?, plan.step)
        }
        Node::Shared(node) => {
            let input = match shared.get(&node.id) {
                Some(done) => done.clone(),
                None => {
                    let done = push(&node.input, Vec::new(), shared)?;
                    shared.insert(node.id, done.clone());
                    done
                }
            };
            above(Shared::plan(input, node.id, plan.step), terms)
        }
        Node::Sort(_) | Node::Slice(_) | Node::Repartition(_) | Node::MapPartitions(_) | Node::Memory(_) => {
            let inputs = plan.inputs().into_iter().map(|input| push(input, Vec::new(), shared));
            above(Plan::with_inputs(plan, inputs.collect::<Result<Vec<_>>>()?)?, terms)
        }
    }
}

/// Terms that go below, rewritten by `lower`, and terms that stay above. Once a term stays, a later one that
/// can raise stays too: it must not see rows that the staying one would have removed.
fn split(terms: Vec<Term>, plan: &PlanRef, lower: impl Fn(&Term) -> Option<Expr>) -> (Vec<Term>, Vec<Term>) {
    let (mut down, mut stay) = (Vec::new(), Vec::<Term>::new());
    for term in terms {
        match lower(&term) {
            Some(expr) if stay.is_empty() || is_safe(&term.expr, plan) => {
                down.push(Term { expr, step: term.step })
            }
            _ => stay.push(term),
        }
    }
    (down, stay)
}

/// Whether an expression over a plan's columns can be evaluated on any row without an error.
fn is_safe(expr: &Expr, plan: &PlanRef) -> bool {
    expr.is_row_wise_infallible(&plan.schema).unwrap_or(false)
}

/// Filters above a plan, one for each step that they come from.
fn above(mut plan: PlanRef, terms: Vec<Term>) -> Result<PlanRef> {
    let mut terms = terms.into_iter().peekable();
    while let Some(first) = terms.next() {
        let mut predicate = first.expr;
        while let Some(next) = terms.next_if(|next| next.step == first.step) {
            predicate = predicate.and(next.expr);
        }
        plan = Filter::plan(plan, predicate, first.step)?;
    }
    Ok(plan)
}

fn one_input(
    plan: &PlanRef,
    input: &PlanRef,
    down: Vec<Term>,
    stay: Vec<Term>,
    shared: &mut Rewritten,
) -> Result<PlanRef> {
    let input = push(input, down, shared)?;
    above(Plan::with_inputs(plan, vec![input])?, stay)
}

fn into_scan(scan: &Scan, plan: &PlanRef, terms: Vec<Term>) -> Result<PlanRef> {
    let Some(first) = terms.first() else { return Ok(plan.clone()) };
    // Errors of the filter are told with the first filter's step; columns bind against the whole source.
    let filter_step = Some(scan.filter_step.unwrap_or(first.step));
    let own = scan.filter.clone().into_iter();
    let Some(filter) = conjoin(own.chain(terms.into_iter().map(|term| term.expr))) else {
        return Ok(plan.clone());
    };
    Scan { filter: Some(filter), filter_step, ..scan.clone() }.into_plan(plan.step)
}

fn through_project(
    node: &Project,
    plan: &PlanRef,
    terms: Vec<Term>,
    shared: &mut Rewritten,
) -> Result<PlanRef> {
    let exprs: HashMap<String, Expr> =
        node.exprs.iter().map(|expr| (expr.output_name(), expr.without_alias().clone())).collect();
    let (down, stay) = split(terms, plan, |term| {
        let used = columns_of(&term.expr);
        let plain = used.iter().all(|name| exprs.get(name).is_some_and(|expr| expr.as_column().is_some()));
        let lowered = term.expr.substitute(&exprs);
        // A computed column would be computed twice; that only pays where it is cheap, which is not known here.
        (plain || used.is_empty()).then_some(lowered)
    });
    one_input(plan, &node.input, down, stay, shared)
}

/// A left join below a filter that drops every row without a partner is an inner join.
fn without_outer(node: &Join, terms: &[Term]) -> Join {
    let is_right = |column: &&JoinColumn| matches!(column.side, JoinSide::Right(_));
    let right: HashSet<String> =
        node.output.iter().filter(is_right).map(|column| column.name.clone()).collect();
    let rejecting = !right.is_empty() && terms.iter().any(|term| term.expr.null_rejecting(&right));
    let how = if node.how == How::Left && rejecting { How::Inner } else { node.how };
    Join { how, ..node.clone() }
}

fn through_join(node: &Join, plan: &PlanRef, terms: Vec<Term>, shared: &mut Rewritten) -> Result<PlanRef> {
    let node = &without_outer(node, &terms);
    let mut left_names = HashMap::new();
    let mut right_names = HashMap::new();
    for column in &node.output {
        let (left, right) = match &column.side {
            JoinSide::Left(name) => {
                // A key of an inner join has the same value on both sides; of a left join only where it matches.
                let twin = node.left_on.iter().position(|key| key == name).filter(|_| node.how == How::Inner);
                (Some(name), twin.map(|index| &node.right_on[index]))
            }
            JoinSide::Right(name) => {
                let twin =
                    node.right_on.iter().position(|key| key == name).filter(|_| node.how == How::Inner);
                (twin.map(|index| &node.left_on[index]), Some(name))
            }
            JoinSide::Key(left, right) => match node.how {
                How::Right => (None, Some(right)),
                How::Inner => (Some(left), Some(right)),
                _ => (None, None),
            },
        };
        if let Some(left) = left {
            left_names.insert(column.name.clone(), left.clone());
        }
        if let Some(right) = right {
            right_names.insert(column.name.clone(), right.clone());
        }
    }
    let left_may = matches!(node.how, How::Inner | How::Left | How::Semi | How::Anti | How::Cross);
    let right_may = matches!(node.how, How::Inner | How::Right | How::Cross);
    let (mut left, mut right, mut stay) = (Vec::new(), Vec::new(), Vec::new());
    for term in terms {
        let lower = |may: bool, names: &HashMap<String, String>, input: &PlanRef| {
            let known = may && columns_of(&term.expr).iter().all(|name| names.contains_key(name));
            let lowered = known.then(|| term.expr.rename_columns(names))?;
            is_safe(&lowered, input).then_some(Term { expr: lowered, step: term.step })
        };
        let down_left = lower(left_may, &left_names, &node.left);
        let down_right = lower(right_may, &right_names, &node.right);
        if down_left.is_none() && down_right.is_none() {
            stay.push(term);
        } else {
            left.extend(down_left);
            right.extend(down_right);
        }
    }
    let (left, right) = (push(&node.left, left, shared)?, push(&node.right, right, shared)?);
    above(Join { left, right, ..node.clone() }.into_plan(plan.step)?, stay)
}
