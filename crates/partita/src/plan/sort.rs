//! A stable sort by one or more keys, each with its own direction and place for nulls; with a limit it is a
//! top-k.

use std::collections::BTreeSet;
use std::fmt;

use super::{Node, Plan, PlanRef, columns_of};
use crate::error::{Error, Result, Step};
use crate::expr::{Expr, col};

/// Up to so many rows a limited sort keeps only the best; beyond, it would hold too much, and a sort can spill.
pub(crate) const TOP_K_MAX: usize = 100_000;

/// A sort key: an expression, its direction, and where its nulls go.
///
/// Made by [`Expr::asc`] and [`Expr::desc`]; a column name alone sorts ascending. Nulls go last unless
/// [`SortKey::nulls_first`] says otherwise, whatever the direction. NaN is greater than every number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SortKey {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl SortKey {
    /// Puts the nulls of this key before all values.
    #[must_use]
    pub fn nulls_first(mut self) -> SortKey {
        self.nulls_first = true;
        self
    }

    /// Puts the nulls of this key after all values, which is the default.
    #[must_use]
    pub fn nulls_last(mut self) -> SortKey {
        self.nulls_first = false;
        self
    }
}

impl Expr {
    /// Sorts by this expression, smallest first.
    pub fn asc(self) -> SortKey {
        SortKey { expr: self, descending: false, nulls_first: false }
    }

    /// Sorts by this expression, greatest first; nulls still go last.
    pub fn desc(self) -> SortKey {
        SortKey { expr: self, descending: true, nulls_first: false }
    }
}

impl From<Expr> for SortKey {
    fn from(expr: Expr) -> SortKey {
        expr.asc()
    }
}

impl From<&str> for SortKey {
    fn from(name: &str) -> SortKey {
        col(name).asc()
    }
}

impl From<String> for SortKey {
    fn from(name: String) -> SortKey {
        col(name).asc()
    }
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)?;
        if self.descending {
            f.write_str(" desc")?;
        }
        if self.nulls_first {
            f.write_str(" nulls first")?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sort {
    pub(crate) input: PlanRef,
    pub(crate) keys: Vec<SortKey>,
    /// Only the first so many rows are wanted.
    pub(crate) limit: Option<usize>,
}

impl Sort {
    /// # Errors
    /// There is no key, or one does not bind.
    pub(crate) fn plan(
        input: PlanRef,
        keys: Vec<SortKey>,
        limit: Option<usize>,
        step: Step,
    ) -> Result<PlanRef> {
        if keys.is_empty() {
            return Err(Error::invalid("sort_values needs at least one key"));
        }
        for key in &keys {
            if key.expr.has_aggregate() {
                return Err(Error::invalid(format!(
                    "`{}` aggregates rows, so rows cannot be sorted by it",
                    key.expr
                )));
            }
            key.expr.bind(&input.schema)?;
        }
        let schema = input.schema.clone();
        Ok(Plan::new(Node::Sort(Sort { input, keys, limit }), schema, step))
    }

    pub(crate) fn columns_used(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut used = wanted.clone();
        for key in &self.keys {
            used.extend(columns_of(&key.expr));
        }
        used
    }
}
