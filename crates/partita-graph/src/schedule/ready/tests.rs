//! Ranks against paths written out in full, and the heap against a sorted list.

use super::Ready;
use crate::schedule::place::{Places, Rank};
use crate::tests::random::Random;

/// Random nested places, some very deep, each with its path from the root written out.
fn draw(random: &mut Random, count: usize, deep: bool) -> (Places, Vec<Vec<u32>>) {
    let mut places = Places::new();
    let mut paths = vec![Vec::new()];
    for i in 0..count {
        // A task expands once only, so each gets a position of its own.
        let parent = if deep { i - random.below(3.min(i + 1)) } else { random.below(paths.len()) };
        let position = (random.below(1000) * count + i) as u32;
        places.add(Rank { place: parent as u32, position }, "task".into());
        let mut path = paths[parent].clone();
        path.push(position);
        paths.push(path);
    }
    (places, paths)
}

fn full(rank: Rank, paths: &[Vec<u32>]) -> Vec<u32> {
    let mut path = paths[rank.place as usize].clone();
    path.push(rank.position);
    path
}

#[test]
fn ranks_compare_like_paths() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (places, paths) = draw(&mut random, 200, seed % 2 == 0);
        let any = |random: &mut Random| {
            // Now and then a task that expanded, which is the prefix of others.
            let place = random.below(paths.len());
            let expanded = place > 0 && random.one_in(4);
            match paths[place].last() {
                Some(&position) if expanded => places.parent(place as u32).map(|(rank, _)| {
                    assert_eq!(rank.position, position);
                    rank
                }),
                _ => Some(Rank { place: place as u32, position: random.below(1000 * 200) as u32 }),
            }
        };
        for _ in 0..2000 {
            let (Some(a), Some(b)) = (any(&mut random), any(&mut random)) else {
                unreachable!("never the root")
            };
            assert_eq!(places.compare(a, b), full(a, &paths).cmp(&full(b, &paths)), "{a:?} {b:?}");
        }
    }
}

#[test]
fn the_earliest_rank_comes_off_first() {
    for seed in 0..50 {
        let mut random = Random(seed);
        let (places, paths) = draw(&mut random, 20, false);
        let mut ready = Ready::default();
        let mut waiting: Vec<Vec<u32>> = Vec::new();
        for i in 0..300 {
            if random.one_in(3) {
                waiting.sort();
                let expected = if waiting.is_empty() { None } else { Some(waiting.remove(0)) };
                assert_eq!(ready.peek().map(|rank| full(rank, &paths)), expected);
                assert_eq!(ready.pop(&places).map(|rank| full(rank, &paths)), expected);
            } else {
                let rank = Rank { place: random.below(21) as u32, position: 1_000_000 + i };
                ready.push(rank, &places);
                waiting.push(full(rank, &paths));
            }
            assert_eq!(ready.len(), waiting.len());
        }
    }
}
