//! Constant folding and the simplification of logic, before a plan runs.
//!
//! Nothing that fails is folded: an expression over literals that would be an error stays as it is and fails when,
//! and only if, a row reaches it. Types never change: a folded literal has the type that the expression had.

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema};
use std::sync::Arc;

use super::literal::{Literal, fold_integers, typed};
use super::tree::{BinaryOp, Expr, Node, UnaryOp};

impl Expr {
    /// The same values by less work. `schema` is that of the rows; an expression that does not bind to it is
    /// given back as it is.
    pub(crate) fn fold_constants(&self, schema: &Schema) -> Expr {
        if self.bind(schema).is_err() {
            return self.clone();
        }
        let folded = self.transform(simplify);
        // What binds must still bind, to the same type: a weak literal may have met another type.
        match (self.bind(schema), folded.bind(schema)) {
            (Ok(before), Ok(after)) if before.data_type() == after.data_type() => {
                let name = self.output_name();
                if folded.output_name() == name { folded } else { folded.without_alias().clone().alias(name) }
            }
            _ => self.clone(),
        }
    }

    /// The value, if the expression is literally true or false.
    pub(crate) fn as_literal_bool(&self) -> Option<bool> {
        match self.without_alias().node() {
            Node::Literal(Literal::Typed(array))
                if array.data_type() == &DataType::Boolean && array.is_valid(0) =>
            {
                Some(array.as_boolean().value(0))
            }
            _ => None,
        }
    }
}

/// One node, its children simple already.
fn simplify(expr: Expr) -> Expr {
    if let Some(simpler) = simplify_logic(&expr) {
        return simpler;
    }
    evaluate_literals(&expr).unwrap_or(expr)
}

/// Kleene's shortcuts, where one side alone decides. The side that goes may be one that would have failed only if
/// the other side stands first, as `program` evaluates it.
fn simplify_logic(expr: &Expr) -> Option<Expr> {
    match expr.node() {
        Node::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
            let decisive = *op == BinaryOp::Or;
            match (left.as_literal_bool(), right.as_literal_bool()) {
                (Some(value), _) if value == decisive => Some(left.without_alias().clone()),
                (Some(_), _) => Some(right.without_alias().clone()),
                (_, Some(value)) if value != decisive => Some(left.without_alias().clone()),
                // `left` may fail, and has been asked first: only what cannot fail may go.
                (_, Some(_)) if cannot_fail(left) => Some(right.without_alias().clone()),
                _ if left == right => Some(left.clone()),
                _ => None,
            }
        }
        Node::Unary(UnaryOp::Not, input) => match input.without_alias().node() {
            Node::Unary(UnaryOp::Not, inner) => Some(inner.clone()),
            Node::Unary(UnaryOp::IsNull, inner) => Some(inner.clone().is_not_null()),
            Node::Unary(UnaryOp::IsNotNull, inner) => Some(inner.clone().is_null()),
            Node::Binary(BinaryOp::Equal, left, right) => Some(left.clone().ne(right.clone())),
            Node::Binary(BinaryOp::NotEqual, left, right) => Some(left.clone().eq(right.clone())),
            // `!(a < b)` is not `a >= b` where NaN may stand.
            _ => None,
        },
        Node::Case { branches, otherwise } => {
            let (condition, value) = branches.first()?;
            match condition.as_literal_bool()? {
                // The choice's type may come from the other branches.
                true if otherwise.is_none() && branches.len() == 1 => Some(value.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Comparisons of columns and literals, and logic over them, fail on no row.
fn cannot_fail(expr: &Expr) -> bool {
    expr.post_order().iter().all(|node| match node.node() {
        Node::Column(_) | Node::Literal(_) | Node::Alias(..) => true,
        Node::Unary(op, _) => *op != UnaryOp::Negate,
        // A comparison of types that meet by a checked cast can fail, so only its simplest form is sure.
        Node::Binary(op, left, right) => {
            op.is_logical() || op.is_comparison() && (is_literal(left) || is_literal(right))
        }
        _ => false,
    })
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr.without_alias().node(), Node::Literal(_))
}

/// The value of a node all of whose children are literals, if it has one.
fn evaluate_literals(expr: &Expr) -> Option<Expr> {
    match expr.node() {
        Node::Column(_) | Node::Literal(_) | Node::Alias(..) | Node::Aggregate(..) => return None,
        _ => {}
    }
    let mut all_literal = true;
    expr.node().for_each_child(|child| all_literal &= is_literal(child));
    if !all_literal {
        return None;
    }
    if let Node::Binary(op @ (BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply), left, right) =
        expr.node()
        && let (Node::Literal(Literal::Int(a)), Node::Literal(Literal::Int(b))) = (left.node(), right.node())
    {
        return fold_integers(*op, *a, *b).map(Expr::from);
    }
    let one_row = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    );
    let one_row = one_row.ok()?;
    let array = expr.bind(&one_row.schema()).ok()?.evaluate(&one_row).ok()?;
    Some(typed(array))
}
