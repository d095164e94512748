//! Expressions: what users write about columns, and how it becomes arrays.
//!
//! `build` and `function` make a `tree`; `bind` resolves its names and types against a schema into a `program`,
//! which a `frame` runs on batches. `rewrite` and `fold` are what the optimizer does with a tree; `aggregate` takes the
//! expressions of `agg` apart. A frame takes expressions into a plan; that is where the flow goes on.

pub(crate) mod aggregate;
mod arithmetic;
mod bind;
mod build;
mod calendar;
mod call;
mod compare;
mod convert;
mod decimals;
mod display;
mod equal_text;
mod fold;
mod frame;
pub(crate) mod function;
pub(crate) mod literal;
mod local_time;
pub(crate) mod program;
pub(crate) mod rewrite;
#[cfg(test)]
mod tests;
mod tree;
mod types;
mod value;

pub use aggregate::size;
pub use build::{Then, When, coalesce, col, when};
pub use function::choice::{concat_str, greatest, least};
pub use function::date::Date;
pub use function::list::{List, Struct};
pub use function::text::Text;
pub use literal::{lit, lit_decimal, null};
pub use tree::Expr;

pub(crate) use aggregate::{AggregateCall, split_aggregates};
pub(crate) use literal::typed_null as null_of;
pub(crate) use program::{Bound, BoundList};
pub(crate) use rewrite::{Term, TermCompare, conjoin};
pub(crate) use types::common as common_type;
