//! Runs: several values at once, kept ones, runs in the background, and frames beside functions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use partita::prelude::*;

use super::{session, without_hanging};

/// A delayed number that counts how often it is computed.
fn counted(value: i64) -> (Delayed<i64>, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&runs);
    let node = delayed(move || {
        own.fetch_add(1, Ordering::Relaxed);
        value
    });
    (node.call(), runs)
}

#[test]
fn shapes_keep_their_shape_and_shared_nodes_run_once() -> partita::Result<()> {
    let (base, runs) = counted(10);
    let double = &base * 2;
    let shape = (
        &base,
        vec![double.clone(), &double + 1],
        [Some(base.clone()), None],
        HashMap::from([("a", &double + &base)]),
        BTreeMap::from([(1, (double.clone(),))]),
    );
    let (value, list, options, map, tree) = compute_all(shape)?;
    assert_eq!((value, list, options), (10, vec![20, 21], [Some(10), None]));
    assert_eq!((map, tree), (HashMap::from([("a", 30)]), BTreeMap::from([(1, (20,))])));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert!(compute_all(Vec::<Delayed<i64>>::new())?.is_empty());
    Ok(())
}

#[test]
fn a_persisted_value_is_not_computed_again() -> partita::Result<()> {
    let (base, runs) = counted(4);
    let kept = base.name("base").persist()?;
    assert_eq!(format!("{kept:?}"), "Delayed<i64>(base)");
    assert_eq!((&kept + 1).compute()?, 5);
    assert_eq!((&kept * &kept).compute()?, 16);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    Ok(())
}

#[test]
fn a_run_in_the_background() {
    without_hanging(|| {
        let open = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&open);
        let waits = try_delayed(move || {
            while !gate.load(Ordering::Relaxed) {
                partita::checkpoint()?;
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(7_i64)
        });
        let running = (waits.call() + 1).submit();
        assert!(!running.ready_within(Duration::from_millis(20)) && !running.ready());
        open.store(true, Ordering::Relaxed);
        assert!(running.ready_within(Duration::MAX));
        assert_eq!(running.wait().expect("an answer"), 8);

        open.store(false, Ordering::Relaxed);
        let first = waits.call();
        let (after, runs) = counted(1);
        let running = (waits.call() + after.after(&first)).submit();
        running.cancel();
        assert!(running.wait().expect_err("it was cancelled").is_cancelled());
        assert_eq!(runs.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn dropping_the_handle_cancels_the_run() {
    without_hanging(|| {
        let stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        let endless = try_delayed(move || {
            loop {
                if let Err(stop) = partita::checkpoint() {
                    told.store(true, Ordering::Relaxed);
                    return Err::<(), _>(stop);
                }
                std::thread::yield_now();
            }
        });
        let running = endless.call().submit();
        std::thread::sleep(Duration::from_millis(20));
        drop(running);
        while !stopped.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_session_cancels_its_runs_and_others_go_on() {
    without_hanging(|| {
        let own = session(1);
        let handle = own.cancel_handle();
        let endless = try_delayed(|| -> Result<(), _> {
            loop {
                partita::checkpoint()?;
                std::thread::yield_now();
            }
            #[allow(unreachable_code, reason = "it tells the type of the error")]
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
        let running = endless.call().with_session(&own).submit();
        handle.cancel();
        assert!(running.wait().expect_err("it was cancelled").is_cancelled());
        assert_eq!(Delayed::value(1).map(|x| x + 1).compute().expect("another session"), 2);
    });
}

#[test]
fn runs_within_runs_do_not_wait_for_each_other() {
    // Nodes that compute, submit and wait, on a pool of one thread and of two.
    without_hanging(|| {
        for threads in [1, 2] {
            let own = session(threads);
            let inner = own.clone();
            let nested = try_delayed(move |x: i64| {
                let squares = (0..10).map(|i| delayed(|i: i64| i * i).call(i)).collect::<Vec<_>>();
                let sum = gather(squares).map(|all| all.iter().sum::<i64>()).with_session(&inner);
                let running = sum.submit();
                Ok::<_, partita::Error>(sum.compute()? + running.wait()? + x)
            });
            let all = gather((0..8).map(|x| nested.call(x)).collect::<Vec<_>>()).with_session(&own);
            assert_eq!(all.compute().expect("answers"), (0..8).map(|x| 570 + x).collect::<Vec<_>>());
        }
    });
}

fn numbers() -> PartitionedFrame {
    let batches = (0..4).map(|part| batch! { "v" => [part * 2, part * 2 + 1_i64] }.expect("a batch"));
    PartitionedFrame::from_batches(batches)
}

fn column(batch: &RecordBatch) -> Vec<i64> {
    use partita::arrow::array::AsArray;
    let values = batch.column(0).as_primitive::<partita::arrow::datatypes::Int64Type>();
    values.iter().flatten().collect()
}

fn schema() -> std::sync::Arc<Schema> {
    Schema::new(vec![Field::new("v", DataType::Int64, true)]).into()
}

#[test]
fn a_frame_is_a_node_of_a_larger_graph() -> partita::Result<()> {
    let rows = numbers().filter(col("v").gt(2)).delayed().map(|table| table.num_rows());
    let both = (rows * 10_usize).zip(&Delayed::value("x"));
    assert_eq!(both.compute()?, (50, "x"));
    let (table, number, tables) = compute_all((numbers(), Delayed::value(3), [&numbers()]))?;
    assert_eq!((table.num_rows(), number, tables[0].num_rows()), (8, 3, 8));
    Ok(())
}

#[test]
fn partitions_become_delayed_values_one_by_one() -> partita::Result<()> {
    let seen = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&seen);
    let frame = numbers().filter(col("v").ne(3)).map_partitions(schema(), move |batch| {
        own.fetch_add(1, Ordering::Relaxed);
        Ok::<_, partita::Error>(batch)
    });
    let parts = frame.to_delayed()?;
    assert_eq!((parts.len(), seen.load(Ordering::Relaxed)), (4, 0), "nothing is computed early");
    assert_eq!(column(&parts[1].compute()?), [2]);
    assert_eq!(seen.load(Ordering::Relaxed), 1, "only what is asked for is computed");
    let sums = parts.iter().map(|part| part.map(|batch| column(batch).iter().sum::<i64>()));
    assert_eq!(gather(sums.collect::<Vec<_>>()).compute()?, [1, 2, 9, 13]);

    let sorted = numbers().sort_values([col("v").desc()]).repartition(3);
    let parts = sorted.to_delayed()?.into_iter().map(|part| part.map(column)).collect::<Vec<_>>();
    let rows = gather(parts).compute()?;
    assert_eq!(rows.concat(), (0..8).rev().collect::<Vec<_>>());
    assert!(rows.iter().all(|part| (2..=3).contains(&part.len())), "{rows:?}");
    Ok(())
}

#[test]
fn any_frame_has_delayed_partitions_and_runs_once_for_all_of_them() -> partita::Result<()> {
    let seen = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&seen);
    let rows = numbers().map_partitions(schema(), move |batch| {
        own.fetch_add(1, Ordering::Relaxed);
        Ok::<_, partita::Error>(batch)
    });
    let parity = rows.assign([(col("v") % 2).alias("odd")]);
    let sums = |frame: &PartitionedFrame| frame.groupby(["odd"]).agg([col("v").sum()]).sort_values(["odd"]);
    let two = PartitionedFrame::from_batches([batch! { "v" => [1_i64, 6] }?, batch! { "v" => [7_i64] }?]);
    // Each with its rows and how many parts they must be in: as many as there are partitions in the sources.
    let cases: [(PartitionedFrame, usize, Vec<i64>); 6] = [
        (rows.sort_values([col("v").desc()]), 4, (0..8).rev().collect()),
        (sums(&parity).select(["v"]), 4, vec![12, 16]),
        (two.merge(&rows, partita::on(["v"])).sort_values(["v"]), 4, vec![1, 6, 7]),
        (rows.head(3), 1, vec![0, 1, 2]),
        (rows.agg([col("v").sum()]), 1, vec![28]),
        (concat([&rows, &two]).sort_values(["v"]), 6, vec![0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 7]),
    ];
    for (case, (frame, partitions, expected)) in cases.into_iter().enumerate() {
        seen.store(0, Ordering::Relaxed);
        let parts = frame.to_delayed()?;
        assert_eq!((parts.len(), seen.load(Ordering::Relaxed)), (partitions, 0), "case {case}");
        let parts = gather(parts.iter().map(|part| part.map(column)).collect::<Vec<_>>()).compute()?;
        assert_eq!(parts.concat(), expected, "case {case}");
        assert!(parts.iter().all(|part| part.len() <= expected.len().div_ceil(partitions)), "case {case}");
        assert!(seen.load(Ordering::Relaxed) <= 4, "case {case} ran more than once");
    }
    Ok(())
}

#[test]
fn files_become_delayed_values_split_by_split() -> partita::Result<()> {
    let flights = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/nycflights13/flights");
    let frame = read_csv(flights).filter(col("distance").gt(1000)).select(["carrier"]);
    let parts = frame.to_delayed()?;
    assert!(parts.len() >= 12, "a file is at least one partition");
    let counts = parts.iter().map(|part| part.map(RecordBatch::num_rows)).collect::<Vec<_>>();
    assert_eq!(gather(counts).compute()?.iter().sum::<usize>(), frame.len()?);
    Ok(())
}

#[test]
fn delayed_values_become_partitions_and_what_they_share_runs_once() -> partita::Result<()> {
    let (base, runs) = counted(100);
    let made = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&made);
    let make = try_delayed(move |base: i64, from: i64| {
        own.fetch_add(1, Ordering::Relaxed);
        batch! { "v" => [base + from, base + from + 1] }
    });
    let parts = (0..5).map(|part| make.call(&base, part * 10)).collect::<Vec<_>>();
    let frame = PartitionedFrame::from_delayed(schema(), parts);
    let large = frame.filter(col("v").gt(120)).agg([col("v").sum().alias("sum")]);
    assert_eq!(made.load(Ordering::Relaxed), 0, "nothing is computed early");
    assert_eq!(column(&large.compute()?.to_batch()?), [121 + 130 + 131 + 140 + 141]);
    assert_eq!((runs.load(Ordering::Relaxed), made.load(Ordering::Relaxed)), (1, 5));

    // Two frames over the same values, computed together, and a self-join: still once.
    let (low, high) = (frame.filter(col("v").le(110)), frame.merge(&frame, partita::on(["v"])));
    let (low, high) = compute_all((low, high))?;
    assert_eq!((low.num_rows(), high.num_rows()), (3, 10));
    assert_eq!((runs.load(Ordering::Relaxed), made.load(Ordering::Relaxed)), (2, 10));

    // And back again, through functions, into a frame.
    let again = frame.to_delayed()?.into_iter().map(|part| {
        part.try_map(|batch| batch! { "v" => column(batch).iter().map(|v| v * 2).collect::<Vec<_>>() })
    });
    let doubled = PartitionedFrame::from_delayed(schema(), again);
    assert_eq!(column(&doubled.head(3).compute()?.to_batch()?), [200, 202, 220]);
    Ok(())
}

#[test]
fn a_delayed_partition_is_held_to_the_declared_schema() {
    let wrong = try_delayed(|| batch! { "w" => [1_i64] }).call().name("wrong");
    let right = try_delayed(|| batch! { "v" => [1_i64] }).call();
    let error = PartitionedFrame::from_delayed(schema(), [right, wrong]).compute().unwrap_err().to_string();
    assert!(error.starts_with("from_delayed at tests/it/delayed/runs.rs:"), "{error}");
    assert!(error.contains("returned columns `w` int64 but `v` int64 were declared"), "{error}");
    assert!(error.contains("delayed partition 1 (`wrong`)"), "{error}");
    let fails = try_delayed(|| Err::<RecordBatch, _>("no such file")).call().name("load");
    let error = PartitionedFrame::from_delayed(schema(), [fails]).compute().unwrap_err().to_string();
    assert!(error.contains("task `load` failed: no such file"), "{error}");
}

#[test]
fn batches_and_tables_that_wait_for_their_users_count_against_the_memory_limit() -> partita::Result<()> {
    const MIB: i64 = 1 << 20;
    let own = Session::builder().threads(1).memory_limit(24 << 20).build()?;
    // Eight MiB each.
    let make = try_delayed(|from: i64| batch! { "v" => (from..from + MIB).collect::<Vec<i64>>() });
    let sum = |parts: Vec<&RecordBatch>| parts.iter().map(|part| part.num_rows() as i64).sum::<i64>();
    let of = |count: i64| {
        let parts = (0..count).map(|part| make.call(part).name(format!("part {part}"))).collect::<Vec<_>>();
        delayed(sum).call(parts).with_session(&own)
    };
    let (rows, report) = of(2).compute_with_report()?;
    assert_eq!((rows, report.peak_memory()), (2 * MIB, 16 << 20));
    let error = of(4).compute().unwrap_err();
    assert!(error.is_memory() && error.to_string().contains("24.0 MiB is too small"), "{error}");
    assert!(error.to_string().contains("in task `part 3`"), "{error}");
    // All was given back; a value that is kept counts until it is dropped; values that are used up make room.
    let kept = make.call(0).with_session(&own).persist()?;
    assert!(of(3).compute().unwrap_err().is_memory());
    drop(kept);
    let one_by_one = (0..6).map(|part| make.call(part).map(|part| part.num_rows() as i64));
    assert_eq!(gather(one_by_one.collect::<Vec<_>>()).with_session(&own).compute()?, vec![MIB; 6]);
    // The partitions of a frame, each for itself though they are made at once, and a frame's table.
    // Their numbers take all eight bytes, so that the table, which keeps them packed, has as many.
    let wide = batch! { "v" => (0..MIB).map(|row| row << 32).collect::<Vec<i64>>() }?;
    let frame = PartitionedFrame::from_batches([wide]).with_session(&own);
    let parts = gather(frame.repartition(2).to_delayed()?).with_session(&own);
    let (_, report) = parts.map(|parts| parts.len()).with_session(&own).compute_with_report()?;
    assert!(report.peak_memory() >= 8 << 20, "{}", report.peak_memory());
    let (_, report) =
        frame.delayed().map(|table| table.num_rows()).with_session(&own).compute_with_report()?;
    assert_eq!(report.peak_memory(), 8 << 20);
    Ok(())
}

#[test]
fn a_function_beyond_its_time_limit_holds_up_neither_the_run_nor_the_process() {
    // The end of `main` does not wait for its thread either, so what is left of it here must not matter.
    let start = std::time::Instant::now();
    let stuck = delayed(|| std::thread::sleep(std::time::Duration::from_secs(3600))).name("stuck").call();
    let error = stuck.time_limit(std::time::Duration::from_millis(20)).compute().unwrap_err().to_string();
    assert!(error.contains("task `stuck` failed: it took longer than its time limit of 20ms"), "{error}");
    assert!(start.elapsed() < std::time::Duration::from_secs(30));
}
