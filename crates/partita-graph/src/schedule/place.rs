//! Where expansions stand in the static order.
//!
//! A graph that a task expanded into takes that task's place: its tasks come after all that came before
//! the task, and before all that come after it. So a task's rank is the list of positions from the root
//! graph down to it, compared like words. Loops made of expansions nest deeply, so the lists are not
//! written out: each place knows its parent and, as in Myers' skew-binary lists, one farther ancestor,
//! which finds the place where two lists part in logarithmic time.

use std::cmp::Ordering;

use crate::Name;

/// A task of a run: the place of its graph and its position in that graph's static order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) place: u32,
    pub(crate) position: u32,
}

impl Rank {
    pub(crate) const ROOT: Rank = Rank { place: 0, position: 0 };
}

/// All graphs of a run, the root first, then each expansion.
#[derive(Debug)]
pub(crate) struct Places {
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// The task that expanded into this graph; for the root, the root itself.
    parent: Rank,
    name: Name,
    depth: u32,
    jump: u32,
}

impl Places {
    pub(crate) fn new() -> Self {
        Places { places: vec![Place { parent: Rank::ROOT, name: Name::from("root"), depth: 0, jump: 0 }] }
    }

    /// Adds the place of the graph that `parent`, a task named `name`, expanded into.
    pub(crate) fn add(&mut self, parent: Rank, name: Name) -> u32 {
        let above = &self.places[parent.place as usize];
        let jump = &self.places[above.jump as usize];
        let same_stride = above.depth - jump.depth == jump.depth - self.depth(jump.jump);
        let farther = if same_stride { jump.jump } else { parent.place };
        let place = Place { parent, name, depth: above.depth + 1, jump: farther };
        self.places.push(place);
        (self.places.len() - 1) as u32
    }

    /// The task that expanded into the graph at `place`, with its name; none for the root.
    pub(crate) fn parent(&self, place: u32) -> Option<(Rank, &Name)> {
        let found = &self.places[place as usize];
        (place != 0).then_some((found.parent, &found.name))
    }

    /// Which of two tasks comes first in the static order.
    pub(crate) fn compare(&self, a: Rank, b: Rank) -> Ordering {
        if a.place == b.place {
            return a.position.cmp(&b.position);
        }
        let depth = self.depth(a.place).min(self.depth(b.place));
        let (above_a, above_b) = (self.lift(a, depth), self.lift(b, depth));
        if above_a.place == above_b.place {
            // If one expanded, at some depth, into the graph of the other, it comes first.
            let (depth_a, depth_b) = (self.depth(a.place), self.depth(b.place));
            return above_a.position.cmp(&above_b.position).then(depth_a.cmp(&depth_b));
        }
        let (mut x, mut y) = (above_a.place, above_b.place);
        while self.up(x) != self.up(y) {
            let (far_x, far_y) = (self.jump(x), self.jump(y));
            (x, y) = if far_x == far_y { (self.up(x), self.up(y)) } else { (far_x, far_y) };
        }
        let position = |place: u32| self.places[place as usize].parent.position;
        position(x).cmp(&position(y))
    }

    /// The task at `depth` that is `rank`, or whose expansion led to it.
    fn lift(&self, rank: Rank, depth: u32) -> Rank {
        if self.depth(rank.place) == depth {
            return rank;
        }
        let mut place = rank.place;
        while self.depth(place) > depth + 1 {
            let jump = self.jump(place);
            place = if self.depth(jump) > depth { jump } else { self.up(place) };
        }
        self.places[place as usize].parent
    }

    fn depth(&self, place: u32) -> u32 {
        self.places[place as usize].depth
    }

    fn jump(&self, place: u32) -> u32 {
        self.places[place as usize].jump
    }

    fn up(&self, place: u32) -> u32 {
        self.places[place as usize].parent.place
    }
}
