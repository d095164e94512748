//! 3: a plan becomes a better plan with the same rows. One pass per file; `passes.rs` is the ordered table.
//! Next in the flow: `stage/lower.rs`.

mod filters;
mod fold;
mod limits;
mod passes;
mod projections;
mod rewrite;
mod share;
mod sides;
mod sizes;

pub(crate) use passes::optimize_all;
pub(crate) use sizes::Sizes;
