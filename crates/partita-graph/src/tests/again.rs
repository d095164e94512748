//! Tasks that ask to run again later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{add_sum, failing, pool, within_a_minute};
use crate::{BoxError, CancelToken, Graph, RunOptions, Step, run};

/// A task that asks to run again `left` times, and then has the result 7.
fn patient(left: u32, pause: Duration, runs: &Arc<AtomicUsize>) -> Result<Step<u64>, BoxError> {
    runs.fetch_add(1, Ordering::Relaxed);
    if left == 0 {
        return Ok(Step::Done(7));
    }
    let runs = Arc::clone(runs);
    Ok(Step::again(pause, move |_| patient(left - 1, pause, &runs)))
}

#[test]
fn a_task_runs_again_after_its_pause() {
    within_a_minute(|| {
        for (threads, inside) in [(1, false), (1, true), (3, false), (3, true)] {
            let pool = pool(threads);
            let runs = Arc::new(AtomicUsize::new(0));
            let mut graph = Graph::new();
            let own = Arc::clone(&runs);
            let later = graph.add("later", &[], move |_, _| patient(3, Duration::from_millis(10), &own));
            let end = add_sum(&mut graph, "end", &[later], 1);
            let start = Instant::now();
            let outputs = [end];
            let go = || run(graph, &pool, &outputs, RunOptions::default());
            let results = if inside { pool.install(go) } else { go() };
            assert_eq!(*results.unwrap()[0], 8);
            assert_eq!(runs.load(Ordering::Relaxed), 4);
            assert!(start.elapsed() >= Duration::from_millis(30), "it did not wait");
        }
    });
}

#[test]
fn a_thread_does_not_wait_for_a_pause() {
    // Twenty tasks that each pause three times for 50 ms: one after the other they would take 3 s.
    within_a_minute(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let mut graph = Graph::new();
        let all: Vec<_> = (0..20)
            .map(|_| {
                let runs = Arc::clone(&runs);
                graph.add("later", &[], move |_, _| patient(3, Duration::from_millis(50), &runs))
            })
            .collect();
        let end = add_sum(&mut graph, "end", &all, 0);
        let start = Instant::now();
        assert_eq!(*run(graph, &pool(1), &[end], RunOptions::default()).unwrap()[0], 140);
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    });
}

#[test]
fn a_cancel_or_a_failure_does_not_wait_for_a_pause() {
    within_a_minute(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        for inside in [false, true] {
            let pool = pool(2);
            let mut graph = Graph::new();
            let own = Arc::clone(&runs);
            let later = graph.add("later", &[], move |_, _| patient(1, Duration::from_secs(3600), &own));
            let cancel = CancelToken::new();
            let outside = cancel.clone();
            let thread = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                outside.cancel();
            });
            let options = RunOptions { cancel, ..RunOptions::default() };
            let outputs = [later];
            let go = || run(graph, &pool, &outputs, options);
            let error = if inside { pool.install(go) } else { go() }.unwrap_err();
            assert!(error.is_cancelled());
            thread.join().unwrap();

            let mut graph = Graph::new();
            let own = Arc::clone(&runs);
            let later = graph.add("later", &[], move |_, _| patient(1, Duration::MAX, &own));
            let fails = graph.add("fails", &[], failing("at once"));
            let error = run(graph, &pool, &[later, fails], RunOptions::default()).unwrap_err();
            assert_eq!(error.to_string(), "task `fails` failed: at once");
        }
    });
}

#[test]
fn a_run_below_another_is_cancelled_with_it() {
    let above = CancelToken::new();
    let below = CancelToken::below([CancelToken::new(), above.clone()]);
    assert!(!below.is_cancelled());
    above.cancel_because("enough");
    assert!(below.is_cancelled());
    assert_eq!(below.reason(), Some("enough"));
    let alone = CancelToken::below([CancelToken::new()]);
    alone.cancel();
    assert!(alone.is_cancelled());
}
