//! The lessons that people learn lazy graphs by, as a new user would write them, about ten lines each: arithmetic as
//! a graph, loops over functions that take their time, the same with a condition, and a mean over many files.

use std::time::{Duration, Instant};

use partita::prelude::*;

use super::session;

fn inc(x: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(20));
    x + 1
}

fn double(x: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(20));
    2 * x
}

fn is_even(x: &i64) -> bool {
    x % 2 == 0
}

fn drawn<T>(value: &Delayed<T>) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["graph.svg", "graph.html", "graph.dot", "graph.txt"] {
        value.visualize(directory.path().join(name)).expect("a drawing");
    }
    std::fs::read_to_string(directory.path().join("graph.txt")).expect("the drawing")
}

#[test]
fn arithmetic_is_a_graph() -> partita::Result<()> {
    let add = delayed(|a: i64, b: i64| a + b).name("add");
    let mul = delayed(|a: i64, b: i64| a * b).name("mul");
    let sub = delayed(|a: i64, b: i64| a - b).name("sub");
    let left = mul.call(add.call(3, 7), add.call(2, 8));
    let right = sub.call(mul.call(2, 3), 1);
    let result = mul.call(left, right);
    assert_eq!(result.compute()?, 500);
    // And with operators alone.
    let [two, three, seven] = [2, 3, 7].map(Delayed::<i64>::value);
    assert_eq!(((&three + seven) * (&two + 8) * ((&two * &three) - 1)).compute()?, 500);
    let expected = "\
graph of `mul`
  (mul)
  ├─ (mul)
  │  ├─ (add)
  │  │  ├─ [3]
  │  │  └─ [7]
  │  └─ (add)
  │     ├─ [2]
  │     └─ [8]
  └─ (sub)
     ├─ (mul)
     │  ├─ [2]
     │  └─ [3]
     └─ [1]
";
    assert_eq!(drawn(&result), expected);
    Ok(())
}

#[test]
fn a_loop_of_slow_functions_runs_side_by_side() -> partita::Result<()> {
    let start = Instant::now();
    let inc = delayed(inc);
    let results: Vec<Delayed<i64>> = (1..=8).map(|x| inc.call(x)).collect();
    let total = delayed(|all: Vec<i64>| all.iter().sum::<i64>()).name("sum").call(results);
    assert!(start.elapsed() < Duration::from_millis(20), "nothing runs while the graph is built");
    assert_eq!(total.with_session(&session(4)).compute()?, 44);
    assert!(start.elapsed() >= Duration::from_millis(40), "eight naps on four threads");
    Ok(())
}

#[test]
fn the_exercise_a_loop_with_a_condition() -> partita::Result<()> {
    let (inc, double, sum) =
        (delayed(inc), delayed(double), delayed(|all: Vec<i64>| all.iter().sum::<i64>()));
    // The condition is known while the graph is built: it stays an ordinary `if`.
    let results = (1..=8).map(|x| if is_even(&x) { double.call(x) } else { inc.call(x) });
    let total = sum.call(results.collect::<Vec<_>>());
    assert_eq!(total.compute()?, 2 + 4 + 4 + 8 + 6 + 12 + 8 + 16);
    let text = drawn(&total);
    assert_eq!((text.matches("(double)").count(), text.matches("(inc)").count()), (4, 4), "{text}");
    // One that is known only while it runs goes into a function.
    let step = delayed(|x: i64, even: bool| if even { 2 * x } else { x + 1 }).name("step");
    let start = inc.call(4);
    let even = start.map(is_even);
    assert_eq!(step.call(start, even).compute()?, 6);
    Ok(())
}

#[test]
fn a_mean_over_many_files() -> partita::Result<()> {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/nycflights13/flights");
    let sum_and_count = |file: String| -> partita::Result<(i64, i64)> {
        let rows = read_csv(&file).filter(col("origin").eq("JFK")).agg([col("distance").sum(), size()]);
        let row = rows.compute()?.to_batch()?;
        let number = |at: usize| {
            use partita::arrow::{array::AsArray, datatypes::Int64Type};
            row.column(at).as_primitive::<Int64Type>().value(0)
        };
        Ok((number(0), number(1)))
    };
    let load = try_delayed(sum_and_count).name("load");
    let parts = (1..=12).map(|month| load.call(format!("{files}/2013-{month:02}.csv"))).collect::<Vec<_>>();
    let mean = delayed(|parts: Vec<(i64, i64)>| {
        let (sum, count) = parts.iter().fold((0, 0), |all, part| (all.0 + part.0, all.1 + part.1));
        sum as f64 / count as f64
    });
    let mean = mean.name("mean").call(parts);
    // Counted by Python's csv module over the same files.
    assert_eq!(mean.compute()?, 140_906_931.0 / 111_279.0);
    assert!(drawn(&mean).contains("(load)"));
    Ok(())
}
