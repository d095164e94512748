//! Which side of a join runs first. Of an inner join it is the right one, which is built, unless the left one is
//! known to be much smaller; then the sides change places, and the output columns keep theirs. In joins that keep
//! left rows the sides stay, but a much smaller left side runs first too, so that the right side can leave out the
//! rows that have no partner there.

use super::rewrite::bottom_up;
use super::sizes::Sizes;
use crate::error::Result;
use crate::plan::{How, Join, JoinColumn, JoinSide, Node, PlanRef};

/// The left side is built instead if it is estimated to be so many times smaller.
const MUCH_SMALLER: f64 = 2.0;
/// A left side of more rows than this takes longer to keep than it saves.
const MOST_REDUCING: f64 = 4e6;

pub(super) fn run(plans: Vec<PlanRef>) -> Result<Vec<PlanRef>> {
    let sizes = Sizes::default();
    bottom_up(&plans, &|plan| with_smaller_first(plan, &sizes))
}

fn with_smaller_first(plan: PlanRef, sizes: &Sizes) -> Result<PlanRef> {
    let Node::Join(join) = &plan.node else { return Ok(plan) };
    let (Some(left), Some(right)) = (sizes.rows(&join.left), sizes.rows(&join.right)) else {
        return Ok(plan);
    };
    match join.how {
        _ if left * MUCH_SMALLER >= right => Ok(plan),
        How::Inner => swapped(join).into_plan(plan.step),
        How::Left | How::Semi | How::Anti if left <= MOST_REDUCING => {
            Join { reduces: true, ..join.clone() }.into_plan(plan.step)
        }
        _ => Ok(plan),
    }
}

fn swapped(join: &Join) -> Join {
    let output = join
        .output
        .iter()
        .map(|column| {
            let side = match &column.side {
                JoinSide::Left(name) => JoinSide::Right(name.clone()),
                JoinSide::Right(name) => JoinSide::Left(name.clone()),
                JoinSide::Key(left, right) => JoinSide::Key(right.clone(), left.clone()),
            };
            JoinColumn { name: column.name.clone(), side }
        })
        .collect();
    Join {
        left: join.right.clone(),
        right: join.left.clone(),
        left_on: join.right_on.clone(),
        right_on: join.left_on.clone(),
        how: join.how,
        nulls_equal: join.nulls_equal,
        output,
        reduces: false,
    }
}
