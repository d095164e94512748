//! The function table. A function is one entry in one file of this directory: its documentation, a tested
//! example, its builder method, its type rule and its kernel.
//!
//! `bind` meets a function node, calls the entry's `bind` with a [`Call`], and gets [`Returns`]: the type and a
//! kernel for `program` to run. To add a function, add an entry to a `functions!` block; nothing else.

pub(crate) mod choice;
pub(crate) mod date;
mod format;
mod like;
pub(crate) mod list;
mod macros;
mod math;
pub(crate) mod text;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};

use super::bind::Binder;
use super::literal::Literal;
use super::tree::{Expr, Node};
use super::types::{STRICT, is_text, value_type};
use super::value::{Evaluated, Kernel, Value};
use crate::error::type_name;
use crate::{Error, Result};

/// The name by which `rewrite` knows membership tests.
pub(crate) const IS_IN: &str = "is_in";

/// One function.
pub(crate) struct Function {
    /// As it prints, with its namespace: `str.upper`.
    pub(crate) name: &'static str,
    /// Types the arguments and makes the kernel.
    pub(crate) bind: fn(&mut Call<'_, '_>) -> Result<Returns>,
}

impl Function {
    pub(crate) fn call(&'static self, arguments: Vec<Expr>) -> Expr {
        Expr::new(Node::Function(self, arguments))
    }
}

/// What a function gives for arguments of these types.
pub(crate) struct Returns {
    pub(crate) data_type: DataType,
    /// `None`: null may come out where it may go in.
    pub(crate) nullable: Option<bool>,
    /// Whether the kernel fails on some values.
    pub(crate) raises: bool,
    pub(crate) kernel: Kernel,
}

impl Returns {
    /// A kernel that never fails, null where an argument is null.
    pub(crate) fn new(
        data_type: DataType,
        kernel: impl Fn(&[Value]) -> Evaluated<ArrayRef> + Send + Sync + 'static,
    ) -> Returns {
        Returns { data_type, nullable: None, raises: false, kernel: super::bind::kernel(kernel) }
    }
    /// The same, failing on some values.
    pub(crate) fn raising(self) -> Returns {
        Returns { raises: true, ..self }
    }
    pub(crate) fn with_nullable(self, nullable: bool) -> Returns {
        Returns { nullable: Some(nullable), ..self }
    }
}

/// A function's arguments while it is bound.
pub(crate) struct Call<'b, 's> {
    binder: &'b mut Binder<'s>,
    expr: &'b Expr,
    arguments: Vec<usize>,
}

impl<'b, 's> Call<'b, 's> {
    pub(crate) fn new(binder: &'b mut Binder<'s>, expr: &'b Expr, arguments: Vec<usize>) -> Self {
        Call { binder, expr, arguments }
    }
    pub(crate) fn into_arguments(self) -> Vec<usize> {
        self.arguments
    }
    pub(crate) fn len(&self) -> usize {
        self.arguments.len()
    }
    pub(crate) fn data_type(&self, index: usize) -> &DataType {
        &self.binder.slot(self.arguments[index]).data_type
    }
    pub(crate) fn nullable(&self, index: usize) -> bool {
        self.binder.slot(self.arguments[index]).nullable
    }
    pub(crate) fn weak(&self, index: usize) -> Option<&Literal> {
        self.binder.weak(self.arguments[index])
    }
    pub(crate) fn constant(&self, index: usize) -> Option<&ArrayRef> {
        self.binder.constant_value(self.arguments[index])
    }
    /// Brings argument `index` to a type by the rules for implicit casts.
    pub(crate) fn coerce(&mut self, index: usize, to: &DataType) -> Result<()> {
        self.arguments[index] = self.binder.coerce(self.expr, self.arguments[index], to)?;
        Ok(())
    }
    /// Replaces argument `index` by a constant.
    pub(crate) fn replace(&mut self, index: usize, array: ArrayRef) {
        let expr = self.binder.slot(self.arguments[index]).expr.clone();
        self.arguments[index] = self.binder.constant(&expr, array);
    }
    /// Leaves only the first `count` arguments for the kernel; the others were read while binding.
    pub(crate) fn keep(&mut self, count: usize) {
        self.arguments.truncate(count);
    }
    /// The type at which some arguments meet.
    pub(crate) fn meet(&self, indices: impl IntoIterator<Item = usize>) -> Result<DataType> {
        let slots: Vec<usize> = indices.into_iter().map(|index| self.arguments[index]).collect();
        self.binder.meet(self.expr, &slots)
    }
    /// Argument `index` as `Utf8View`.
    pub(crate) fn text(&mut self, index: usize) -> Result<()> {
        match value_type(self.data_type(index)) {
            DataType::Null => self.coerce(index, &DataType::Utf8View),
            found if is_text(found) => self.coerce(index, &DataType::Utf8View),
            found => Err(self.clash(format!(
                "{} takes text, not {}; cast it first",
                self.name(),
                type_name(found)
            ))),
        }
    }
    /// Argument `index` as float64, from any number.
    pub(crate) fn float(&mut self, index: usize) -> Result<()> {
        let found = value_type(self.data_type(index));
        if found.is_numeric() || *found == DataType::Null {
            return self.coerce(index, &DataType::Float64);
        }
        Err(self.clash(format!("{} takes numbers, not {}; cast it first", self.name(), type_name(found))))
    }
    /// Argument `index` as int64, from any integer.
    pub(crate) fn integer(&mut self, index: usize) -> Result<()> {
        let found = value_type(self.data_type(index));
        if found.is_integer() || *found == DataType::Null {
            return self.coerce(index, &DataType::Int64);
        }
        Err(self.clash(format!("{} takes an integer here, not {}", self.name(), type_name(found))))
    }
    /// Argument `index`, which must be literal text.
    pub(crate) fn literal_text(&self, index: usize) -> Result<String> {
        match self.constant(index) {
            Some(array) if is_text(array.data_type()) && array.is_valid(0) => {
                let text = arrow::compute::cast(array, &DataType::Utf8View)?;
                Ok(text.as_string_view().value(0).to_owned())
            }
            _ => Err(self.clash(format!("argument {} of {} must be literal text", index + 1, self.name()))),
        }
    }
    /// Argument `index`, which must be a literal integer.
    pub(crate) fn literal_integer(&self, index: usize) -> Result<i64> {
        match self.constant(index) {
            Some(array) if array.data_type().is_integer() && array.is_valid(0) => {
                let array = arrow::compute::cast_with_options(array, &DataType::Int64, &STRICT)?;
                Ok(array.as_primitive::<Int64Type>().value(0))
            }
            _ => Err(self.clash(format!(
                "argument {} of {} must be a literal integer",
                index + 1,
                self.name()
            ))),
        }
    }
    /// What to call the operation in a message.
    pub(crate) fn name(&self) -> String {
        match self.expr.node() {
            Node::Function(function, _) => format!("`{}`", function.name),
            Node::Binary(op, ..) => format!("`{}`", op.symbol()),
            _ => "this".to_owned(),
        }
    }
    /// An error about the types.
    pub(crate) fn clash(&self, message: impl Into<String>) -> Error {
        Error::type_clash(self.expr, message)
    }
}

/// Every function's name, an expression that shows it, and that expression's value.
#[cfg(test)]
pub(crate) fn examples() -> Vec<(&'static str, Expr, &'static str)> {
    [
        math::math_examples(),
        text::text_examples(),
        date::date_examples(),
        list::list_examples(),
        list::struct_examples(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
