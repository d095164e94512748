//! One test per promise.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use super::{add_sum, failing, pool, quiet_panic, sum, within_a_minute};
use crate::{
    Admission, CancelToken, Cause, Graph, Key, Observer, OnError, RunOptions, Span, Step, TaskInfo, run,
};

#[test]
fn runs_what_the_outputs_need_and_nothing_else() {
    let mut graph = Graph::new();
    let two = graph.value("two", 2);
    let shared = add_sum(&mut graph, "shared", &[two], 1);
    let left = add_sum(&mut graph, "left", &[shared], 10);
    let right = add_sum(&mut graph, "right", &[shared, shared], 100);
    let unneeded = graph.add("unneeded", &[shared], failing("must not run"));
    let _ = unneeded;
    let results = run(graph, &pool(2), &[right, left, right, two], RunOptions::default()).unwrap();
    assert_eq!(results.iter().map(|r| **r).collect::<Vec<_>>(), [106, 13, 106, 2]);
}

#[test]
fn no_outputs_is_no_work() {
    let mut graph = Graph::new();
    graph.add("unneeded", &[], failing::<u64>("must not run"));
    assert!(run(graph, &pool(1), &[], RunOptions::default()).unwrap().is_empty());
}

#[test]
fn the_sole_user_owns_its_input() {
    let mut graph = Graph::new();
    let make = graph.add("make", &[], |_, _| Ok(Step::Done(vec![1, 2, 3])));
    let pass = graph.add("pass", &[make], |_, mut inputs| Ok(Step::Shared(inputs.take_shared(0))));
    let push = graph.add("push", &[pass], |_, mut inputs| {
        let mut owned = inputs.take(0).map_err(|_| "somebody else holds it")?;
        owned.push(4);
        Ok(Step::Done(owned))
    });
    let results = run(graph, &pool(2), &[push], RunOptions::default()).unwrap();
    assert_eq!(*results[0], [1, 2, 3, 4]);
}

#[test]
fn equal_keys_are_one_task() {
    let mut graph = Graph::new();
    let a = graph.add_pure(Key::new(("inc", 1_u64)), "a", &[], |_, _| Ok(Step::Done(2)));
    let b = graph.add_pure(Key::new(("inc", 1_u64)), "b", &[], failing("must not be added"));
    let other_type = graph.add_pure(Key::new(("inc", 1_i64)), "c", &[], |_, _| Ok(Step::Done(5)));
    assert_eq!(a, b);
    assert_ne!(a, other_type);
    assert_eq!(graph.find(&Key::new(("inc", 1_u64))), Some(a));
    assert_eq!(graph.find(&Key::new(("inc", 2_u64))), None);
    assert_eq!(graph.len(), 2);
}

#[test]
fn order_without_data_is_kept() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut graph = Graph::new();
    let tasks: Vec<_> = (0..50_u64)
        .map(|i| {
            let seen = Arc::clone(&seen);
            graph.add("note", &[], move |_, _| {
                seen.lock().unwrap().push(i);
                Ok(Step::Done(i))
            })
        })
        .collect();
    for pair in tasks.windows(2) {
        graph.after(pair[1], pair[0]);
    }
    run(graph, &pool(4), &[tasks[49]], RunOptions::default()).unwrap();
    assert_eq!(*seen.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

#[test]
fn an_error_names_task_and_path() {
    let mut graph = Graph::new();
    let load = graph.add("load part-7.csv", &[], failing::<u64>("row 12: not a number"));
    let clean = add_sum(&mut graph, "clean", &[load], 0);
    let total = add_sum(&mut graph, "total", &[clean], 0);
    let error = run(graph, &pool(2), &[total], RunOptions::default()).unwrap_err();
    assert_eq!(error.task().unwrap(), &"load part-7.csv");
    assert_eq!(error.path(), ["total", "clean", "load part-7.csv"]);
    assert_eq!(
        error.to_string(),
        "task `load part-7.csv` failed: row 12: not a number (needed by `clean` < `total`)"
    );
    assert!(
        matches!(error.into_cause(), Cause::Error(source) if source.to_string() == "row 12: not a number")
    );
}

#[test]
fn a_long_path_is_cut_in_the_middle() {
    let mut graph = Graph::new();
    let mut last = graph.add("t0", &[], failing::<u64>("no"));
    for i in 1..100 {
        last = graph.add(format!("t{i}"), &[last], |_, inputs| Ok(Step::Done(sum(&inputs))));
    }
    let error = run(graph, &pool(1), &[last], RunOptions::default()).unwrap_err();
    let names: Vec<&str> = error.path().iter().map(|name| name.as_str()).collect();
    let kept = [
        "t99", "t98", "t97", "t96", "t11", "t10", "t9", "t8", "t7", "t6", "t5", "t4", "t3", "t2", "t1", "t0",
    ];
    assert_eq!(names, kept);
    assert!(error.to_string().ends_with("< `t11` < 84 more < `t96` < `t97` < `t98` < `t99`)"), "{error}");
}

#[test]
fn a_panic_is_an_error() {
    let mut graph = Graph::new();
    let bad = graph.add("decode", &[], |_, _| -> Result<Step<u64>, _> { quiet_panic("bad page") });
    let error = run(graph, &pool(1), &[bad], RunOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "task `decode` panicked: bad page");
}

#[test]
fn a_panicking_destructor_is_an_error() {
    #[derive(Debug)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            quiet_panic("boom");
        }
    }
    for threads in [1, 3] {
        // Dropped as unused, dropped by the user's task, and left over after a failure.
        let mut graph = Graph::new();
        let bomb = graph.add("bomb", &[], |_, _| Ok(Step::Done(Some(Bomb))));
        let after = graph.add("after", &[], |_, _| Ok(Step::Done(None)));
        graph.after(after, bomb);
        let error = run(graph, &pool(threads), &[after], RunOptions::default()).unwrap_err();
        assert!(error.to_string().contains("panicked: boom"), "{error}");

        let mut graph = Graph::new();
        let bomb = graph.add("bomb", &[], |_, _| Ok(Step::Done(Some(Bomb))));
        let user = graph.add("user", &[bomb], |_, _| Ok(Step::Done(None)));
        let error = run(graph, &pool(threads), &[user], RunOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "task `user` panicked: boom (given `bomb`)");

        let mut graph = Graph::new();
        let bomb = graph.add("bomb", &[], |_, _| Ok(Step::Done(Some(Bomb))));
        let fails = graph.add("fails", &[], failing("first"));
        graph.after(fails, bomb);
        let both = graph.add("both", &[bomb, fails], |_, _| Ok(Step::Done(None)));
        let error = run(graph, &pool(threads), &[both], RunOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "task `fails` failed: first (needed by `both`)");
    }
}

#[test]
fn a_run_ends_after_its_last_destructor() {
    /// Tells when its destructor begins, and takes its time to end it.
    #[derive(Debug)]
    struct Slow {
        begun: Arc<Barrier>,
        ended: Arc<AtomicUsize>,
    }
    impl Drop for Slow {
        fn drop(&mut self) {
            self.begun.wait();
            std::thread::sleep(std::time::Duration::from_millis(30));
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }
    within_a_minute(|| {
        let (begun, ended) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        let mut graph = Graph::new();
        let slow = Slow { begun: Arc::clone(&begun), ended: Arc::clone(&ended) };
        let unused = graph.add("unused", &[], move |_, _| Ok(Step::Done(Some(slow))));
        let fails = graph.add("fails", &[], move |_, _| {
            begun.wait();
            Err("on purpose".into())
        });
        let end = graph.add("end", &[fails], |_, _| Ok(Step::Done(None)));
        graph.after(end, unused);
        run(graph, &pool(2), &[end], RunOptions::default()).unwrap_err();
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn the_first_error_stops_what_has_not_started() {
    let started = Arc::new(AtomicUsize::new(0));
    let mut graph = Graph::new();
    let tasks: Vec<_> = (0..40_u64)
        .map(|i| {
            let started = Arc::clone(&started);
            graph.add(format!("part {i}"), &[], move |_, _| {
                started.fetch_add(1, Ordering::Relaxed);
                if i == 7 { Err("bad row".into()) } else { Ok(Step::Done(i)) }
            })
        })
        .collect();
    let error = run(graph, &pool(1), &tasks, RunOptions::default()).unwrap_err();
    assert_eq!(error.task().unwrap(), &"part 7");
    assert_eq!(started.load(Ordering::Relaxed), 8);
}

#[test]
fn running_tasks_are_told_to_stop() {
    within_a_minute(|| {
        let both = Arc::new(Barrier::new(2));
        let mut graph = Graph::new();
        let barrier = Arc::clone(&both);
        let endless = graph.add("endless", &[], move |context, _| -> Result<Step<u64>, _> {
            barrier.wait();
            loop {
                context.check()?;
                std::thread::yield_now();
            }
        });
        let fails = graph.add("fails", &[], move |_, _| {
            both.wait();
            Err("on purpose".into())
        });
        let error = run(graph, &pool(2), &[endless, fails], RunOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "task `fails` failed: on purpose");
    });
}

#[test]
fn the_same_error_every_time_on_request() {
    // The slow branch comes first in order and fails at its end; the quick one fails at once.
    for _ in 0..50 {
        let mut graph = Graph::new();
        let mut slow = graph.value("start", 0);
        for _ in 0..20 {
            slow = add_sum(&mut graph, "step", &[slow], 1);
        }
        let slow = graph.add("slow", &[slow], failing("slow"));
        let quick = graph.add("quick", &[], failing("quick"));
        let options = RunOptions { on_error: OnError::SameEveryTime, ..RunOptions::default() };
        let error = run(graph, &pool(3), &[slow, quick], options).unwrap_err();
        assert_eq!(error.task().unwrap(), &"slow");
    }
}

#[test]
fn cancel_stops_a_run() {
    within_a_minute(|| {
        let cancel = CancelToken::new();
        let inside = cancel.clone();
        let mut graph = Graph::new();
        let first = graph.add("first", &[], move |context, _| -> Result<Step<u64>, _> {
            inside.cancel_because("Ctrl-C");
            context.check()?;
            Ok(Step::Done(1))
        });
        let second = graph.add("second", &[first], failing("must not run"));
        let options = RunOptions { cancel: cancel.clone(), ..RunOptions::default() };
        let error = run(graph, &pool(2), &[second], options).unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.to_string(), "the run was cancelled: Ctrl-C");

        // A switch that is off before the run begins lets nothing start.
        let mut graph = Graph::new();
        let never = graph.add("never", &[], failing::<u64>("must not run"));
        let options = RunOptions { cancel, ..RunOptions::default() };
        assert!(run(graph, &pool(2), &[never], options).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_expands_into_more_tasks() {
    // A planner looks at its inputs and adds as many tasks as they say; one of them expands again.
    for threads in [1, 4] {
        let mut graph = Graph::new();
        let sizes: Vec<_> = (1..=3).map(|i| graph.value("size", i * 10)).collect();
        let plan = graph.add("plan", &sizes, |_, inputs| {
            let mut next = Graph::new();
            let values: Vec<_> = inputs.into_shared().map(|size| next.value("size", size)).collect();
            let merges: Vec<_> = values.iter().map(|&v| add_sum(&mut next, "merge", &[v, v], 1)).collect();
            let again = next.add("again", &merges, |_, inputs| {
                let mut last = Graph::new();
                let value = last.value("sum", sum(&inputs));
                Ok(Step::Expand(last, value))
            });
            let result = add_sum(&mut next, "result", &[again], 1000);
            Ok(Step::Expand(next, result))
        });
        let end = add_sum(&mut graph, "end", &[plan, plan], 0);
        let results = run(graph, &pool(threads), &[end], RunOptions::default()).unwrap();
        assert_eq!(*results[0], 2 * (1000 + 21 + 41 + 61));
    }
}

#[test]
fn an_error_in_an_expansion_names_the_way_to_it() {
    let mut graph = Graph::new();
    let plan = graph.add("plan", &[], |_, _| {
        let mut next = Graph::new();
        let bad = next.add("bad", &[], failing::<u64>("no"));
        let result = add_sum(&mut next, "merge", &[bad], 0);
        Ok(Step::Expand(next, result))
    });
    let end = add_sum(&mut graph, "end", &[plan], 0);
    let error = run(graph, &pool(2), &[end], RunOptions::default()).unwrap_err();
    assert_eq!(error.path(), ["end", "plan", "merge", "bad"]);
}

#[test]
fn a_task_of_another_graph_is_refused() {
    let mut other = Graph::new();
    let foreign = other.value("foreign", 1_u64);
    let mut graph: Graph<u64> = Graph::new();
    let plan = graph.add("plan", &[], move |_, _| Ok(Step::Expand(Graph::new(), foreign)));
    let error = run(graph, &pool(1), &[plan], RunOptions::default()).unwrap_err();
    assert!(error.to_string().contains("is of another graph"), "{error}");
}

#[test]
fn the_calling_thread_may_be_of_the_pool() {
    within_a_minute(|| {
        for threads in [1, 2] {
            let outer = Arc::new(pool(threads));
            let mut graph = Graph::new();
            let parts: Vec<_> = (0..20_u64)
                .map(|i| {
                    let inner = Arc::clone(&outer);
                    graph.add("outer", &[], move |_, _| {
                        let mut nested = Graph::new();
                        let parts: Vec<_> =
                            (0..20).map(|j| add_sum(&mut nested, "inner", &[], i + j)).collect();
                        let total = add_sum(&mut nested, "total", &parts, 0);
                        Ok(Step::Shared(run(nested, &inner, &[total], RunOptions::default())?.remove(0)))
                    })
                })
                .collect();
            let total = add_sum(&mut graph, "total", &parts, 0);
            let results = run(graph, &outer, &[total], RunOptions::default()).unwrap();
            assert_eq!(*results[0], 20 * 20 * 19);
        }
    });
}

#[test]
fn pools_may_call_each_other() {
    within_a_minute(|| {
        let (a, b) = (Arc::new(pool(1)), Arc::new(pool(1)));
        let inner_a = Arc::clone(&a);
        let result = a.install(|| {
            let mut graph = Graph::new();
            let task = graph.add("on b", &[], move |_, _| {
                let mut nested = Graph::new();
                let task = add_sum(&mut nested, "on a", &[], 5);
                Ok(Step::Shared(run(nested, &inner_a, &[task], RunOptions::default())?.remove(0)))
            });
            run(graph, &b, &[task], RunOptions::default())
        });
        assert_eq!(*result.unwrap()[0], 5);
    });
}

#[test]
fn tasks_may_use_the_pool_themselves() {
    within_a_minute(|| {
        let pool = pool(3);
        let mut graph = Graph::new();
        let parts: Vec<_> = (0..200_u64)
            .map(|i| {
                graph.add("fork", &[], move |_, _| {
                    let (a, b) = rayon::join(|| i, || rayon::join(|| i, || i));
                    Ok(Step::Done(a + b.0 + b.1))
                })
            })
            .collect();
        let total = add_sum(&mut graph, "total", &parts, 0);
        assert_eq!(*run(graph, &pool, &[total], RunOptions::default()).unwrap()[0], 3 * 199 * 100);
    });
}

#[test]
fn admission_holds_tasks_back_but_never_for_ever() {
    #[derive(Default)]
    struct Limit {
        used: Mutex<(u64, u64)>,
    }
    impl Admission for Limit {
        fn admit(&self, cost: u64, running: usize) -> bool {
            let mut used = self.used.lock().unwrap();
            let fits = running == 0 || used.0 + cost <= 100;
            if fits {
                used.0 += cost;
                used.1 = used.1.max(used.0);
            }
            fits
        }
        fn ended(&self, cost: u64) {
            self.used.lock().unwrap().0 -= cost;
        }
    }
    within_a_minute(|| {
        let limit = Arc::new(Limit::default());
        let mut graph = Graph::new();
        let parts: Vec<_> = (0..300_u64)
            .map(|i| {
                let task = add_sum(&mut graph, "part", &[], i);
                graph.set_cost(task, if i % 50 == 0 { 250 } else { 40 });
                task
            })
            .collect();
        let total = add_sum(&mut graph, "total", &parts, 0);
        let admission: Arc<dyn Admission> = limit.clone();
        let options = RunOptions { admission: Some(admission), ..RunOptions::default() };
        assert_eq!(*run(graph, &pool(4), &[total], options).unwrap()[0], 299 * 150);
        let used = limit.used.lock().unwrap();
        assert_eq!(used.0, 0);
        assert_eq!(used.1, 250, "a task above the limit runs alone");
    });
}

#[test]
fn the_observer_sees_every_task() {
    #[derive(Default)]
    struct Log {
        lines: Mutex<Vec<String>>,
    }
    impl Log {
        fn note(&self, what: &str, task: &TaskInfo) {
            self.lines.lock().unwrap().push(format!("{what} {}", task.name));
        }
    }
    impl Observer for Log {
        fn queued(&self, task: &TaskInfo) {
            self.note("queued", task);
        }
        fn started(&self, task: &TaskInfo, worker: usize) {
            assert_eq!(worker, 0);
            self.note("started", task);
        }
        fn finished(&self, task: &TaskInfo, span: Span) {
            assert!(span.finished >= span.started);
            self.note("finished", task);
        }
        fn expanded(&self, task: &TaskInfo, _span: Span, added: usize) {
            self.note(&format!("expanded by {added}"), task);
        }
        fn failed(&self, task: &TaskInfo, _span: Span, cause: &Cause) {
            self.note(&format!("failed ({cause})"), task);
        }
    }
    let log = Arc::new(Log::default());
    let mut graph = Graph::new();
    let one = add_sum(&mut graph, "one", &[], 1);
    let plan = graph.add("plan", &[one], |_, _| {
        let mut next = Graph::new();
        let bad = next.add("bad", &[], failing::<u64>("no"));
        Ok(Step::Expand(next, bad))
    });
    let observer: Arc<dyn Observer> = log.clone();
    let options = RunOptions { observer: Some(observer), ..RunOptions::default() };
    run(graph, &pool(1), &[plan], options).unwrap_err();
    let expected = [
        "queued one",
        "started one",
        "finished one",
        "queued plan",
        "started plan",
        "expanded by 1 plan",
        "queued bad",
        "started bad",
        "failed (no) bad",
    ];
    assert_eq!(*log.lines.lock().unwrap(), expected);
}
