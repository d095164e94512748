//! What goes wrong: which node, with what inputs, on which path; retries, time limits, and what stops.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use partita::prelude::*;

use super::{quiet_panic, session, without_hanging};

#[test]
fn an_error_names_node_inputs_and_users() {
    let parse = try_delayed(|text: &str, _: i64| text.parse::<i64>()).name("parse");
    let source = Delayed::value("x7".to_owned()).name("first line");
    let width = delayed(|| 3).call().name("width");
    let sum = (parse.call(source, width) + 1).name("sum");
    let error = (sum * 2).name("total").compute().unwrap_err();
    assert_eq!(
        error.to_string(),
        "task `parse` failed: invalid digit found in string (given `first line`, `width`; needed by `sum` < `total`)"
    );
    assert!(error.source().unwrap().is::<std::num::ParseIntError>(), "the error itself is there");
    assert!(!error.is_cancelled() && !error.is_panic());
}

#[test]
fn a_node_is_named_after_its_function() {
    fn halve(x: i64) -> i64 {
        x / 2
    }
    assert_eq!(format!("{:?}", delayed(halve).call(2)), "Delayed<i64>(halve)");
    let closure = delayed(|x: i64| x).call(1);
    assert_eq!(format!("{closure:?}"), format!("Delayed<i64>(closure failures.rs:{})", line!() - 1));
    let mapped = closure.map(|x| vec![*x]);
    assert_eq!(format!("{mapped:?}"), format!("Delayed<Vec<i64>>(closure failures.rs:{})", line!() - 1));
    assert_eq!(format!("{:?}", closure + 1), "Delayed<i64>(+)");
    assert_eq!(format!("{:?}", Delayed::value("text")), "Delayed<&str>(\"text\")");
}

#[test]
fn a_panic_is_an_error() {
    let bad = delayed(|| -> i64 { quiet_panic("bad page") }).call().name("decode");
    let error = (bad + 1).name("sum").compute().unwrap_err();
    assert_eq!(error.to_string(), "task `decode` panicked: bad page (needed by `sum`)");
    assert!(error.is_panic());
}

#[test]
fn an_error_of_a_frame_keeps_its_kind() {
    let frame = PartitionedFrame::from_batches([batch! { "v" => [1] }.unwrap()]).filter(col("w").gt(1));
    let error = frame.delayed().name("late").map(|table| table.num_rows()).compute().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("no column `w`"), "{error}");
    assert!(error.to_string().ends_with("in task `late`"), "{error}");
}

#[test]
fn the_first_error_stops_what_has_not_started() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let work = try_delayed(move |i: i64| {
        count.fetch_add(1, Ordering::Relaxed);
        if i == 7 { Err("bad row") } else { Ok(i) }
    });
    let parts = (0..40).map(|i| work.call(i).name(format!("part {i}"))).collect::<Vec<_>>();
    let error = gather(parts).with_session(&session(1)).compute().unwrap_err();
    assert_eq!(error.to_string(), "task `part 7` failed: bad row (needed by `gather`)");
    assert_eq!(started.load(Ordering::Relaxed), 8);
}

/// A function that fails so many times, and counts its calls.
fn flaky(failures: usize, calls: &Arc<AtomicUsize>) -> impl Fn(Vec<i64>) -> Result<usize, String> + use<> {
    let calls = Arc::clone(calls);
    move |list: Vec<i64>| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        if call % 2 == 1 && call < failures {
            quiet_panic("hiccup");
        }
        if call < failures { Err(format!("no answer {call}")) } else { Ok(list.len()) }
    }
}

#[test]
fn a_node_is_tried_again() {
    for threads in [1, 3] {
        let calls = Arc::new(AtomicUsize::new(0));
        // What it takes by value is there for each try.
        let list = delayed(|| vec![1, 2, 3]).call().name("list");
        let ask = flaky(2, &calls);
        let length = try_delayed(move |list: Vec<i64>| ask(list)).name("ask").call(&list).retries(2);
        assert_eq!((length * 2).with_session(&session(threads)).compute().unwrap(), 6);
        assert_eq!(calls.load(Ordering::Relaxed), 3);

        let calls = Arc::new(AtomicUsize::new(0));
        let ask = flaky(9, &calls);
        let length = try_delayed(move |list: Vec<i64>| ask(list)).name("ask").call(&list).retries(2);
        let error = (length * 2).name("twice").with_session(&session(threads)).compute().unwrap_err();
        assert_eq!(
            error.to_string(),
            "task `ask` failed: no answer 2 (tried 3 times) (given `list`; needed by `twice`)"
        );
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn the_pause_between_tries_doubles_and_costs_no_thread() {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = Arc::clone(&times);
    let start = Instant::now();
    let ask = try_delayed(move || {
        note.lock().unwrap().push(start.elapsed());
        Err::<i64, _>("busy")
    });
    let others = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&others);
    let work = delayed(move |_: i64| {
        std::thread::sleep(Duration::from_millis(1));
        count.fetch_add(1, Ordering::Relaxed)
    });
    let flaky = ask.call().retries(2).backoff(Duration::from_millis(60)).priority(1);
    let all = gather((0..50).map(|i| work.call(i)).collect::<Vec<_>>());
    compute_all((flaky, all.with_session(&session(1)))).unwrap_err();
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 3);
    assert!(
        times[1] - times[0] >= Duration::from_millis(60) && times[2] - times[1] >= Duration::from_millis(120)
    );
    assert_eq!(others.load(Ordering::Relaxed), 50, "the one thread did other work meanwhile");
}

#[test]
fn a_node_that_takes_too_long_is_given_up() {
    without_hanging(|| {
        let told = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&told);
        let slow = try_delayed(move || {
            for _ in 0..600 {
                std::thread::sleep(Duration::from_millis(50));
                if partita::checkpoint().is_err() {
                    noted.store(true, Ordering::Relaxed);
                    break;
                }
            }
            Ok::<_, String>(1)
        });
        let start = Instant::now();
        let node = slow.name("slow").call().time_limit(Duration::from_millis(100));
        let error = node.with_session(&session(1)).compute().unwrap_err();
        assert_eq!(error.to_string(), "task `slow` failed: it took longer than its time limit of 100ms");
        assert!(start.elapsed() < Duration::from_secs(10));
        while !told.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let quick = delayed(|x: i64| x + 1).call(1).time_limit(Duration::MAX);
        assert_eq!(quick.compute().unwrap(), 2);
        // A limited node may compute on the pool that waits for it.
        let own = session(1);
        let inner = own.clone();
        let nested = try_delayed(move || Delayed::value(1).map(|x| x + 1).with_session(&inner).compute());
        let nested = nested.call().time_limit(Duration::from_secs(60)).with_session(&own);
        assert_eq!(nested.compute().unwrap(), 2);
    });
}

#[test]
fn a_try_that_takes_too_long_is_tried_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&calls);
    // The first call ends only after the second has begun: it is too long on any machine. On a busy one a later try
    // may be too long as well.
    let ask = delayed(move || {
        if own.fetch_add(1, Ordering::Relaxed) == 0 {
            while own.load(Ordering::Relaxed) == 1 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        5
    });
    let node = ask.call().time_limit(Duration::from_millis(500)).retries(100);
    assert_eq!(node.compute().unwrap(), 5);
    assert!(calls.load(Ordering::Relaxed) >= 2);
}

#[test]
fn a_nested_run_stops_with_the_run_around_it() {
    without_hanging(|| {
        let own = session(2);
        let inner = own.clone();
        let ready = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&ready);
        let endless = try_delayed(move || {
            let set = Arc::clone(&set);
            let node = try_delayed(move || -> Result<i64, Box<dyn StdError + Send + Sync>> {
                set.store(true, Ordering::Relaxed);
                loop {
                    partita::checkpoint()?;
                    std::thread::yield_now();
                }
            });
            node.call().with_session(&inner).compute()
        });
        let fails = try_delayed(move || {
            while !ready.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err::<i64, _>("on purpose")
        });
        let both = gather((endless.call(), fails.name("fails").call()));
        let error = both.with_session(&own).compute().unwrap_err();
        assert_eq!(error.to_string(), "task `fails` failed: on purpose (needed by `gather`)");
    });
}

#[test]
fn a_frame_in_a_graph_stops_with_it() {
    without_hanging(|| {
        let ready = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&ready);
        let batch = batch! { "v" => [1_i64] }.unwrap();
        let endless = move |batch: RecordBatch| {
            set.store(true, Ordering::Relaxed);
            for _ in 0..u64::MAX {
                partita::checkpoint()?;
                std::thread::yield_now();
            }
            Ok::<_, Box<dyn StdError + Send + Sync>>(batch)
        };
        let frame = PartitionedFrame::from_batches([batch.clone()]).map_batches(batch.schema(), endless);
        let fails = try_delayed(move || {
            while !ready.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err::<i64, _>("on purpose")
        });
        let both = gather((frame.delayed().map(|table| table.num_rows()), fails.name("fails").call()));
        let error = both.with_session(&session(2)).compute().unwrap_err();
        assert_eq!(error.to_string(), "task `fails` failed: on purpose (needed by `gather`)");
    });
}
