//! The order of each row, so that few arrows cross: sweeps down and up in which each item goes to the middle
//! of those that it is connected with, then swaps of neighbours, as long as that helps.

use super::rows::Rows;

/// Items moved in all sweeps together: what bounds the time for large pictures.
const WORK: usize = 3_000_000;
const SWEEPS: usize = 24;
/// Swaps are tried in pictures up to this size.
const SWAPPED: usize = 3_000;

pub(super) fn reduce_crossings(rows: &mut Rows) {
    start(rows);
    let sweeps = (WORK / rows.rank.len().max(1)).clamp(2, SWEEPS);
    let mut best = rows.rows.clone();
    let mut fewest = crossings(rows);
    let mut without_gain = 0;
    for sweep in 0..sweeps {
        if fewest == 0 || without_gain == 4 {
            break;
        }
        let count = rows.rows.len();
        if sweep % 2 == 0 {
            (1..count).for_each(|row| to_middles(rows, row, true));
        } else {
            (0..count.saturating_sub(1)).rev().for_each(|row| to_middles(rows, row, false));
        }
        if rows.rank.len() <= SWAPPED {
            swap_neighbours(rows);
        }
        let now = crossings(rows);
        without_gain += 1;
        if now < fewest {
            (fewest, without_gain) = (now, 0);
            best.clone_from(&rows.rows);
        }
    }
    rows.rows = best;
    (0..rows.rows.len()).for_each(|row| rows.number(row));
}

/// The order in which a walk up from the last items finds them: what one result needs stands together.
fn start(rows: &mut Rows) {
    let items = rows.rank.len();
    let mut seen = vec![false; items];
    let mut found: Vec<Vec<u32>> = rows.rows.iter().map(|row| Vec::with_capacity(row.len())).collect();
    let ends = (0..items as u32).filter(|&item| rows.down.of(item).is_empty());
    for end in ends {
        let mut stack = vec![(end, 0)];
        seen[end as usize] = true;
        while let Some((item, next)) = stack.last_mut() {
            match rows.up.of(*item).get(*next) {
                Some(&upper) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[upper as usize], true) {
                        stack.push((upper, 0));
                    }
                }
                None => {
                    found[rows.rank[*item as usize] as usize].push(*item);
                    stack.pop();
                }
            }
        }
    }
    rows.rows = found;
    (0..rows.rows.len()).for_each(|row| rows.number(row));
}

/// Sorts a row by the mean place of what each item is connected with in the row before or after it.
fn to_middles(rows: &mut Rows, row: usize, from_above: bool) {
    let list = if from_above { &rows.up } else { &rows.down };
    let middle = |item: u32| {
        let others = list.of(item);
        if others.is_empty() {
            return f64::from(rows.place[item as usize]);
        }
        let sum: f64 = others.iter().map(|&other| f64::from(rows.place[other as usize])).sum();
        sum / others.len() as f64
    };
    let mut sorted: Vec<(f64, u32)> = rows.rows[row].iter().map(|&item| (middle(item), item)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows.rows[row] = sorted.into_iter().map(|(_, item)| item).collect();
    rows.number(row);
}

/// Swaps neighbours where that saves a crossing.
fn swap_neighbours(rows: &mut Rows) {
    for _ in 0..4 {
        let mut better = false;
        for row in 0..rows.rows.len() {
            for place in 1..rows.rows[row].len() {
                let (left, right) = (rows.rows[row][place - 1], rows.rows[row][place]);
                if saved(rows, left, right) > 0 {
                    rows.rows[row].swap(place - 1, place);
                    rows.place[left as usize] = place as u32;
                    rows.place[right as usize] = place as u32 - 1;
                    better = true;
                }
            }
        }
        if !better {
            return;
        }
    }
}

/// How many crossings fewer there are if two neighbours change places.
fn saved(rows: &Rows, left: u32, right: u32) -> i64 {
    let both = [(&rows.up, left, right), (&rows.down, left, right)];
    both.iter()
        .flat_map(|(list, left, right)| {
            list.of(*left).iter().flat_map(move |&a| {
                list.of(*right).iter().map(move |&b| {
                    let (a, b) = (rows.place[a as usize], rows.place[b as usize]);
                    i64::from(a > b) - i64::from(a < b)
                })
            })
        })
        .sum()
}

/// How many arrows cross between all rows.
pub(super) fn crossings(rows: &Rows) -> u64 {
    rows.rows.windows(2).map(|pair| crossings_between(rows, &pair[0], pair[1].len())).sum()
}

/// Counts inversions with a tree of sums over the lower row's places.
fn crossings_between(rows: &Rows, upper: &[u32], lower: usize) -> u64 {
    let mut tree = vec![0_u32; lower + 1];
    let (mut seen, mut crossings) = (0_u64, 0_u64);
    let mut places = Vec::new();
    for &item in upper {
        places.clear();
        places.extend(rows.down.of(item).iter().map(|&below| rows.place[below as usize]));
        for &place in &places {
            let mut at = place as usize + 1;
            let mut not_right = 0_u64;
            while at > 0 {
                not_right += u64::from(tree[at]);
                at &= at - 1;
            }
            crossings += seen - not_right;
        }
        for &place in &places {
            let mut at = place as usize + 1;
            while at <= lower {
                tree[at] += 1;
                at += at & at.wrapping_neg();
            }
            seen += 1;
        }
    }
    crossings
}
