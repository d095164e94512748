//! How an expression prints: near to how it was written, `(arr_delay > 15)`, for errors and `explain`.

use std::fmt::{self, Write};

use arrow::array::Array;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

use super::aggregate;
use super::literal::Literal;
use super::tree::{Expr, Node, UnaryOp};
use crate::error::type_name;

/// Nobody reads past this, and sub-trees shared often enough would print for ever.
const NODES_SHOWN: usize = 500;
const DEPTH_SHOWN: usize = 100;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer { out: String::new(), budget: NODES_SHOWN };
        printer.expr(self, 0)?;
        f.write_str(&printer.out)
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Printer {
    out: String,
    budget: usize,
}

impl Printer {
    fn expr(&mut self, expr: &Expr, depth: usize) -> fmt::Result {
        if self.budget == 0 || depth > DEPTH_SHOWN {
            return self.out.write_char('…');
        }
        self.budget -= 1;
        let below = depth + 1;
        match expr.node() {
            Node::Column(name) => self.out.write_str(name),
            Node::Literal(literal) => write!(self.out, "{literal}"),
            Node::Alias(input, name) => {
                self.expr(input, below)?;
                write!(self.out, " as {name}")
            }
            Node::Unary(op, input) => {
                let (before, after) = match op {
                    UnaryOp::Negate => ("-", ""),
                    UnaryOp::Not => ("!", ""),
                    UnaryOp::IsNull => ("", ".is_null()"),
                    UnaryOp::IsNotNull => ("", ".is_not_null()"),
                };
                self.out.write_str(before)?;
                self.expr(input, below)?;
                self.out.write_str(after)
            }
            Node::Binary(op, left, right) => {
                self.out.write_char('(')?;
                self.expr(left, below)?;
                write!(self.out, " {} ", op.symbol())?;
                self.expr(right, below)?;
                self.out.write_char(')')
            }
            Node::Function(function, arguments) => self.call(function.name, arguments, "", below),
            Node::Aggregate(kind, arguments) => {
                self.call(kind.name(), arguments, &aggregate::settings(*kind), below)
            }
            Node::Cast { input, to, strict } => {
                self.expr(input, below)?;
                let method = if *strict { "cast" } else { "try_cast" };
                write!(self.out, ".{method}({})", type_name(to))
            }
            Node::Case { branches, otherwise } => self.case(branches, otherwise.as_ref(), below),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expr], settings: &str, depth: usize) -> fmt::Result {
        write!(self.out, "{name}(")?;
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                self.out.write_str(", ")?;
            }
            self.expr(argument, depth)?;
        }
        if !settings.is_empty() && !arguments.is_empty() {
            self.out.write_str(", ")?;
        }
        write!(self.out, "{settings})")
    }

    fn case(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>, depth: usize) -> fmt::Result {
        for (index, (condition, value)) in branches.iter().enumerate() {
            self.out.write_str(if index == 0 { "when(" } else { ".when(" })?;
            self.expr(condition, depth)?;
            self.out.write_str(").then(")?;
            self.expr(value, depth)?;
            self.out.write_char(')')?;
        }
        if let Some(otherwise) = otherwise {
            self.out.write_str(".otherwise(")?;
            self.expr(otherwise, depth)?;
            self.out.write_char(')')?;
        }
        Ok(())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Int(value) => write!(f, "{value}"),
            Literal::Float(value) => write!(f, "{value:?}"),
            Literal::Text(value) => write!(f, "{value:?}"),
            Literal::Typed(array) if array.is_null(0) => f.write_str("null"),
            Literal::Typed(array) => {
                let text = array_value_to_string(array, 0).map_err(|_| fmt::Error)?;
                match array.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => write!(f, "{text:?}"),
                    _ => f.write_str(&text),
                }
            }
        }
    }
}
