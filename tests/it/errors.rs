//! What users do wrong, and what happens to them: an error at the right step, never a panic, never a lie.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use partita::Error;
use partita::prelude::*;

use crate::check::{Order, check};
use crate::files::below;
use crate::rows::{NULL, Rows, row};

fn flights() -> PartitionedFrame {
    let batch = batch! {
        "carrier" => ["AA", "UA", "AA"],
        "dep_delay" => vec![Some(5_i64), None, Some(i64::MAX)],
        "distance" => vec![100_i64, 0, -7]
    };
    PartitionedFrame::from_batches([batch.expect("columns of one length")]).repartition(2)
}

/// The message of every way out of a frame is the same, and names this line of this file.
#[track_caller]
fn fails(frame: &PartitionedFrame, step: &str, line: u32, parts: &[&str]) -> Error {
    let error = frame.compute().expect_err("the chain cannot work");
    let message = error.to_string();
    let place = format!("{step} at {}:{line}: ", file!());
    assert!(message.starts_with(&place), "not `{place}`: {message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!message.contains("internal error"), "{message}");
    error
}

/// As [`fails`], and already when the schema is asked for.
#[track_caller]
fn fails_early(frame: &PartitionedFrame, step: &str, line: u32, parts: &[&str]) {
    let error = fails(frame, step, line, parts);
    assert!(error.is_usage(), "{error}");
    assert_eq!(frame.schema().expect_err("no schema").to_string(), error.to_string());
    assert_eq!(frame.explain().expect_err("no plan").to_string(), error.to_string());
}

#[test]
fn unknown_columns() {
    let frame = flights().filter(col("dep_delya").gt(15));
    fails_early(&frame, "filter", line!() - 1, &["no column `dep_delya`", "did you mean `dep_delay`?"]);
    // Later steps keep the first error.
    let frame = flights().select(["Carrier"]).groupby(["x"]).size().head(2);
    fails_early(&frame, "select", line!() - 1, &["did you mean `carrier`?"]);
    let frame = flights().groupby(["nothing_like_it"]).agg([size()]);
    fails_early(&frame, "agg", line!() - 1, &["columns are `carrier`, `dep_delay`, `distance`"]);
    let frame = flights().sort_values(["distanc"]);
    fails_early(&frame, "sort_values", line!() - 1, &["`distance`"]);
    let frame = flights().merge(&flights(), on(["carier"]));
    fails_early(&frame, "merge", line!() - 1, &["`carrier`", "left side"]);
    let frame = flights().drop(["dist"]);
    fails_early(&frame, "drop", line!() - 1, &["no column `dist`"]);
    let frame = flights().rename([("dist", "far")]);
    fails_early(&frame, "rename", line!() - 1, &["no column `dist`"]);
}

#[test]
fn types_that_clash() {
    let frame = flights().assign([(col("carrier") + col("distance")).alias("x")]);
    fails_early(&frame, "assign", line!() - 1, &["(carrier + distance)", "text", "int64"]);
    let frame = flights().filter(col("distance"));
    fails_early(&frame, "filter", line!() - 1, &["int64"]);
    let frame = flights().agg([col("carrier").mean()]);
    fails_early(&frame, "agg", line!() - 1, &["mean(carrier)"]);
    let frame =
        flights().merge(&flights().rename([("carrier", "c")]), Merge::left_right(["distance"], ["c"]));
    let message = frame.compute().expect_err("no common type").to_string();
    assert!(message.contains("`distance` (int64)") && message.contains("`c` (text)"), "{message}");
    let frame = concat([&flights(), &flights().select([col("carrier").alias("distance")])]);
    let message = frame.compute().expect_err("no common type").to_string();
    assert!(message.starts_with("concat at ") && message.contains("`distance`"), "{message}");
}

#[test]
fn names_used_twice() {
    let frame = flights().select([col("carrier"), col("distance").alias("carrier")]);
    fails_early(&frame, "select", line!() - 1, &["`carrier` is used twice"]);
    let frame = flights().assign([lit(1).alias("x"), lit(2).alias("x")]);
    fails_early(&frame, "assign", line!() - 1, &["`x` is used twice"]);
    let frame = flights().rename([("carrier", "distance")]);
    fails_early(&frame, "rename", line!() - 1, &["`distance` is used twice"]);
    let frame = flights().groupby(["carrier"]).agg([size().alias("carrier")]);
    fails_early(&frame, "agg", line!() - 1, &["`carrier` is used twice"]);
}

#[test]
fn numbers_too_large() {
    let frame =
        flights().assign([(col("dep_delay") + col("distance") * 2).alias("x")]).filter(col("x").gt(0));
    let frame = frame.assign([(col("dep_delay") * 2).alias("y")]);
    let message = frame.compute().expect_err("an overflow").to_string();
    assert!(message.contains("errors.rs:") && message.contains("(dep_delay * 2)"), "{message}");
    let frame = concat([&flights(), &flights()]).agg([col("dep_delay").sum()]);
    let message = frame.compute().expect_err("an overflow").to_string();
    assert!(message.contains("errors.rs:") && message.contains("sum"), "{message}");
    let frame = flights().astype([("distance", DataType::Int8), ("dep_delay", DataType::Int32)]);
    fails(&frame, "astype", line!() - 1, &["9223372036854775807", "int32"]);
    // What no row needs does not fail.
    let small = flights().filter(col("dep_delay").lt(10)).assign([(col("dep_delay") * 2).alias("x")]);
    assert_eq!(small.compute().expect("the large value is filtered out").num_rows(), 1);
}

#[test]
fn division_by_zero() {
    let input = batch! { "a" => [Some(7), Some(-7), None], "b" => [0, 2, 0], "f" => [0.0, -2.0, 1.0] };
    let got = check(&[input.expect("columns of one length")], Order::Fixed, |frames| {
        frames[0].select([
            (col("a") / col("b")).alias("divided"),
            col("a").floor_div(col("b")).alias("floored"),
            (col("f") / lit(0.0)).alias("float"),
        ])
    });
    let expected = Rows::new(
        &["divided", "floored", "float"],
        vec![
            row![f64::INFINITY, NULL, f64::NAN],
            row![-3.5, -4, f64::NEG_INFINITY],
            row![NULL, NULL, f64::INFINITY],
        ],
    );
    assert_eq!(got.difference(&expected, true, false), None);
}

fn numbers(rows: i64) -> PartitionedFrame {
    let batch = batch! { "n" => (0..rows).collect::<Vec<_>>() }.expect("one column");
    PartitionedFrame::from_batches([batch]).repartition(4)
}

fn schema_of(name: &str, kind: DataType) -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new(name, kind, true)]))
}

#[test]
fn functions_of_the_user_that_panic_fail_or_lie() {
    fn panics(batch: RecordBatch) -> io::Result<RecordBatch> {
        assert!(batch.num_rows() == 0, "the user's own words");
        Ok(batch)
    }
    let frame = numbers(10).map_partitions(schema_of("n", DataType::Int64), panics);
    let error = frame.compute().expect_err("a panic");
    assert!(error.is_panic(), "{error}");
    assert!(error.to_string().contains("the user's own words"), "{error}");

    let fails_itself = |_: RecordBatch| Err::<RecordBatch, _>("no such luck");
    let frame = numbers(10).map_partitions(schema_of("n", DataType::Int64), fails_itself);
    fails(&frame, "map_partitions", line!() - 1, &["no such luck", "partition 0"]);

    let same = |batch: RecordBatch| Ok::<_, io::Error>(batch);
    let frame = numbers(10).map_partitions(schema_of("n", DataType::Utf8), same);
    fails(&frame, "map_partitions", line!() - 1, &["`n` int64", "`n` text", "declared"]);
    let frame = numbers(10).map_batches(schema_of("m", DataType::Int64), same);
    fails(&frame, "map_batches", line!() - 1, &["`n`", "`m`", "declared"]);
    // The same frames go on to work for others: nothing is broken for good.
    assert_eq!(numbers(10).len().expect("a count"), 10);
}

#[test]
fn a_cancelled_run_stops_within_a_second_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let spill = directory.path().join("spill");
    std::fs::create_dir(&spill).expect("a directory");
    let session = Session::builder().threads(2).spill_dir(&spill).exchange_limit(0).build();
    let session = session.expect("settings that work");
    let handle = session.cancel_handle();
    // Ten thousand million rows: nothing that ends by itself while the test runs.
    let frame = numbers(100_000).with_session(&session);
    let endless = frame.merge(&frame.rename([("n", "m")]), Merge::cross()).filter(col("n").ne(col("m")));
    let target = directory.path().join("out");
    let began = Instant::now();
    let (error, stopped) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let error = endless.to_parquet(&target).expect_err("it was cancelled");
            (error, Instant::now())
        });
        std::thread::sleep(Duration::from_millis(300));
        handle.cancel();
        let asked = Instant::now();
        let (error, ended) = writing.join().expect("no panic");
        (error, ended.duration_since(asked))
    });
    assert!(error.is_cancelled(), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(stopped < Duration::from_secs(1), "it took {stopped:?} to stop");
    assert_eq!(below(directory.path()), [spill.to_string_lossy()]);
    let again = frame.len().expect_err("a cancelled session stays so");
    assert!(again.is_cancelled(), "{again}");
    // Nor does it look into files for a schema.
    let path = directory.path().join("x.csv");
    std::fs::write(&path, "a\n1\n").expect("a file");
    let schema = session
        .read_csv(path, partita::io::csv::CsvOptions::default())
        .schema()
        .expect_err("it is cancelled");
    assert!(schema.is_cancelled(), "{schema}");
}

#[test]
fn partition_7_of_40_fails_and_says_where_and_the_rest_is_left() {
    let directory = tempfile::tempdir().expect("a directory");
    for part in 0..40 {
        let last = if part == 7 { i64::MAX } else { 3 };
        std::fs::write(directory.path().join(format!("part-{part:02}.csv")), format!("v\n1\n2\n{last}\n"))
            .expect("a file");
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&seen);
    let session = Session::builder().threads(1).build().expect("a session");
    let frame = session.read_csv(directory.path(), partita::io::csv::CsvOptions::default());
    let counted = frame.map_batches(schema_of("v", DataType::Int64), move |batch| {
        own.fetch_add(1, Ordering::Relaxed);
        Ok::<_, io::Error>(batch)
    });
    let added = counted.assign([(col("v") + 1).alias("w")]);
    let line = line!() - 1;
    fails(
        &added,
        "assign",
        line,
        &["part-07.csv", "rows 1 to 3 of ", "9223372036854775807 + 1", "in `(v + 1)`, in partition "],
    );
    let seen = seen.load(Ordering::Relaxed);
    assert!((8..40).contains(&seen), "{seen} files were worked on");
}
