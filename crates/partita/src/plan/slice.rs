//! A range of rows by position: `head`, `tail` and `slice`.

use super::{Node, Plan, PlanRef};
use crate::error::Step;

/// Which rows, counted in the frame's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Range {
    /// `len` rows after the first `offset`.
    First { offset: usize, len: usize },
    /// The last `len` rows.
    Last { len: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) input: PlanRef,
    pub(crate) range: Range,
}

impl Slice {
    pub(crate) fn plan(input: PlanRef, range: Range, step: Step) -> PlanRef {
        let schema = input.schema.clone();
        Plan::new(Node::Slice(Slice { input, range }), schema, step)
    }
}
