//! The expression tree itself: a shared, immutable, closed set of nodes. Built by `build`, read by everything else.
//!
//! No walk in this module or its users recurses over the depth of a tree: a chain of ten thousand `+` is
//! an ordinary expression (programs build them), and sub-trees may be shared, so each walk visits a node once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use hashbrown::{HashMap, HashSet};
use partita_kernels::aggregate::AggregateKind;

use super::aggregate;
use super::function::Function;
use super::literal::Literal;

/// An expression over the columns of a frame: `col("arr_delay").gt(15)`, `col("a") + 1`.
///
/// An expression is built without knowing any frame; names and types are checked when a step of a frame
/// takes it. It is cheap to clone.
#[derive(Clone)]
#[must_use = "an expression does nothing until a frame takes it"]
pub struct Expr(Arc<Inner>);

struct Inner {
    node: Node,
    /// Of the whole tree, so that hashing is free and unequal trees are mostly told apart at once.
    hash: u64,
    depth: u32,
}

/// What an expression can be.
#[derive(Clone)]
pub(crate) enum Node {
    Column(Arc<str>),
    Literal(Literal),
    Alias(Expr, Arc<str>),
    Unary(UnaryOp, Expr),
    Binary(BinaryOp, Expr, Expr),
    Function(&'static Function, Vec<Expr>),
    /// `strict` raises an error on a value that does not fit; otherwise the value becomes null.
    Cast {
        input: Expr,
        to: DataType,
        strict: bool,
    },
    /// The value of the first branch whose condition is true.
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Expr>,
    },
    Aggregate(AggregateKind, Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UnaryOp {
    Negate,
    Not,
    IsNull,
    IsNotNull,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Equal,
    NotEqual,
    /// Null equals null, and nothing else.
    EqualNullSafe,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl BinaryOp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::FloorDivide => "//",
            BinaryOp::Remainder => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::EqualNullSafe => "<=>",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::And => "&",
            BinaryOp::Or => "|",
        }
    }
    pub(crate) fn is_comparison(self) -> bool {
        use BinaryOp::{Equal, EqualNullSafe, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | EqualNullSafe | Less | LessOrEqual | Greater | GreaterOrEqual)
    }
    pub(crate) fn is_logical(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or)
    }
    /// The comparison that holds with its sides exchanged.
    pub(crate) fn swapped(self) -> BinaryOp {
        match self {
            BinaryOp::Less => BinaryOp::Greater,
            BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
            BinaryOp::Greater => BinaryOp::Less,
            BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
            other => other,
        }
    }
}

impl Node {
    /// Calls `f` on each direct child, left to right.
    pub(crate) fn for_each_child<'a>(&'a self, mut f: impl FnMut(&'a Expr)) {
        match self {
            Node::Column(_) | Node::Literal(_) => {}
            Node::Alias(input, _) | Node::Unary(_, input) | Node::Cast { input, .. } => f(input),
            Node::Binary(_, left, right) => {
                f(left);
                f(right);
            }
            Node::Function(_, arguments) | Node::Aggregate(_, arguments) => arguments.iter().for_each(f),
            Node::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    f(condition);
                    f(value);
                }
                if let Some(otherwise) = otherwise {
                    f(otherwise);
                }
            }
        }
    }

    fn for_each_child_mut(&mut self, mut f: impl FnMut(&mut Expr)) {
        match self {
            Node::Column(_) | Node::Literal(_) => {}
            Node::Alias(input, _) | Node::Unary(_, input) | Node::Cast { input, .. } => f(input),
            Node::Binary(_, left, right) => {
                f(left);
                f(right);
            }
            Node::Function(_, arguments) | Node::Aggregate(_, arguments) => arguments.iter_mut().for_each(f),
            Node::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    f(condition);
                    f(value);
                }
                if let Some(otherwise) = otherwise {
                    f(otherwise);
                }
            }
        }
    }

    /// Everything of this node but its children: two nodes are the same if these and the children are.
    fn hash_shallow(&self, state: &mut impl Hasher) {
        std::mem::discriminant(self).hash(state);
        match self {
            Node::Column(name) | Node::Alias(_, name) => name.hash(state),
            Node::Literal(literal) => literal.hash(state),
            Node::Unary(op, _) => op.hash(state),
            Node::Binary(op, _, _) => op.hash(state),
            Node::Function(function, arguments) => {
                function.name.hash(state);
                arguments.len().hash(state);
            }
            Node::Cast { to, strict, .. } => (to, strict).hash(state),
            Node::Case { branches, otherwise } => (branches.len(), otherwise.is_some()).hash(state),
            Node::Aggregate(kind, arguments) => {
                aggregate::key(*kind).hash(state);
                arguments.len().hash(state);
            }
        }
    }

    pub(crate) fn eq_shallow(&self, other: &Node) -> bool {
        match (self, other) {
            (Node::Column(a), Node::Column(b)) | (Node::Alias(_, a), Node::Alias(_, b)) => a == b,
            (Node::Literal(a), Node::Literal(b)) => a == b,
            (Node::Unary(a, _), Node::Unary(b, _)) => a == b,
            (Node::Binary(a, ..), Node::Binary(b, ..)) => a == b,
            (Node::Function(f, a), Node::Function(g, b)) => f.name == g.name && a.len() == b.len(),
            (Node::Cast { to: a, strict: s, .. }, Node::Cast { to: b, strict: t, .. }) => a == b && s == t,
            (Node::Case { branches: a, otherwise: e }, Node::Case { branches: b, otherwise: f }) => {
                a.len() == b.len() && e.is_some() == f.is_some()
            }
            (Node::Aggregate(f, a), Node::Aggregate(g, b)) => {
                aggregate::key(*f) == aggregate::key(*g) && a.len() == b.len()
            }
            _ => false,
        }
    }
}

impl Expr {
    pub(crate) fn new(node: Node) -> Expr {
        // A fixed seed: hashes end up in the order of nothing, but plans should not differ between runs.
        let mut state = DefaultHasher::new();
        let mut depth = 0;
        node.hash_shallow(&mut state);
        node.for_each_child(|child| {
            state.write_u64(child.0.hash);
            depth = depth.max(child.0.depth);
        });
        Expr(Arc::new(Inner { hash: state.finish(), depth: depth.saturating_add(1), node }))
    }
    pub(crate) fn node(&self) -> &Node {
        &self.0.node
    }
    /// Tells this node apart from any other that is alive; equal trees may have several.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Every node below and including this one, once each, children before parents.
    pub(crate) fn post_order(&self) -> Vec<&Expr> {
        post_order([self])
    }

    /// Rebuilds the tree from its leaves: `f` gets each node with its children already replaced, and gives
    /// what shall stand there. A node whose children did not change is passed as it is.
    pub(crate) fn transform(&self, mut f: impl FnMut(Expr) -> Expr) -> Expr {
        let mut done: HashMap<usize, Expr> = HashMap::new();
        for expr in self.post_order() {
            let mut changed = false;
            expr.node().for_each_child(|child| changed |= done[&child.id()].id() != child.id());
            let rebuilt = if changed {
                let mut node = expr.node().clone();
                node.for_each_child_mut(|child| *child = done[&child.id()].clone());
                Expr::new(node)
            } else {
                expr.clone()
            };
            done.insert(expr.id(), f(rebuilt));
        }
        done[&self.id()].clone()
    }
}

/// As [`Expr::post_order`], over several roots.
pub(crate) fn post_order<'a>(roots: impl IntoIterator<Item = &'a Expr>) -> Vec<&'a Expr> {
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    let mut stack: Vec<(&Expr, bool)> = Vec::new();
    for root in roots {
        stack.push((root, false));
        while let Some((expr, children_done)) = stack.pop() {
            if children_done {
                order.push(expr);
            } else if seen.insert(expr.id()) {
                stack.push((expr, true));
                let first = stack.len();
                expr.node().for_each_child(|child| stack.push((child, false)));
                // The leftmost child comes off the stack first.
                stack[first..].reverse();
            }
        }
    }
    order
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        let mut seen = HashSet::new();
        let mut stack = vec![(self, other)];
        while let Some((a, b)) = stack.pop() {
            if a.id() == b.id() || !seen.insert((a.id(), b.id())) {
                continue;
            }
            if a.0.hash != b.0.hash || a.0.depth != b.0.depth || !a.node().eq_shallow(b.node()) {
                return false;
            }
            let first = stack.len();
            a.node().for_each_child(|child| stack.push((child, child)));
            let mut at = first;
            b.node().for_each_child(|child| {
                stack[at].1 = child;
                at += 1;
            });
        }
        true
    }
}

impl Eq for Expr {}

impl Hash for Expr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.depth < 64 {
            return; // The compiler's recursion is fine and faster.
        }
        let mut doomed = Vec::new();
        let take = |child: &mut Expr, doomed: &mut Vec<Expr>| {
            if child.0.depth > 1 {
                doomed.push(std::mem::replace(child, Expr(leaf())));
            }
        };
        self.node.for_each_child_mut(|child| take(child, &mut doomed));
        while let Some(mut expr) = doomed.pop() {
            if let Some(inner) = Arc::get_mut(&mut expr.0) {
                inner.node.for_each_child_mut(|child| take(child, &mut doomed));
                inner.depth = 1;
            }
        }
    }
}

/// A shared leaf that stands in for children taken out of a tree that is going away.
fn leaf() -> Arc<Inner> {
    static LEAF: std::sync::OnceLock<Arc<Inner>> = std::sync::OnceLock::new();
    LEAF.get_or_init(|| Expr::new(Node::Literal(Literal::Null)).0.clone()).clone()
}
