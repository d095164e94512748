//! How users write expressions: `col`, operators and the methods that are not functions of the table.
//!
//! Nothing is checked here; `bind` does that when a frame takes the expression.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};
use std::sync::Arc;

use arrow::datatypes::DataType;

use super::literal::{Literal, null};
use super::tree::{BinaryOp, Expr, Node, UnaryOp};

/// The column called `name`.
///
/// ```
/// use partita::col;
/// let late = (col("arr_delay") - col("dep_delay")).gt(15).alias("late");
/// assert_eq!(late.to_string(), "((arr_delay - dep_delay) > 15) as late");
/// ```
pub fn col(name: impl AsRef<str>) -> Expr {
    Expr::new(Node::Column(name.as_ref().into()))
}

/// The first of `exprs` that is not null, row by row.
pub fn coalesce<E: Into<Expr>>(exprs: impl IntoIterator<Item = E>) -> Expr {
    let mut exprs: Vec<Expr> = exprs.into_iter().map(Into::into).collect();
    let Some(last) = exprs.pop() else { return null() };
    if exprs.is_empty() {
        return last;
    }
    let branches = exprs.into_iter().map(|expr| (expr.clone().is_not_null(), expr)).collect();
    Expr::new(Node::Case { branches, otherwise: Some(last) })
}

/// Starts a choice: `when(a.gt(0)).then("up").when(a.lt(0)).then("down").otherwise("flat")`.
///
/// The first condition that is true decides; null is not true. Without `otherwise` the rest is null. A
/// branch is evaluated only for rows that take it, so an overflow or a failed cast elsewhere does not matter.
pub fn when(condition: impl Into<Expr>) -> When {
    When { branches: Vec::new(), condition: condition.into() }
}

/// A choice whose last condition has no value yet.
#[derive(Clone, Debug)]
#[must_use = "a condition wants `then`"]
pub struct When {
    branches: Vec<(Expr, Expr)>,
    condition: Expr,
}

impl When {
    /// The value where the condition is true.
    pub fn then(mut self, value: impl Into<Expr>) -> Then {
        self.branches.push((self.condition, value.into()));
        Then { branches: self.branches }
    }
}

/// A choice that may be ended or go on.
#[derive(Clone, Debug)]
#[must_use = "a choice does nothing until a frame takes it"]
pub struct Then {
    branches: Vec<(Expr, Expr)>,
}

impl Then {
    /// A further condition, tried where none before was true.
    pub fn when(self, condition: impl Into<Expr>) -> When {
        When { branches: self.branches, condition: condition.into() }
    }
    /// The value where no condition was true.
    pub fn otherwise(self, value: impl Into<Expr>) -> Expr {
        Expr::new(Node::Case { branches: self.branches, otherwise: Some(value.into()) })
    }
    /// Null where no condition was true.
    pub fn end(self) -> Expr {
        Expr::new(Node::Case { branches: self.branches, otherwise: None })
    }
    /// As [`Then::end`], under another name than the first value's.
    pub fn alias(self, name: impl AsRef<str>) -> Expr {
        self.end().alias(name)
    }
}

impl From<Then> for Expr {
    fn from(choice: Then) -> Expr {
        choice.end()
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        impl Expr {$(
            $(#[$doc])*
            pub fn $name(self, other: impl Into<Expr>) -> Expr {
                binary(BinaryOp::$op, self, other)
            }
        )*}
    };
}

comparisons! {
    /// Greater than. NaN is greater than nothing and less than nothing, as in pandas.
    gt => Greater;
    /// Greater than or equal.
    ge => GreaterOrEqual;
    /// Greater than or equal; another name of [`Expr::ge`].
    gt_eq => GreaterOrEqual;
    /// Less than.
    lt => Less;
    /// Less than or equal.
    le => LessOrEqual;
    /// Less than or equal; another name of [`Expr::le`].
    lt_eq => LessOrEqual;
    /// Equal. Null if either side is null; NaN equals nothing.
    eq => Equal;
    /// Not equal. Null if either side is null.
    ne => NotEqual;
    /// Not equal; another name of [`Expr::ne`].
    neq => NotEqual;
    /// Equal, where null equals null and nothing else; never null.
    eq_null_safe => EqualNullSafe;
    /// Both true, by Kleene's logic: false and null is false.
    and => And;
    /// Either true, by Kleene's logic: true or null is true.
    or => Or;
    /// Division rounded down, as Python's `//`. Integers divided by zero give null, because no integer
    /// stands for infinity; floats give infinity or NaN.
    floor_div => FloorDivide;
}

fn binary(op: BinaryOp, left: Expr, right: impl Into<Expr>) -> Expr {
    Expr::new(Node::Binary(op, left, right.into()))
}

fn unary(op: UnaryOp, input: Expr) -> Expr {
    Expr::new(Node::Unary(op, input))
}

impl Expr {
    /// The same under another name.
    pub fn alias(self, name: impl AsRef<str>) -> Expr {
        Expr::new(Node::Alias(self, name.as_ref().into()))
    }
    /// Whether the value is null. NaN is not null.
    pub fn is_null(self) -> Expr {
        unary(UnaryOp::IsNull, self)
    }
    /// Whether the value is not null. NaN is not null.
    pub fn is_not_null(self) -> Expr {
        unary(UnaryOp::IsNotNull, self)
    }
    /// `low <= self <= high`.
    pub fn between(self, low: impl Into<Expr>, high: impl Into<Expr>) -> Expr {
        self.clone().ge(low).and(self.le(high))
    }
    /// The value, or `other` where it is null. The same as [`coalesce`] of both.
    pub fn fill_null(self, other: impl Into<Expr>) -> Expr {
        coalesce([self, other.into()])
    }
    /// As [`Expr::fill_null`], by its name in pandas.
    pub fn fillna(self, other: impl Into<Expr>) -> Expr {
        self.fill_null(other)
    }
    /// Null where the value equals `other`.
    pub fn null_if(self, other: impl Into<Expr>) -> Expr {
        when(self.clone().eq(other)).then(null()).otherwise(self)
    }
    /// As another type. A value that does not fit is an error that names it; see [`Expr::try_cast`].
    ///
    /// A float is cast to an integer by cutting its fraction off; text is parsed.
    pub fn cast(self, to: DataType) -> Expr {
        Expr::new(Node::Cast { input: self, to, strict: true })
    }
    /// As another type, null where a value does not fit.
    pub fn try_cast(self, to: DataType) -> Expr {
        Expr::new(Node::Cast { input: self, to, strict: false })
    }

    /// The name that a column made of this expression has: that of `alias`, else of the leftmost column.
    pub fn output_name(&self) -> String {
        let mut at = self;
        loop {
            let next = match at.node() {
                Node::Column(name) | Node::Alias(_, name) => return name.to_string(),
                Node::Literal(_) => return "literal".to_owned(),
                Node::Unary(_, input) | Node::Cast { input, .. } => Some(input),
                // `lit(1) - col("a")` is about `a`.
                Node::Binary(_, left, right) => {
                    Some(if matches!(left.node(), Node::Literal(_)) { right } else { left })
                }
                Node::Function(_, arguments) | Node::Aggregate(_, arguments) => arguments.first(),
                Node::Case { branches, .. } => branches.first().map(|(_, value)| value),
            };
            match (next, at.node()) {
                (Some(next), _) => at = next,
                (None, Node::Aggregate(aggregate, _)) => return aggregate.name().to_owned(),
                (None, Node::Function(function, _)) => return function.name.to_owned(),
                (None, _) => return "literal".to_owned(),
            }
        }
    }
    /// The expression without the aliases at its root.
    pub(crate) fn without_alias(&self) -> &Expr {
        let mut at = self;
        while let Node::Alias(input, _) = at.node() {
            at = input;
        }
        at
    }
    /// The column's name, if the expression is one, renamed or not.
    pub(crate) fn as_column(&self) -> Option<&Arc<str>> {
        match self.without_alias().node() {
            Node::Column(name) => Some(name),
            _ => None,
        }
    }
}

macro_rules! operators {
    ($($trait:ident, $method:ident => $op:ident;)*) => {$(
        impl<T: Into<Expr>> $trait<T> for Expr {
            type Output = Expr;
            fn $method(self, other: T) -> Expr {
                binary(BinaryOp::$op, self, other)
            }
        }
    )*};
}

operators! {
    Add, add => Add;
    Sub, sub => Subtract;
    Mul, mul => Multiply;
    Div, div => Divide;
    Rem, rem => Remainder;
    BitAnd, bitand => And;
    BitOr, bitor => Or;
}

impl Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        // `-lit(5)` is a number like any other and takes the type that it meets.
        match self.node() {
            Node::Literal(Literal::Int(value)) if i64::try_from(-value).is_ok() => {
                Expr::new(Node::Literal(Literal::Int(-value)))
            }
            Node::Literal(Literal::Float(value)) => Expr::from(-value),
            _ => unary(UnaryOp::Negate, self),
        }
    }
}

impl Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        unary(UnaryOp::Not, self)
    }
}

/// `1 - col("a")`: numbers on the left of an operator.
macro_rules! operators_on_numbers {
    ($($native:ty),*) => {$(
        impl Add<Expr> for $native {
            type Output = Expr;
            fn add(self, other: Expr) -> Expr {
                Expr::from(self) + other
            }
        }
        impl Sub<Expr> for $native {
            type Output = Expr;
            fn sub(self, other: Expr) -> Expr {
                Expr::from(self) - other
            }
        }
        impl Mul<Expr> for $native {
            type Output = Expr;
            fn mul(self, other: Expr) -> Expr {
                Expr::from(self) * other
            }
        }
        impl Div<Expr> for $native {
            type Output = Expr;
            fn div(self, other: Expr) -> Expr {
                Expr::from(self) / other
            }
        }
        impl Rem<Expr> for $native {
            type Output = Expr;
            fn rem(self, other: Expr) -> Expr {
                Expr::from(self) % other
            }
        }
    )*};
}
operators_on_numbers!(i32, i64, f64);
