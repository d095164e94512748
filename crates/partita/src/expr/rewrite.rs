//! What the optimizer asks of an expression and does with it: the columns it reads, substitution, conjunctions,
//! whether it can be moved, and which terms of a filter a reader can prune files by.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Schema};
use hashbrown::{HashMap, HashSet};

use super::literal::Literal;
use super::tree::{BinaryOp, Expr, Node, UnaryOp, post_order};
use super::types::{adapt, value_type};
use crate::Result;

/// The names of the columns that any of `exprs` reads, in the order of first appearance.
pub(crate) fn columns_used<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Vec<Arc<str>> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for expr in post_order(exprs) {
        if let Node::Column(name) = expr.node()
            && seen.insert(name)
        {
            names.push(Arc::clone(name));
        }
    }
    names
}

/// All of `exprs` joined by `and`; `None` of none.
pub(crate) fn conjoin(exprs: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    exprs.into_iter().reduce(Expr::and)
}

impl Expr {
    pub(crate) fn columns_used(&self) -> Vec<Arc<str>> {
        columns_used([self])
    }

    /// Each column named in `by` replaced by its expression. Aliases around the replacements are taken off.
    pub(crate) fn substitute(&self, by: &HashMap<String, Expr>) -> Expr {
        self.transform(|expr| match expr.node() {
            Node::Column(name) => by.get(name.as_ref()).map_or(expr.clone(), |by| by.without_alias().clone()),
            _ => expr,
        })
    }

    /// Each column named in `names` under its new name.
    pub(crate) fn rename_columns(&self, names: &HashMap<String, String>) -> Expr {
        self.transform(|expr| match expr.node() {
            Node::Column(name) => names.get(name.as_ref()).map_or(expr.clone(), super::build::col),
            _ => expr,
        })
    }

    /// The terms that must all be true for the expression to be: `a & b & c` is three.
    pub(crate) fn split_conjunction(&self) -> Vec<Expr> {
        let mut terms = Vec::new();
        let mut stack = vec![self];
        while let Some(expr) = stack.pop() {
            match expr.without_alias().node() {
                Node::Binary(BinaryOp::And, left, right) => {
                    stack.push(right);
                    stack.push(left);
                }
                _ => terms.push(expr.without_alias().clone()),
            }
        }
        terms
    }

    /// Whether the expression fails on no row whatever, so that it may be evaluated on rows that a filter
    /// before it would have dropped.
    ///
    /// # Errors
    /// The expression cannot be bound to `schema`.
    pub(crate) fn is_row_wise_infallible(&self, schema: &Schema) -> Result<bool> {
        Ok(!self.bind(schema)?.raises())
    }

    /// Whether the expression, as a filter, drops every row in which all of `columns` are null.
    ///
    /// Used to turn an outer join below a filter into an inner one; `false` is always safe.
    pub(crate) fn null_rejecting(&self, columns: &HashSet<String>) -> bool {
        // What a node is when all of `columns` are null.
        let mut known: HashMap<usize, Known> = HashMap::new();
        for expr in self.post_order() {
            let of = |child: &Expr| known.get(&child.id()).copied().unwrap_or(Known::Anything);
            let value = match expr.node() {
                Node::Column(name) if columns.contains(name.as_ref()) => Known::Null,
                Node::Literal(literal) if literal.is_null() => Known::Null,
                Node::Alias(input, _) => of(input),
                Node::Unary(UnaryOp::IsNotNull, input) if of(input) == Known::Null => Known::False,
                Node::Unary(UnaryOp::Negate | UnaryOp::Not, input) if of(input) == Known::Null => Known::Null,
                Node::Cast { input, .. } if of(input) == Known::Null => Known::Null,
                Node::Binary(BinaryOp::And, left, right) => match (of(left), of(right)) {
                    (Known::False, _) | (_, Known::False) => Known::False,
                    // Null and anything is null or false: not true either way.
                    (Known::Null, Known::Null) => Known::Null,
                    (Known::Null | Known::NotTrue, _) | (_, Known::Null | Known::NotTrue) => Known::NotTrue,
                    _ => Known::Anything,
                },
                Node::Binary(BinaryOp::Or, left, right) => match (of(left), of(right)) {
                    (Known::False, Known::False) => Known::False,
                    (Known::Null, Known::Null) => Known::Null,
                    (Known::Anything, _) | (_, Known::Anything) => Known::Anything,
                    _ => Known::NotTrue,
                },
                Node::Binary(BinaryOp::EqualNullSafe, ..) => Known::Anything,
                Node::Binary(_, left, right) if of(left) == Known::Null || of(right) == Known::Null => {
                    Known::Null
                }
                _ => Known::Anything,
            };
            known.insert(expr.id(), value);
        }
        known.get(&self.id()).is_some_and(|known| *known != Known::Anything)
    }

    /// The terms of the conjunction that compare a column of `schema` with literals. A row passes the
    /// expression only if it passes them all; there may be others that are no such terms.
    pub(crate) fn prune_terms(&self, schema: &Schema) -> Vec<Term> {
        self.split_conjunction().iter().filter_map(|term| prune_term(term, schema)).collect()
    }
}

/// What is known of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Null,
    False,
    /// Null or false.
    NotTrue,
    Anything,
}

/// A comparison of a column with literals, which statistics of a file can answer.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) column: Arc<str>,
    pub(crate) compare: TermCompare,
    /// Of the column's type: one for a comparison, any number for `In`, none for null tests.
    pub(crate) literals: ArrayRef,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TermCompare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    IsNull,
    IsNotNull,
}

fn prune_term(term: &Expr, schema: &Schema) -> Option<Term> {
    match term.node() {
        Node::Unary(op @ (UnaryOp::IsNull | UnaryOp::IsNotNull), input) => {
            let column = input.as_column()?;
            let field = schema.field_with_name(column).ok()?;
            let compare = if *op == UnaryOp::IsNull { TermCompare::IsNull } else { TermCompare::IsNotNull };
            Some(Term { column: Arc::clone(column), compare, literals: new_empty_array(field.data_type()) })
        }
        Node::Column(name) => boolean_term(name, true, schema),
        Node::Unary(UnaryOp::Not, input) => boolean_term(input.as_column()?, false, schema),
        Node::Binary(op, left, right) if op.is_comparison() => match (left.as_column(), right.as_column()) {
            (Some(column), None) => comparison_term(column, *op, right, schema),
            (None, Some(column)) => comparison_term(column, op.swapped(), left, schema),
            _ => None,
        },
        Node::Function(function, arguments) if function.name == super::function::IS_IN => {
            let (column, options) = arguments.split_first()?;
            let column = column.as_column()?;
            let to = schema.field_with_name(column).ok()?.data_type();
            let options: Vec<ArrayRef> = options
                .iter()
                .filter(|option| !matches!(option.node(), Node::Literal(literal) if literal.is_null()))
                .map(|option| literal_as(option, to))
                .collect::<Option<_>>()?;
            let literals = if options.is_empty() {
                new_empty_array(value_type(to))
            } else {
                concat(&options.iter().map(|option| option.as_ref()).collect::<Vec<_>>()).ok()?
            };
            Some(Term { column: Arc::clone(column), compare: TermCompare::In, literals })
        }
        _ => None,
    }
}

/// `flag` or `!flag` of a boolean column.
fn boolean_term(name: &Arc<str>, value: bool, schema: &Schema) -> Option<Term> {
    if schema.field_with_name(name).ok()?.data_type() != &DataType::Boolean {
        return None;
    }
    let literals: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![value]));
    Some(Term { column: Arc::clone(name), compare: TermCompare::Equal, literals })
}

fn comparison_term(column: &Arc<str>, op: BinaryOp, literal: &Expr, schema: &Schema) -> Option<Term> {
    let to = schema.field_with_name(column).ok()?.data_type();
    let literals = literal_as(literal, to)?;
    // Statistics of floats leave NaN out, which is unequal to everything.
    let may_be_nan = to.is_floating() && op == BinaryOp::NotEqual;
    if literals.is_null(0) || is_nan(&literals) || may_be_nan {
        return None;
    }
    let compare = match op {
        BinaryOp::Equal | BinaryOp::EqualNullSafe => TermCompare::Equal,
        BinaryOp::NotEqual => TermCompare::NotEqual,
        BinaryOp::Less => TermCompare::Less,
        BinaryOp::LessOrEqual => TermCompare::LessOrEqual,
        BinaryOp::Greater => TermCompare::Greater,
        BinaryOp::GreaterOrEqual => TermCompare::GreaterOrEqual,
        _ => return None,
    };
    Some(Term { column: Arc::clone(column), compare, literals })
}

/// A literal as one row of the column's (value) type, if it is one without loss.
fn literal_as(expr: &Expr, to: &DataType) -> Option<ArrayRef> {
    let Node::Literal(literal) = expr.without_alias().node() else { return None };
    let to = value_type(to);
    match literal {
        Literal::Typed(array) if array.data_type() == to => Some(Arc::clone(array)),
        // A timestamp column and a literal of another unit meet at the finer one; only equal zones compare raw.
        Literal::Typed(array) => exact_cast(array, to),
        weak => adapt(weak, to).ok().flatten(),
    }
}

/// `array` as `to` if casting there and back changes nothing and both are points in time or decimals.
fn exact_cast(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    use super::types::{STRICT, is_decimal};
    let alike = match (array.data_type(), to) {
        (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) => a.is_some() == b.is_some(),
        (a, b) => is_decimal(a) && is_decimal(b),
    };
    if !alike {
        return None;
    }
    let there = arrow::compute::cast_with_options(array, to, &STRICT).ok()?;
    let back = arrow::compute::cast_with_options(&there, array.data_type(), &STRICT).ok()?;
    (back.as_ref() == array.as_ref()).then_some(there)
}

fn is_nan(array: &ArrayRef) -> bool {
    array.data_type().is_floating()
        && arrow::util::display::array_value_to_string(array, 0).is_ok_and(|text| text == "NaN")
}
