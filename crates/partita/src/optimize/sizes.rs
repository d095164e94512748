//! About how many rows a plan gives: from the files' own figures, their bounds, and rough shares. Nothing but the
//! speed of a run depends on it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};

use crate::expr::{Expr, TermCompare};
use crate::plan::{How, Node, Plan, PlanRef, Range, Scan};

/// Estimated share of the rows that pass a term of which nothing is known.
const TERM_SHARE: f64 = 0.3;
/// Estimated share of the rows that have one value.
const VALUE_SHARE: f64 = 0.1;
/// No filter is trusted to leave less than this.
const LEAST_SHARE: f64 = 1e-3;
/// Estimated share of the rows that are groups of their own.
const GROUP_SHARE: f64 = 0.2;

/// Estimates of one pass, each made once: a plan may be read by many others.
#[derive(Default)]
pub(crate) struct Sizes {
    /// By address; the plans are kept so that no address is used twice.
    known: RefCell<HashMap<*const Plan, (PlanRef, Size)>>,
}

/// What is estimated of a plan.
#[derive(Clone, Copy)]
struct Size {
    rows: Option<f64>,
    share: f64,
}

impl Sizes {
    /// About how many rows a plan gives; `None` if not even that is known.
    pub(crate) fn rows(&self, plan: &PlanRef) -> Option<f64> {
        self.of(plan).rows
    }

    /// About which share of its rows a plan's filters leave: where keys of another table refer to it, as many of
    /// that one's rows find a partner.
    fn share(&self, plan: &PlanRef) -> f64 {
        self.of(plan).share
    }

    fn of(&self, plan: &PlanRef) -> Size {
        if let Some((_, size)) = self.known.borrow().get(&Arc::as_ptr(plan)) {
            return *size;
        }
        let share = self.share_of(plan);
        let size = Size { rows: self.rows_of(plan, share), share };
        self.known.borrow_mut().insert(Arc::as_ptr(plan), (Arc::clone(plan), size));
        size
    }

    fn rows_of(&self, plan: &PlanRef, share: f64) -> Option<f64> {
        let input = || plan.inputs().first().and_then(|input| self.rows(input));
        match &plan.node {
            Node::Scan(scan) => scan.source.statistics().rows.map(|rows| rows as f64 * share),
            Node::Memory(memory) => Some(memory.rows() as f64),
            Node::Project(_) | Node::Repartition(_) | Node::Shared(_) => input(),
            Node::Filter(node) => input().map(|rows| rows * terms_share(&node.predicate)),
            Node::GroupBy(node) if node.keys.is_empty() => Some(1.0),
            Node::GroupBy(_) | Node::Distinct(_) => input().map(|rows| rows * GROUP_SHARE),
            Node::Join(node) => match node.how {
                How::Cross => Some(self.rows(&node.left)? * self.rows(&node.right)?),
                How::Right => self.rows(&node.right),
                How::Outer => Some(self.rows(&node.left)? + self.rows(&node.right)?),
                How::Inner | How::Semi => Some(self.rows(&node.left)? * self.share(&node.right)),
                How::Left | How::Anti => self.rows(&node.left),
            },
            Node::Sort(node) => {
                let all = input()?;
                Some(node.limit.map_or(all, |limit| all.min(limit as f64)))
            }
            Node::Slice(node) => {
                let (Range::First { len, .. } | Range::Last { len }) = node.range;
                Some(input().map_or(len as f64, |all| all.min(len as f64)))
            }
            Node::Concat(node) => node.inputs.iter().map(|input| self.rows(input)).sum(),
            Node::MapPartitions(_) => None,
        }
    }

    fn share_of(&self, plan: &PlanRef) -> f64 {
        match &plan.node {
            Node::Scan(scan) => scan.filter.as_ref().map_or(1.0, |filter| scan_share(scan, filter)),
            Node::Filter(node) => terms_share(&node.predicate) * self.share(&node.input),
            Node::Join(node) if matches!(node.how, How::Inner | How::Semi) => {
                self.share(&node.left) * self.share(&node.right)
            }
            Node::Project(_)
            | Node::Sort(_)
            | Node::Distinct(_)
            | Node::GroupBy(_)
            | Node::Shared(_)
            | Node::Repartition(_) => plan.inputs().first().map_or(1.0, |input| self.share(input)),
            _ => 1.0,
        }
    }
}

/// The share of a filter on computed rows.
fn terms_share(filter: &Expr) -> f64 {
    let terms = filter.split_conjunction().len();
    TERM_SHARE.powi(i32::try_from(terms).unwrap_or(i32::MAX)).max(LEAST_SHARE)
}

/// The share of a scan's filter. Ranges are measured by the columns' bounds: two terms on one column are one range.
fn scan_share(scan: &Scan, filter: &Expr) -> f64 {
    let schema = scan.source.schema();
    let terms = filter.prune_terms(schema);
    let others = filter.split_conjunction().len().saturating_sub(terms.len());
    let mut share = TERM_SHARE.powi(i32::try_from(others).unwrap_or(i32::MAX));
    let statistics = scan.source.statistics();
    let bounds = |column: usize| {
        let column = statistics.columns.get(column)?;
        Some((number(column.min.as_ref()?)?, number(column.max.as_ref()?)?))
    };
    let mut ranges: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for term in &terms {
        let column = schema.index_of(&term.column).ok();
        let known = column.and_then(|column| Some((column, bounds(column)?)));
        match (term.compare, known.zip(number(&term.literals))) {
            (TermCompare::Equal, _) => share *= VALUE_SHARE,
            (TermCompare::In, _) => share *= (VALUE_SHARE * term.literals.len() as f64).min(1.0),
            (TermCompare::IsNull, _) => share *= VALUE_SHARE,
            (TermCompare::NotEqual | TermCompare::IsNotNull, _) => {}
            (compare, Some(((column, bounds), value))) => {
                narrow(ranges.entry(column).or_insert(bounds), compare, value);
                continue;
            }
            _ => share *= TERM_SHARE,
        }
    }
    for (column, (low, high)) in ranges {
        if let Some((least, greatest)) = bounds(column) {
            share *= ((high - low) / (greatest - least).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        }
    }
    share.max(LEAST_SHARE)
}

fn narrow(range: &mut (f64, f64), compare: TermCompare, value: f64) {
    match compare {
        TermCompare::Less | TermCompare::LessOrEqual => range.1 = range.1.min(value),
        _ => range.0 = range.0.max(value),
    }
}

/// The only value of an array as a number; `None` for types without an order of numbers.
fn number(value: &ArrayRef) -> Option<f64> {
    if value.len() != 1 || value.is_null(0) {
        return None;
    }
    let data_type = value.data_type();
    if data_type.is_temporal() {
        let days = matches!(data_type, DataType::Date32 | DataType::Time32(_)).then_some(DataType::Int32);
        let whole = cast(&cast(value, &days.unwrap_or(DataType::Int64)).ok()?, &DataType::Int64).ok()?;
        return Some(whole.as_primitive_opt::<Int64Type>()?.value(0) as f64);
    }
    if !data_type.is_numeric() {
        return None;
    }
    Some(cast(value, &DataType::Float64).ok()?.as_primitive_opt::<Float64Type>()?.value(0))
}
