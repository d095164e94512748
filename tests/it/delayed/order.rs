//! Which node runs when, and how long values live.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use partita::prelude::*;

use super::session;

#[test]
fn nodes_wait_for_what_they_are_to_come_after() -> partita::Result<()> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |what: i64| {
        let seen = Arc::clone(&seen);
        delayed(move || seen.lock().unwrap().push(what)).call()
    };
    let mut last = note(0);
    for i in 1..50 {
        last = note(i).after(&last);
    }
    last.with_session(&session(4)).compute()?;
    assert_eq!(*seen.lock().unwrap(), (0..50).collect::<Vec<_>>());

    let early = Delayed::value(1_i64).map(|x| *x).name("early");
    let late = Delayed::value(2).map(|x| *x).name("late");
    let error = (early.after(&late) + 1).compute().unwrap_err();
    assert!(error.is_usage());
    assert_eq!(
        error.to_string(),
        "`early` cannot wait for `late`, which was made later or is the same; make what comes first first"
    );
    Ok(())
}

#[test]
fn priority_moves_a_node_with_what_it_needs() -> partita::Result<()> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&seen);
    let note = delayed(move |what: &'static str, _: i64| {
        own.lock().unwrap().push(what);
        0
    });
    let ends = ["a", "b", "c"].map(|name| note.call(name, note.call("before", 0)));
    let [a, _, c] = ends.clone();
    let _ = c.priority(5);
    let _ = a.priority(-1);
    gather(ends).with_session(&session(1)).compute()?;
    assert_eq!(*seen.lock().unwrap(), ["before", "c", "before", "b", "before", "a"]);
    Ok(())
}

/// A value that counts how many are alive, and the most there ever were.
#[derive(Debug)]
struct Alive(Arc<(AtomicUsize, AtomicUsize)>);

impl Alive {
    fn new(counts: &Arc<(AtomicUsize, AtomicUsize)>) -> Alive {
        let now = counts.0.fetch_add(1, Ordering::Relaxed) + 1;
        counts.1.fetch_max(now, Ordering::Relaxed);
        Alive(Arc::clone(counts))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn values_go_with_their_last_user() -> partita::Result<()> {
    // Two tree reductions over the same 256 values: one path of partial results is alive, not the values.
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let own = Arc::clone(&counts);
    let make = delayed(move || Alive::new(&own));
    let own = Arc::clone(&counts);
    let merge = delayed(move |_: &Alive, _: &Alive| Alive::new(&own));
    let leaves = (0..256).map(|_| make.call()).collect::<Vec<_>>();
    let mut tops = Vec::new();
    for _ in 0..2 {
        let mut level = leaves.clone();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| merge.call(&pair[0], &pair[1])).collect();
        }
        tops.extend(level);
    }
    drop(leaves);
    let tops = delayed(|all: Vec<&Alive>| all.len()).call(tops);
    assert_eq!(tops.with_session(&session(1)).compute()?, 2);
    assert_eq!(counts.0.load(Ordering::Relaxed), 0);
    let most = counts.1.load(Ordering::Relaxed);
    assert!(most <= 24, "{most} values were alive at once");
    Ok(())
}
