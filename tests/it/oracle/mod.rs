//! The oracle: a naive interpreter of chains, row by row over plain values. It shares no code with the engine
//! and does everything in the most obvious way. `step.rs` has the steps, `expression.rs` the expressions,
//! `aggregate.rs` the aggregates; each can also be turned into the engine's own. `random.rs` draws them.

pub(crate) mod aggregate;
pub(crate) mod expression;
mod merge;
pub(crate) mod step;
