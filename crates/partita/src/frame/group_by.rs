//! `groupby(...)` and what can follow it.

use crate::error::{Error, Step};
use crate::expr::{Expr, col, split_aggregates};
use crate::frame::{PartitionedFrame, Selection};
use crate::plan::{Filter, GroupBy, Project, Sort};

/// A frame with group keys, waiting for [`GroupedFrame::agg`].
#[derive(Clone, Debug)]
#[must_use = "a grouped frame does nothing before `agg`"]
pub struct GroupedFrame {
    frame: PartitionedFrame,
    keys: Vec<Expr>,
    sort: bool,
    dropna: bool,
    step: Step,
}

impl PartitionedFrame {
    /// Groups rows by columns or expressions. A null key is a group of its own.
    #[track_caller]
    pub fn groupby<S: Into<Selection>>(&self, keys: impl IntoIterator<Item = S>) -> GroupedFrame {
        GroupedFrame {
            frame: self.clone(),
            keys: keys.into_iter().map(|key| key.into().0).collect(),
            sort: false,
            dropna: false,
            step: Step::here("groupby"),
        }
    }

    /// Aggregates all rows into one row. Of no rows: counts are 0, sums 0, the others null.
    #[track_caller]
    pub fn agg<E: Into<Expr>>(&self, aggregates: impl IntoIterator<Item = E>) -> PartitionedFrame {
        let step = Step::here("agg");
        aggregate(self, &[], aggregates.into_iter().map(Into::into).collect(), step)
    }
}

impl GroupedFrame {
    /// Sorts the groups by their keys, ascending, nulls last. The default order is fixed but arbitrary.
    pub fn sort(mut self, sort: bool) -> GroupedFrame {
        self.sort = sort;
        self
    }

    /// Leaves out the rows in which a key is null, as pandas does by default.
    pub fn dropna(mut self, dropna: bool) -> GroupedFrame {
        self.dropna = dropna;
        self
    }

    /// One row per group: the keys, then these aggregates. An aggregate may be part of a larger expression,
    /// `col("a").sum() / col("b").sum()`, but every column must be inside an aggregate or be a key.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let batch = batch! { "k" => ["a", "b", "a"], "v" => [1, 2, 3] }?;
    /// let sums = PartitionedFrame::from_batches([batch])
    ///     .groupby(["k"])
    ///     .sort(true)
    ///     .agg([col("v").sum().alias("sum"), size()]);
    /// assert_eq!(sums.compute()?.num_rows(), 2);
    /// # Ok::<(), partita::Error>(())
    /// ```
    #[track_caller]
    pub fn agg<E: Into<Expr>>(&self, aggregates: impl IntoIterator<Item = E>) -> PartitionedFrame {
        let aggregates = aggregates.into_iter().map(Into::into).collect();
        let mut frame = self.frame.clone();
        if self.keys.is_empty() {
            let error = Error::invalid(
                "groupby needs at least one key; `agg` on the frame itself aggregates all rows",
            );
            return frame.then(self.step, |_| Err(error));
        }
        if self.dropna {
            let present =
                self.keys.iter().map(|key| key.without_alias().clone().is_not_null()).reduce(Expr::and);
            if let Some(present) = present {
                frame = frame.then(self.step, |plan| Filter::plan(plan, present, self.step));
            }
        }
        let grouped = aggregate(&frame, &self.keys, aggregates, Step::here("agg"));
        if !self.sort {
            return grouped;
        }
        let keys = self.keys.iter().map(|key| col(key.output_name()).asc()).collect();
        grouped.then(self.step, |plan| Sort::plan(plan, keys, None, self.step))
    }

    /// The number of rows of each group, as `size`.
    #[track_caller]
    pub fn size(&self) -> PartitionedFrame {
        self.agg([crate::expr::size()])
    }
}

/// A group-by of the distinct aggregate calls, and above it a projection that puts the expressions together.
fn aggregate(frame: &PartitionedFrame, keys: &[Expr], aggregates: Vec<Expr>, step: Step) -> PartitionedFrame {
    frame.then(step, |plan| {
        let key_names: Vec<String> = keys.iter().map(Expr::output_name).collect();
        let reserved: Vec<&str> = key_names.iter().map(String::as_str).collect();
        let split = split_aggregates(&aggregates, &reserved)?;
        let grouped = GroupBy::plan(plan, keys.to_vec(), split.calls, step)?;
        let output = key_names.iter().map(col).chain(split.projection).collect();
        Project::plan(grouped, output, step)
    })
}
