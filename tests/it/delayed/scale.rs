//! Large graphs, on stacks too small for any recursion. `partita-bench delayed` times them.

use partita::prelude::*;

use super::{session, without_hanging};

/// On a stack on which a few hundred frames of anything would overflow.
fn on_a_small_stack(action: impl FnOnce() + Send + 'static) {
    without_hanging(|| {
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(action).expect("a thread");
        thread.join().expect("no panic");
    });
}

#[test]
fn a_hundred_thousand_nodes() {
    on_a_small_stack(|| {
        let one = delayed(|x: u64| x % 2);
        let all = (0..100_000).map(|x| one.call(x)).collect::<Vec<_>>();
        let sum = delayed(|all: Vec<u64>| all.into_iter().sum::<u64>()).call(all);
        assert_eq!(sum.compute().expect("a sum"), 50_000);
    });
}

#[test]
fn sixteen_thousand_outputs() {
    on_a_small_stack(|| {
        let double = delayed(|x: u64| x * 2);
        let all = (0..16_000).map(|x| double.call(x)).collect::<Vec<_>>();
        assert!(compute_all(&all).expect("answers").into_iter().eq((0..16_000).map(|x| x * 2)));
    });
}

#[test]
fn a_chain_of_a_million_nodes() {
    on_a_small_stack(|| {
        let inc = delayed(|x: u64| x + 1);
        let mut last = inc.call(0);
        for _ in 1..1_000_000 {
            last = inc.call(last);
        }
        let handle = last.clone();
        assert_eq!(last.with_session(&session(2)).compute().expect("an answer"), 1_000_000);
        drop(handle);
        // One that never ran, and one that fails at its start.
        let fails = try_delayed(|x: u64| if x == 0 { Err("no") } else { Ok(x) });
        let mut last = fails.name("first").call(0);
        for _ in 0..200_000 {
            last = inc.call(last);
        }
        drop(last.clone() + 1);
        let error = last.compute().unwrap_err().to_string();
        assert!(error.starts_with("task `first` failed: no (needed by"), "{error}");
    });
}
