//! Places along the rows, after Brandes and Köpf: items are lined up in straight blocks with the middle ones
//! of their neighbours, blocks are pushed together, and that four times, from each corner; the place is
//! between the two middle ones of the four.

use super::rows::Rows;
use super::{Extent, GAP_ACROSS};

/// Half of what a bend takes of its row.
const BEND: f64 = 5.0;

/// The place of each item, at least 0 with all that belongs to it, and no two of a row closer than they may.
pub(super) fn places(rows: &Rows, extents: &[Extent]) -> Vec<f64> {
    let conflicts = conflicts(rows);
    let corners = [(true, true), (true, false), (false, true), (false, false)];
    let four = corners.map(|(from_above, from_left)| {
        let view = View { rows, extents, from_above, from_left };
        let mut places = pushed_together(&view, &lined_up(&view, &conflicts));
        if !from_left {
            places.iter_mut().for_each(|place| *place = -*place);
        }
        places
    });
    let mut places = middle_of(&four, extents);
    keep_apart(rows, extents, &mut places);
    let least = (0..places.len()).map(|item| places[item] - before(extents, item as u32));
    let least = least.fold(f64::INFINITY, f64::min);
    if least.is_finite() {
        places.iter_mut().for_each(|place| *place -= least);
    }
    places
}

fn before(extents: &[Extent], item: u32) -> f64 {
    extents.get(item as usize).map_or(BEND, |extent| extent.before)
}

fn after(extents: &[Extent], item: u32) -> f64 {
    extents.get(item as usize).map_or(BEND, |extent| extent.after)
}

fn apart(extents: &[Extent], left: u32, right: u32) -> f64 {
    let bends = usize::from(left as usize >= extents.len()) + usize::from(right as usize >= extents.len());
    let gap = [GAP_ACROSS, GAP_ACROSS * 0.6, GAP_ACROSS * 0.4][bends];
    after(extents, left) + gap + before(extents, right)
}

/// Short arrows that cross a piece of a long one: the long one is kept straight. Pairs of an upper and a lower
/// item, sorted.
fn conflicts(rows: &Rows) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for row in rows.rows.iter().skip(1) {
        // The bends of this row that hang on bends split both rows; what is between must stay between.
        let straight = |item: u32| {
            rows.is_bend(item)
                .then(|| rows.up.of(item).first().copied())
                .flatten()
                .filter(|&up| rows.is_bend(up))
        };
        let (mut first, mut from) = (0, 0);
        for (place, &item) in row.iter().enumerate() {
            let last = place + 1 == row.len();
            let bound = match straight(item) {
                Some(upper) => rows.place[upper as usize],
                None if last => u32::MAX,
                None => continue,
            };
            for &lower in &row[first..=place] {
                for &upper in rows.up.of(lower) {
                    let at = rows.place[upper as usize];
                    if (at < from || at > bound) && !(rows.is_bend(upper) && rows.is_bend(lower)) {
                        found.push((upper, lower));
                    }
                }
            }
            (first, from) = (place + 1, bound);
        }
    }
    found.sort_unstable();
    found
}

/// The rows as seen from one corner.
struct View<'a> {
    rows: &'a Rows,
    extents: &'a [Extent],
    from_above: bool,
    from_left: bool,
}

impl View<'_> {
    fn rows(&self) -> impl Iterator<Item = &Vec<u32>> {
        let count = self.rows.rows.len();
        (0..count).map(move |row| &self.rows.rows[if self.from_above { row } else { count - 1 - row }])
    }

    fn in_order<'r>(&self, row: &'r [u32]) -> impl Iterator<Item = u32> + use<'r> {
        let (count, from_left) = (row.len(), self.from_left);
        (0..count).map(move |place| row[if from_left { place } else { count - 1 - place }])
    }

    /// The items of the row before, as seen from here, that an item is connected with.
    fn before(&self, item: u32) -> &[u32] {
        if self.from_above { self.rows.up.of(item) } else { self.rows.down.of(item) }
    }

    fn place(&self, item: u32, row: usize) -> i64 {
        let place = i64::from(self.rows.place[item as usize]);
        if self.from_left { place } else { row as i64 - 1 - place }
    }

    fn apart(&self, first: u32, second: u32) -> f64 {
        if self.from_left { apart(self.extents, first, second) } else { apart(self.extents, second, first) }
    }
}

/// For each item the first one of its block.
fn lined_up(view: &View<'_>, conflicts: &[(u32, u32)]) -> Vec<u32> {
    let items = view.rows.rank.len();
    let mut block: Vec<u32> = (0..items as u32).collect();
    let mut taken = vec![false; items];
    let mut rows = view.rows();
    let mut row_before = rows.next().map_or(0, Vec::len);
    let mut others = Vec::new();
    for row in rows {
        let mut reached = -1;
        for item in view.in_order(row) {
            others.clear();
            others.extend(view.before(item).iter().map(|&other| (view.place(other, row_before), other)));
            others.sort_unstable();
            let Some(last) = others.len().checked_sub(1) else { continue };
            for &(place, other) in &others[last / 2..=last.div_ceil(2)] {
                let pair = if view.from_above { (other, item) } else { (item, other) };
                let free = !taken[other as usize] && place > reached;
                if free && conflicts.binary_search(&pair).is_err() {
                    taken[other as usize] = true;
                    block[item as usize] = block[other as usize];
                    reached = place;
                    break;
                }
            }
        }
        row_before = row.len();
    }
    block
}

/// The place of each item with blocks as close as they may be, and then drawn back towards those after them.
fn pushed_together(view: &View<'_>, block: &[u32]) -> Vec<f64> {
    let items = block.len();
    let mut pairs = Vec::with_capacity(items);
    for row in view.rows() {
        let firsts = view.in_order(row).zip(view.in_order(row).skip(1));
        pairs.extend(firsts.map(|(a, b)| (block[a as usize], block[b as usize], view.apart(a, b))));
    }
    let mut waiting = vec![0_u32; items];
    let mut starts = vec![0_u32; items + 1];
    for &(a, b, _) in &pairs {
        waiting[b as usize] += 1;
        starts[a as usize + 1] += 1;
    }
    (0..items).for_each(|item| starts[item + 1] += starts[item]);
    let mut next = starts.clone();
    let mut after = vec![(0, 0.0); pairs.len()];
    for (a, b, apart) in pairs {
        after[next[a as usize] as usize] = (b, apart);
        next[a as usize] += 1;
    }
    let after = |block: u32| &after[starts[block as usize] as usize..starts[block as usize + 1] as usize];

    let mut place = vec![0.0_f64; items];
    let mut order: Vec<u32> = (0..items as u32)
        .filter(|&item| block[item as usize] == item && waiting[item as usize] == 0)
        .collect();
    let mut done = 0;
    while let Some(&first) = order.get(done) {
        done += 1;
        for &(second, apart) in after(first) {
            place[second as usize] = place[second as usize].max(place[first as usize] + apart);
            waiting[second as usize] -= 1;
            if waiting[second as usize] == 0 {
                order.push(second);
            }
        }
    }
    for &first in order.iter().rev() {
        let room = after(first).iter().map(|&(second, apart)| place[second as usize] - apart);
        let room = room.fold(f64::INFINITY, f64::min);
        if room.is_finite() {
            place[first as usize] = place[first as usize].max(room);
        }
    }
    block.iter().map(|&block| place[block as usize]).collect()
}

/// Between the two middle ones of four places, after all four were moved to where the narrowest stands.
fn middle_of(four: &[Vec<f64>; 4], extents: &[Extent]) -> Vec<f64> {
    let bounds = |places: &Vec<f64>| {
        let items = 0..places.len() as u32;
        let low = items.clone().map(|item| places[item as usize] - before(extents, item));
        let high = items.map(|item| places[item as usize] + after(extents, item));
        (low.fold(f64::INFINITY, f64::min), high.fold(f64::NEG_INFINITY, f64::max))
    };
    let all = [bounds(&four[0]), bounds(&four[1]), bounds(&four[2]), bounds(&four[3])];
    let width = |&(low, high): &(f64, f64)| high - low;
    let narrowest = all.iter().copied().min_by(|a, b| width(a).total_cmp(&width(b))).unwrap_or_default();
    // Second and fourth are seen from the right, so they are lined up there.
    let shift = |corner: usize| {
        if corner.is_multiple_of(2) { narrowest.0 - all[corner].0 } else { narrowest.1 - all[corner].1 }
    };
    let shifts = [shift(0), shift(1), shift(2), shift(3)];
    (0..four[0].len())
        .map(|item| {
            let mut places = [0, 1, 2, 3].map(|corner| four[corner][item] + shifts[corner]);
            places.sort_by(f64::total_cmp);
            f64::midpoint(places[1], places[2])
        })
        .collect()
}

/// The mean of places that are apart is apart, but for rounding: no two items of a row may touch.
fn keep_apart(rows: &Rows, extents: &[Extent], places: &mut [f64]) {
    for row in &rows.rows {
        for pair in row.windows(2) {
            let least = places[pair[0] as usize] + apart(extents, pair[0], pair[1]);
            let place = &mut places[pair[1] as usize];
            *place = place.max(least);
        }
    }
}
