//! 1: the user's API. A frame is a plan and a session; a method adds a node and decides nothing.
//!
//! A step that cannot be bound keeps its error in the frame with the caller's line, so that a chain needs no
//! `?` between its steps; every way out (`collect.rs`, `write.rs`) returns it. Next in the flow: `plan/mod.rs`.

mod collect;
mod columns;
mod delayed;
mod describe;
mod group_by;
mod merge;
mod partitions;
mod read;
mod rows;
mod table;
mod visualize;
mod write;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};

pub(crate) use collect::{compute_frames, compute_frames_with_report};
pub use columns::{IntoColumn, Selection, batch_of_columns};
pub use group_by::GroupedFrame;
pub use merge::{Merge, on};
pub use partitions::concat;
pub use read::{
    read_csv, read_csv_with, read_ipc, read_ipc_with, read_ndjson, read_ndjson_with, read_parquet,
    read_parquet_with,
};

pub use table::Table;
pub use write::Written;

use crate::error::{Result, Step, column_index};
use crate::expr::{Expr, col};
use crate::plan::{Filter, Plan, PlanRef, Project, Sort, SortKey};
use crate::session::Session;

/// A lazy table in row partitions.
///
/// Methods only grow a plan and return at once; [`PartitionedFrame::compute`], [`PartitionedFrame::persist`]
/// and the writers run it. Cloning is cheap, and frames that grew from one another share their common work
/// when they are computed together with [`compute_all`](crate::compute_all).
///
/// # Example
/// ```
/// use partita::prelude::*;
///
/// let batch = batch! { "city" => ["Ulm", "Bonn", "Ulm"], "rain" => [3, 5, 4] }?;
/// let wet = PartitionedFrame::from_batches([batch])
///     .groupby(["city"])
///     .agg([col("rain").sum().alias("rain")])
///     .sort_values([col("rain").desc()])
///     .compute()?;
/// assert_eq!(wet.num_rows(), 2);
/// # Ok::<(), partita::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a frame is lazy: nothing happens before `compute`, `persist` or a writer"]
pub struct PartitionedFrame {
    pub(crate) plan: Result<PlanRef>,
    pub(crate) session: Session,
}

impl PartitionedFrame {
    pub(crate) fn new(plan: Result<PlanRef>, session: Session, step: Step) -> PartitionedFrame {
        PartitionedFrame { plan: plan.map_err(|error| error.at_step(step)), session }
    }

    /// Adds a step to the chain.
    pub(crate) fn then(
        &self,
        step: Step,
        build: impl FnOnce(PlanRef) -> Result<PlanRef>,
    ) -> PartitionedFrame {
        let plan = match &self.plan {
            Ok(plan) => build(Arc::clone(plan)).map_err(|error| error.at_step(step)),
            Err(error) => Err(error.clone()),
        };
        PartitionedFrame { plan, session: self.session.clone() }
    }

    /// The same frame, run by another session: its threads, memory limit and other settings.
    pub fn with_session(&self, session: &Session) -> PartitionedFrame {
        PartitionedFrame { plan: self.plan.clone(), session: session.clone() }
    }

    /// The columns and their types, known before any data is read.
    ///
    /// # Errors
    /// A step of the chain could not be bound.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(self.plan.clone()?.schema.clone())
    }

    /// Only these columns or expressions, in this order.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let batch = batch! { "km" => [3, 5], "h" => [1, 2] }?;
    /// let speed = PartitionedFrame::from_batches([batch]).select([(col("km") / col("h")).alias("speed")]);
    /// assert_eq!(speed.schema()?.field(0).name(), "speed");
    /// # Ok::<(), partita::Error>(())
    /// ```
    #[track_caller]
    pub fn select<S: Into<Selection>>(&self, columns: impl IntoIterator<Item = S>) -> PartitionedFrame {
        let exprs = columns.into_iter().map(|column| column.into().0).collect();
        let step = Step::here("select");
        self.then(step, |plan| Project::plan(plan, exprs, step))
    }

    /// The rows for which `predicate` is true; false and null drop the row. Row order stays.
    #[track_caller]
    pub fn filter(&self, predicate: impl Into<Expr>) -> PartitionedFrame {
        let predicate = predicate.into();
        let step = Step::here("filter");
        self.then(step, |plan| Filter::plan(plan, predicate, step))
    }

    /// All columns, with new ones added at the end or old ones of the same name replaced in place. Each
    /// expression sees the columns as they were before this step.
    #[track_caller]
    pub fn assign<E: Into<Expr>>(&self, exprs: impl IntoIterator<Item = E>) -> PartitionedFrame {
        let exprs: Vec<Expr> = exprs.into_iter().map(Into::into).collect();
        let step = Step::here("assign");
        self.then(step, |plan| {
            let given: Vec<String> = exprs.iter().map(Expr::output_name).collect();
            crate::plan::check_unique(given.iter().map(String::as_str))?;
            let mut all: Vec<Expr> = plan.schema.fields().iter().map(|field| col(field.name())).collect();
            for (name, expr) in given.iter().zip(exprs) {
                match plan.schema.column_with_name(name) {
                    Some((index, _)) => all[index] = expr,
                    None => all.push(expr),
                }
            }
            Project::plan(plan, all, step)
        })
    }

    /// The same columns under other names: pairs of old and new.
    #[track_caller]
    pub fn rename<A: Into<String>, B: Into<String>>(
        &self,
        pairs: impl IntoIterator<Item = (A, B)>,
    ) -> PartitionedFrame {
        let pairs: Vec<(String, String)> = pairs.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
        let step = Step::here("rename");
        self.then(step, |plan| {
            for (old, _) in &pairs {
                column_index(&plan.schema, old)?;
            }
            self.replace_columns(plan, step, |name| {
                let new = pairs.iter().rev().find(|(old, _)| old == name);
                new.map(|(old, new)| col(old).alias(new))
            })
        })
    }

    /// All columns but these.
    #[track_caller]
    pub fn drop<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> PartitionedFrame {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let step = Step::here("drop");
        self.then(step, |plan| {
            for name in &names {
                column_index(&plan.schema, name)?;
            }
            let kept =
                plan.schema.fields().iter().map(|field| field.name()).filter(|name| !names.contains(name));
            let kept = kept.map(col).collect();
            Project::plan(plan.clone(), kept, step)
        })
    }

    /// Columns cast to other types: pairs of name and type. A value that does not fit is an error that names
    /// it; [`Expr::try_cast`] gives null instead.
    #[track_caller]
    pub fn astype<N: Into<String>>(
        &self,
        types: impl IntoIterator<Item = (N, DataType)>,
    ) -> PartitionedFrame {
        let types: Vec<(String, DataType)> = types.into_iter().map(|(name, to)| (name.into(), to)).collect();
        let step = Step::here("astype");
        self.then(step, |plan| {
            for (name, _) in &types {
                column_index(&plan.schema, name)?;
            }
            self.replace_columns(plan, step, |name| {
                let to = types.iter().rev().find(|(column, _)| column == name);
                to.map(|(_, to)| col(name).cast(to.clone()).alias(name))
            })
        })
    }

    /// Nulls replaced: pairs of a column and the value (or expression) that stands for its nulls.
    #[track_caller]
    pub fn fillna<N: Into<String>, E: Into<Expr>>(
        &self,
        values: impl IntoIterator<Item = (N, E)>,
    ) -> PartitionedFrame {
        let values: Vec<(String, Expr)> =
            values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let step = Step::here("fillna");
        self.then(step, |plan| {
            for (name, _) in &values {
                column_index(&plan.schema, name)?;
            }
            self.replace_columns(plan, step, |name| {
                let value = values.iter().rev().find(|(column, _)| column == name);
                value.map(|(_, value)| col(name).fill_null(value.clone()).alias(name))
            })
        })
    }

    /// The rows without a null in any of these columns.
    #[track_caller]
    pub fn dropna<N: Into<String>>(&self, subset: impl IntoIterator<Item = N>) -> PartitionedFrame {
        let subset: Vec<String> = subset.into_iter().map(Into::into).collect();
        let step = Step::here("dropna");
        self.then(step, |plan| {
            let predicate = subset.iter().map(|name| col(name).is_not_null()).reduce(Expr::and);
            match predicate {
                Some(predicate) => Filter::plan(plan, predicate, step),
                None => Ok(plan),
            }
        })
    }

    /// Sorted by one or more keys, stable; nulls last unless a key says otherwise. See [`SortKey`].
    #[track_caller]
    pub fn sort_values<K: Into<SortKey>>(&self, keys: impl IntoIterator<Item = K>) -> PartitionedFrame {
        let keys = keys.into_iter().map(Into::into).collect();
        let step = Step::here("sort_values");
        self.then(step, |plan| Sort::plan(plan, keys, None, step))
    }

    /// A projection of all columns in which some are replaced.
    fn replace_columns(
        &self,
        plan: PlanRef,
        step: Step,
        replace: impl Fn(&str) -> Option<Expr>,
    ) -> Result<PlanRef> {
        let exprs = plan
            .schema
            .fields()
            .iter()
            .map(|field| replace(field.name()).unwrap_or_else(|| col(field.name())))
            .collect();
        Project::plan(plan, exprs, step)
    }
}

impl fmt::Debug for PartitionedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plan {
            Ok(plan) => crate::explain::write_plan(plan, f),
            Err(error) => write!(f, "PartitionedFrame({error})"),
        }
    }
}

/// The plan below, as `explain` prints it.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::explain::write_plan(self, f)
    }
}
