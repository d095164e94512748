//! Aggregates inside expressions: the nodes, their builders, and the split of `agg` expressions into calls
//! for the group-by and a projection over the calls' results.

use hashbrown::HashMap;
use partita_kernels::aggregate::AggregateKind;

use super::tree::{Expr, Node, post_order};
use crate::{Error, Result};

/// What tells one kind with its parameters from another; floats by their bits.
pub(crate) fn key(kind: AggregateKind) -> (&'static str, u64) {
    let setting = match kind {
        AggregateKind::Std { ddof } | AggregateKind::Var { ddof } => u64::from(ddof),
        AggregateKind::Quantile(fraction) => fraction.to_bits(),
        AggregateKind::TopK { k } | AggregateKind::BottomK { k } => k as u64,
        _ => 0,
    };
    (kind.name(), setting)
}

/// The parameters of a kind that are not expressions, as they print.
pub(crate) fn settings(kind: AggregateKind) -> String {
    match kind {
        AggregateKind::Std { ddof } | AggregateKind::Var { ddof } if ddof != 1 => format!("ddof={ddof}"),
        AggregateKind::Quantile(fraction) => fraction.to_string(),
        AggregateKind::TopK { k } | AggregateKind::BottomK { k } => k.to_string(),
        _ => String::new(),
    }
}

/// How many rows there are, nulls included: `groupby(["carrier"]).agg([size()])`.
pub fn size() -> Expr {
    Expr::new(Node::Aggregate(AggregateKind::Size, Vec::new()))
}

impl Expr {
    fn aggregate(self, aggregate: AggregateKind) -> Expr {
        Expr::new(Node::Aggregate(aggregate, vec![self]))
    }
    /// The sum; null values do not count. Integers sum to 64 bits, and an overflow is an error.
    pub fn sum(self) -> Expr {
        self.aggregate(AggregateKind::Sum)
    }
    /// The product; null values do not count. Integers give 64 bits, and an overflow is an error.
    pub fn product(self) -> Expr {
        self.aggregate(AggregateKind::Product)
    }
    /// The mean of the values that are not null; of booleans, the share that is true.
    pub fn mean(self) -> Expr {
        self.aggregate(AggregateKind::Mean)
    }
    /// The least value. NaN is greater than any number.
    pub fn min(self) -> Expr {
        self.aggregate(AggregateKind::Min)
    }
    /// The greatest value. NaN is greater than any number.
    pub fn max(self) -> Expr {
        self.aggregate(AggregateKind::Max)
    }
    /// How many values are not null; [`size`] counts rows.
    pub fn count(self) -> Expr {
        self.aggregate(AggregateKind::Count)
    }
    /// The sample standard deviation (one degree of freedom less than values).
    pub fn std(self) -> Expr {
        self.std_ddof(1)
    }
    /// The standard deviation with the divisor `n - ddof`.
    pub fn std_ddof(self, ddof: u8) -> Expr {
        self.aggregate(AggregateKind::Std { ddof })
    }
    /// The sample variance (one degree of freedom less than values).
    pub fn var(self) -> Expr {
        self.var_ddof(1)
    }
    /// The variance with the divisor `n - ddof`.
    pub fn var_ddof(self, ddof: u8) -> Expr {
        self.aggregate(AggregateKind::Var { ddof })
    }
    /// The exact median: the mean of the two middle values where their number is even.
    pub fn median(self) -> Expr {
        self.aggregate(AggregateKind::Median)
    }
    /// The exact quantile, interpolated between the two nearest values; `fraction` is between 0 and 1.
    pub fn quantile(self, fraction: f64) -> Expr {
        self.aggregate(AggregateKind::Quantile(fraction))
    }
    /// The first value, in the frame's order, that is not null.
    pub fn first(self) -> Expr {
        self.aggregate(AggregateKind::First)
    }
    /// The last value, in the frame's order, that is not null.
    pub fn last(self) -> Expr {
        self.aggregate(AggregateKind::Last)
    }
    /// How many different values there are; null is not one.
    pub fn nunique(self) -> Expr {
        self.aggregate(AggregateKind::NUnique)
    }
    /// Whether any value is true.
    pub fn any(self) -> Expr {
        self.aggregate(AggregateKind::Any)
    }
    /// Whether no value is false.
    pub fn all(self) -> Expr {
        self.aggregate(AggregateKind::All)
    }
    /// Pearson's correlation with `other`, over the rows where neither is null.
    pub fn corr(self, other: impl Into<Expr>) -> Expr {
        Expr::new(Node::Aggregate(AggregateKind::Corr, vec![self, other.into()]))
    }
    /// The `count` greatest values, as a list, greatest first.
    pub fn top_k(self, count: usize) -> Expr {
        self.aggregate(AggregateKind::TopK { k: count })
    }
    /// The `count` least values, as a list, least first.
    pub fn bottom_k(self, count: usize) -> Expr {
        self.aggregate(AggregateKind::BottomK { k: count })
    }

    /// Whether an aggregate stands anywhere in the expression.
    pub(crate) fn has_aggregate(&self) -> bool {
        self.post_order().iter().any(|expr| matches!(expr.node(), Node::Aggregate(..)))
    }
}

/// One aggregate of the group-by: what to compute over which expressions, and the column it becomes.
#[derive(Clone, Debug)]
pub(crate) struct AggregateCall {
    pub(crate) aggregate: AggregateKind,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) name: String,
}

/// `agg` expressions, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct AggregateSplit {
    /// Each distinct aggregate once, in the order of first appearance.
    pub(crate) calls: Vec<AggregateCall>,
    /// One expression per `agg` expression, over the group keys and the calls' names, with its output name.
    pub(crate) projection: Vec<Expr>,
}

/// Takes `exprs` apart. `reserved` are names that the calls' columns must not have: the group keys.
///
/// # Errors
/// An aggregate inside another aggregate's argument, or a quantile outside 0 to 1.
pub(crate) fn split_aggregates(exprs: &[Expr], reserved: &[&str]) -> Result<AggregateSplit> {
    let mut calls: Vec<AggregateCall> = Vec::new();
    let mut names: HashMap<Expr, String> = HashMap::new();
    for expr in post_order(exprs) {
        let Node::Aggregate(aggregate, arguments) = expr.node() else { continue };
        check(expr, *aggregate, arguments)?;
        if names.contains_key(expr) {
            continue;
        }
        let taken = |name: &str| reserved.contains(&name) || calls.iter().any(|call| call.name == name);
        let mut name = expr.to_string();
        while taken(&name) {
            name.push('_');
        }
        names.insert(expr.clone(), name.clone());
        calls.push(AggregateCall { aggregate: *aggregate, arguments: arguments.clone(), name });
    }
    let projection = exprs
        .iter()
        .map(|expr| {
            let over_calls = expr.transform(|expr| match names.get(&expr) {
                Some(name) => super::build::col(name),
                None => expr,
            });
            let name = expr.output_name();
            if over_calls.output_name() == name {
                over_calls
            } else {
                over_calls.without_alias().clone().alias(name)
            }
        })
        .collect();
    Ok(AggregateSplit { calls, projection })
}

fn check(expr: &Expr, aggregate: AggregateKind, arguments: &[Expr]) -> Result<()> {
    if arguments.iter().any(Expr::has_aggregate) {
        return Err(Error::invalid(format!(
            "an aggregate cannot be taken of another one, in `{expr}`; aggregate in one step and again in the next"
        )));
    }
    match aggregate {
        AggregateKind::Quantile(fraction) if !(0.0..=1.0).contains(&fraction) => {
            Err(Error::invalid(format!("a quantile is between 0 and 1, not {}, in `{expr}`", fraction)))
        }
        _ => Ok(()),
    }
}
