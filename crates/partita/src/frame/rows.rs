//! Steps that choose rows by position or by comparing them with each other: `head`, `tail`, `slice`,
//! `nlargest`, `drop_duplicates`, `value_counts`.

use super::PartitionedFrame;
use crate::error::Step;
use crate::expr::{col, size};
use crate::plan::{Distinct, Keep, Range, Slice, Sort, SortKey};

impl PartitionedFrame {
    /// The first `n` rows in the frame's order. Partitions after those that hold them are not read.
    #[track_caller]
    pub fn head(&self, n: usize) -> PartitionedFrame {
        let step = Step::here("head");
        self.then(step, |plan| Ok(Slice::plan(plan, Range::First { offset: 0, len: n }, step)))
    }

    /// The last `n` rows in the frame's order.
    #[track_caller]
    pub fn tail(&self, n: usize) -> PartitionedFrame {
        let step = Step::here("tail");
        self.then(step, |plan| Ok(Slice::plan(plan, Range::Last { len: n }, step)))
    }

    /// `len` rows after the first `offset`.
    #[track_caller]
    pub fn slice(&self, offset: usize, len: usize) -> PartitionedFrame {
        let step = Step::here("slice");
        self.then(step, |plan| Ok(Slice::plan(plan, Range::First { offset, len }, step)))
    }

    /// The `n` rows with the greatest values of a column, greatest first; of equals the earlier ones.
    #[track_caller]
    pub fn nlargest(&self, n: usize, column: &str) -> PartitionedFrame {
        let step = Step::here("nlargest");
        self.then(step, |plan| Sort::plan(plan, vec![col(column).desc()], Some(n), step))
    }

    /// The `n` rows with the smallest values of a column, smallest first; of equals the earlier ones.
    #[track_caller]
    pub fn nsmallest(&self, n: usize, column: &str) -> PartitionedFrame {
        let step = Step::here("nsmallest");
        self.then(step, |plan| Sort::plan(plan, vec![col(column).asc()], Some(n), step))
    }

    /// Of the rows that agree in all columns, one or none; see [`Keep`]. Nulls agree with nulls.
    ///
    /// The result's order is fixed but is not the frame's; sort if it matters.
    #[track_caller]
    pub fn drop_duplicates(&self, keep: Keep) -> PartitionedFrame {
        let step = Step::here("drop_duplicates");
        self.then(step, |plan| {
            let all = plan.schema.fields().iter().map(|field| field.name().clone()).collect();
            Distinct::plan(plan, all, keep, step)
        })
    }

    /// As [`PartitionedFrame::drop_duplicates`], comparing only the columns of `subset`.
    #[track_caller]
    pub fn drop_duplicates_by<N: Into<String>>(
        &self,
        subset: impl IntoIterator<Item = N>,
        keep: Keep,
    ) -> PartitionedFrame {
        let subset = subset.into_iter().map(Into::into).collect();
        let step = Step::here("drop_duplicates_by");
        self.then(step, |plan| Distinct::plan(plan, subset, keep, step))
    }

    /// How often each value of a column occurs, as the column and `count`: most frequent first, equals by
    /// value. Nulls are not counted.
    #[track_caller]
    pub fn value_counts(&self, column: &str) -> PartitionedFrame {
        let step = Step::here("value_counts");
        let counted =
            self.then(step, |plan| crate::plan::Filter::plan(plan, col(column).is_not_null(), step));
        let counted = counted.groupby([column]).agg([size().alias("count")]);
        let keys: Vec<SortKey> = vec![col("count").desc(), col(column).asc()];
        counted.then(step, |plan| Sort::plan(plan, keys, None, step))
    }
}
