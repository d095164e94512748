//! Large pictures made readable: nodes that repeat each other become one, with their number.
//!
//! Three folds, each stronger than the one before, and only as many as the size asks for: `chains.rs` folds
//! the same function called again and again on its own result; `repeats.rs` nodes of a group that stand at
//! the same place of the graph; `bands.rs`, for what is still too large, everything at about the same depth.
//! `merge.rs` makes one node of many. Next: `results.rs`.

mod bands;
mod chains;
mod merge;
mod repeats;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::picture::Picture;

/// So many nodes can still be taken in, so pairs and triples stay apart.
const READABLE: usize = 150;
/// More than this is not drawn, whatever is asked.
const MOST: usize = 5_000;

/// The picture with what repeats folded, if it is large.
pub(super) fn collapse(picture: &Picture) -> Cow<'_, Picture> {
    if picture.nodes.len() <= picture.small {
        return Cow::Borrowed(picture);
    }
    let chained = chains::fold(picture);
    let mut folded = repeats::fold(&chained, 4);
    if folded.nodes.len() > READABLE {
        folded = repeats::fold(&chained, 2);
    }
    if folded.nodes.len() > MOST {
        folded = bands::fold(&folded);
    }
    Cow::Owned(folded)
}

/// The picture as it is, unless it is larger than can be drawn.
pub(super) fn at_most_drawable(picture: &Picture) -> Cow<'_, Picture> {
    const LARGEST: usize = 20_000;
    if picture.nodes.len() <= LARGEST { Cow::Borrowed(picture) } else { collapse(picture) }
}
