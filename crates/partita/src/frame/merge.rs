//! `merge`: joins in pandas' words.

use crate::error::{Error, Result, Step};
use crate::frame::PartitionedFrame;
use crate::plan::{How, Join, JoinRequest};

/// How two frames are merged: keys, kind and suffixes. Starts with [`on`], [`Merge::left_right`] or
/// [`Merge::cross`].
#[derive(Clone, Debug)]
pub struct Merge {
    request: JoinRequest,
}

/// Merges on columns that both frames have under the same name; each appears once in the result.
pub fn on<N: Into<String>>(keys: impl IntoIterator<Item = N>) -> Merge {
    let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
    Merge::new(keys.clone(), keys)
}

impl Merge {
    fn new(left_on: Vec<String>, right_on: Vec<String>) -> Merge {
        let suffixes = ("_x".to_owned(), "_y".to_owned());
        Merge { request: JoinRequest { left_on, right_on, how: How::Inner, nulls_equal: false, suffixes } }
    }

    /// Merges on columns of different names: the left frame's, then the right frame's. Both stay in the result.
    pub fn left_right<A: Into<String>, B: Into<String>>(
        left_on: impl IntoIterator<Item = A>,
        right_on: impl IntoIterator<Item = B>,
    ) -> Merge {
        Merge::new(
            left_on.into_iter().map(Into::into).collect(),
            right_on.into_iter().map(Into::into).collect(),
        )
    }

    /// Pairs every left row with every right row.
    pub fn cross() -> Merge {
        Merge::new(Vec::new(), Vec::new()).how(How::Cross)
    }

    /// Which rows are kept; the default is [`How::Inner`].
    #[must_use]
    pub fn how(mut self, how: How) -> Merge {
        self.request.how = how;
        self
    }

    /// Whether a null key matches a null key, as in pandas. By default it matches nothing.
    #[must_use]
    pub fn nulls_equal(mut self, nulls_equal: bool) -> Merge {
        self.request.nulls_equal = nulls_equal;
        self
    }

    /// What is added to the names of columns that both frames have and that are no keys; the default is `_x`
    /// and `_y`.
    #[must_use]
    pub fn suffixes(mut self, left: impl Into<String>, right: impl Into<String>) -> Merge {
        self.request.suffixes = (left.into(), right.into());
        self
    }
}

impl PartitionedFrame {
    /// Joins with another frame; see [`on`] and [`How`]. The result's order is fixed by the data but, where
    /// neither side is small, is not the left frame's; sort if it matters. Matches of one left row come in the
    /// right frame's order.
    ///
    /// # Example
    /// ```
    /// use partita::prelude::*;
    ///
    /// let left = PartitionedFrame::from_batches([batch! { "k" => [1, 2] }?]);
    /// let right = PartitionedFrame::from_batches([batch! { "k" => [2, 3], "name" => ["b", "c"] }?]);
    /// assert_eq!(left.merge(&right, on(["k"]).how(How::Left)).compute()?.num_rows(), 2);
    /// # Ok::<(), partita::Error>(())
    /// ```
    #[track_caller]
    pub fn merge(&self, right: &PartitionedFrame, merge: Merge) -> PartitionedFrame {
        let step = Step::here("merge");
        let right: Result<_> = right.plan.clone();
        self.then(step, |left| {
            let right = right?;
            if merge.request.suffixes.0 == merge.request.suffixes.1 {
                return Err(Error::invalid("the two suffixes of a merge must differ"));
            }
            Join::plan(left, right, merge.request, step)
        })
    }
}
