//! Results of files whose texts lie there as codes, which nobody looks at before they are collected, against the same
//! chains over rows that were always plain.

use std::path::Path;

use partita::prelude::*;
use partita::{Result, Session};

use super::rows;
use crate::check::SPILL;
use crate::rows::Rows;

const ROWS: i64 = 4_500;

fn scattered(row: i64, salt: u32) -> i64 {
    row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).rotate_left(salt).unsigned_abs() as i64 >> 3
}

/// Rows with short and long texts that come again and again, and with some that are missing.
fn left() -> Result<PartitionedFrame> {
    let short = |row: i64| (row % 13 != 5).then(|| format!("s{}", scattered(row, 7) % 20));
    let long = |row: i64| format!("a long text with the number {}", scattered(row, 19) % 50);
    let rows = 0..ROWS;
    let batch = batch! {
        "short" => rows.clone().map(short).collect::<Vec<_>>(),
        "long" => rows.clone().map(long).collect::<Vec<_>>(),
        "n" => rows.clone().map(|row| (row % 17 != 2).then_some(scattered(row, 29) % 40)).collect::<Vec<_>>(),
        "v" => rows.collect::<Vec<_>>()
    };
    Ok(PartitionedFrame::from_batches([batch?]).repartition(3))
}

/// A row for most keys of the left side, for some of them two; the right columns miss some values.
fn right() -> Result<PartitionedFrame> {
    let rows = (0..45_i64).filter(|row| row % 9 != 4);
    let batch = batch! {
        "n" => rows.clone().map(|row| row % 33).collect::<Vec<_>>(),
        "short" => rows.clone().map(|row| format!("s{}", row % 25)).collect::<Vec<_>>(),
        "name" => rows.clone().map(|row| (row % 5 != 1).then(|| format!("the name of {row}"))).collect::<Vec<_>>(),
        "price" => rows.map(|row| (row % 6 != 2).then_some(row as f64 / 8.0)).collect::<Vec<_>>()
    };
    Ok(PartitionedFrame::from_batches([batch?]))
}

type Chain = fn(&PartitionedFrame, &PartitionedFrame) -> PartitionedFrame;

fn on_n(how: How) -> Merge {
    on(["n"]).how(how)
}

/// Chains, and the columns of the left files that they read as codes.
const CHAINS: [(&str, Chain, &str); 17] = [
    ("all", |x, _| x.clone(), "short and long and n"),
    ("filter", |x, _| x.filter(col("v").rem(7).ne(3)), "short and long and n"),
    ("filter by a text", |x, _| x.filter(col("short").gt("s3")), "short and long and n"),
    (
        "filter behind",
        |x, _| {
            x.select([(col("v") + 1).alias("w"), col("long"), col("short")])
                .filter(col("w").gt(70).or(col("long").eq("b")))
        },
        "short",
    ),
    ("twice", |x, _| x.select([col("short").alias("a"), col("short").alias("b"), col("v")]), "short"),
    (
        "computed",
        |x, _| x.select([col("short"), col("short").str().upper().alias("up"), col("long")]),
        "long",
    ),
    ("inner", |x, y| x.merge(y, on_n(How::Inner)), "short and long and n"),
    ("left", |x, y| x.merge(y, on_n(How::Left)), "short and long and n"),
    // Of a build side, numbers are packed better as they are.
    ("right", |x, y| x.merge(y, on_n(How::Right)), "short and long"),
    ("outer", |x, y| x.merge(y, on_n(How::Outer)), ""),
    ("semi", |x, y| x.merge(y, on_n(How::Semi)), "short and long and n"),
    ("anti", |x, y| x.merge(y, on_n(How::Anti)), "short and long and n"),
    ("by text", |x, y| x.merge(y, on(["short"])), "short and long and n"),
    (
        "twice joined",
        |x, y| x.merge(y, on_n(How::Left)).merge(&y.select(["name", "price"]), on(["name"]).how(How::Left)),
        "short and long and n",
    ),
    (
        "joined and looked at",
        |x, y| x.merge(y, on_n(How::Left)).filter(col("name").ne("the name of 7").and(col("price").gt(1.0))),
        "short and long and n",
    ),
    (
        "cross",
        |x, y| x.filter(col("v").lt(500)).merge(&y.select(["name"]), Merge::cross()),
        "short and long and n",
    ),
    (
        "both",
        |x, y| concat([&x.merge(y, on_n(How::Left)), &x.filter(col("v").gt(100)).merge(y, on_n(How::Inner))]),
        "short and long and n",
    ),
];

fn written(frame: &PartitionedFrame, place: &Path) -> Result<PartitionedFrame> {
    frame.to_parquet(place)?;
    Ok(read_parquet(place))
}

#[test]
fn what_is_read_as_codes_is_collected_as_texts() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (x, y) = (left().expect("rows"), right().expect("rows"));
    let of_files = |frame, name| written(frame, &place.path().join(name)).expect("files");
    let (x_files, y_files) = (of_files(&x, "x"), of_files(&y, "y"));
    for (name, chain, codes) in CHAINS {
        let expected = rows(&chain(&x, &y)).expect("rows");
        let plan = chain(&x_files, &y_files).explain().expect("a plan");
        let of_x = plan.lines().find(|line| line.contains("as codes") && line.contains("/x,"));
        match of_x {
            Some(line) => {
                assert!(!codes.is_empty() && line.contains(&format!(", {codes} as codes")), "{name}: {plan}")
            }
            None => assert!(codes.is_empty(), "{name}: {plan}"),
        }
        let mut first: Option<Rows> = None;
        for (threads, optimize, limit) in [(1, true, 1 << 30), (2, true, 0), (4, false, 1 << 30)] {
            let session = Session::builder().threads(threads).optimize(optimize).exchange_limit(limit);
            for broadcast in [1 << 30, 0] {
                let session = session.clone().broadcast_bytes(broadcast).spill_dir(&*SPILL);
                let session = session.task_bytes(1 << 15).run_bytes(1 << 14).build().expect("a session");
                let frame = chain(&x_files, &y_files).with_session(&session);
                let found = rows(&frame).expect("rows");
                let difference = expected.difference(&found, false, true);
                assert!(difference.is_none(), "{name} {threads} {broadcast}: {difference:?}");
                // What is kept for other plans, and written, is plain.
                let kept = rows(&frame.persist().expect("kept rows")).expect("rows");
                let same = found.difference(&kept, true, true);
                assert!(same.is_none(), "{name} {threads} {broadcast}: {same:?}");
                if broadcast > 0 && optimize {
                    let same = first.get_or_insert_with(|| found.clone()).difference(&found, true, true);
                    assert!(same.is_none(), "{name} {threads}: {same:?}");
                }
            }
        }
    }
}

/// A result of few texts and small numbers is kept in far fewer bytes than its arrays take.
#[test]
fn a_result_is_held_in_few_bytes() -> Result<()> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let session = Session::builder().threads(1).build()?;
    let x = written(&left()?, place.path())?.with_session(&session);
    let (table, report) = x.select(["short", "n"]).compute_with_report()?;
    assert_eq!(table.num_rows(), ROWS as usize);
    let batches: Vec<_> = table.batches().collect();
    assert_eq!(table.to_batches()?, batches);
    // Threads that run the functions of a graph unpack by themselves.
    let unpack = |table: &partita::Table| table.to_batches().expect("batches");
    assert_eq!(x.select(["short", "n"]).delayed().map(unpack).with_session(&session).compute()?, batches);
    let arrays: usize = batches.iter().map(|batch| batch.get_array_memory_size()).sum();
    assert!(arrays >= ROWS as usize * 24, "{arrays}");
    let (kept, plain) = x.select(["short", "n"]).persist_with_report()?;
    assert!(report.peak_memory() < plain.peak_memory(), "{} {}", report.peak_memory(), plain.peak_memory());
    drop(kept);
    Ok(())
}

/// What a table says about each of its batches would outweigh the few rows that a filter leaves of many.
#[test]
fn few_rows_of_each_of_many_batches_are_kept_together() -> Result<()> {
    const MANY: i64 = 300_000;
    let batch = batch! {
        "n" => (0..MANY).collect::<Vec<_>>(),
        "t" => (0..MANY).map(|row| format!("text {row}")).collect::<Vec<_>>()
    };
    let frame = PartitionedFrame::from_batches([batch?]).filter((col("n") % 1_000).eq(7));
    let table = frame.compute()?;
    assert_eq!((table.num_rows(), table.batches().len()), (300, 1));
    let expected = batch! {
        "n" => (0..MANY / 1_000).map(|row| 1_000 * row + 7).collect::<Vec<_>>(),
        "t" => (0..MANY / 1_000).map(|row| format!("text {}", 1_000 * row + 7)).collect::<Vec<_>>()
    };
    let difference =
        rows(&PartitionedFrame::from_batches([expected?]))?.difference(&rows(&frame)?, true, true);
    assert!(difference.is_none(), "{difference:?}");
    Ok(())
}

/// A build side that is large enough to be gathered column by column, of files whose dictionaries differ: what is joined
/// is reckoned from the keys.
#[test]
fn a_large_build_side_of_codes_and_numbers_gives_the_rows_of_its_keys() -> Result<()> {
    const BUILD_ROWS: i64 = 150_000;
    let name = |row: i64| (row % 13 != 5).then(|| format!("name {}", row / 700));
    let note = |row: i64| format!("a note that is long enough, of {}", row % 900);
    let price = |row: i64| (row % 7 != 1).then_some(row as f64 / 8.0);
    let day = |row: i64| (row % 9 != 1).then_some(row % 366 - 100);
    let columns = |rows: &dyn Fn(i64) -> Option<i64>, range: std::ops::Range<i64>| {
        let of = || range.clone().map(rows);
        batch! {
            "name" => of().map(|row| name(row?)).collect::<Vec<_>>(),
            "note" => of().map(|row| Some(note(row?))).collect::<Vec<_>>(),
            "price" => of().map(|row| price(row?)).collect::<Vec<_>>(),
            "day" => of().map(|row| day(row?)).collect::<Vec<_>>(),
            "far" => of().map(|row| Some(row? << 40)).collect::<Vec<_>>()
        }
    };
    let keyed = |keys: Vec<i64>, rest: arrow::array::RecordBatch| -> Result<PartitionedFrame> {
        let key = PartitionedFrame::from_batches([batch! { "n" => keys }?]).compute()?.to_batch()?;
        let schemas = [key.schema(), rest.schema()];
        let schema = arrow::datatypes::Schema::try_merge(schemas.iter().map(|s| s.as_ref().clone()))?;
        let arrays = key.columns().iter().chain(rest.columns()).cloned().collect();
        let batch = arrow::array::RecordBatch::try_new(std::sync::Arc::new(schema), arrays)?;
        Ok(PartitionedFrame::from_batches([batch]))
    };
    // Only every third number is a key.
    let build =
        keyed((0..BUILD_ROWS).map(|row| row * 3).collect(), columns(&|row| Some(row), 0..BUILD_ROWS)?)?;
    let place = tempfile::tempdir().expect("a temporary directory");
    let build = written(&build.repartition(4), place.path())?;
    let partner = |n: i64| (n % 3 == 0 && n / 3 < BUILD_ROWS).then_some(n / 3);
    let keys: Vec<i64> = (0..20_000).map(|row| scattered(row, 11) % (4 * BUILD_ROWS)).collect();
    let left = PartitionedFrame::from_batches([batch! { "n" => keys.clone() }?]).repartition(3);
    let found = |row: i64| partner(keys[row as usize]);
    let all = rows(&keyed(keys.clone(), columns(&found, 0..keys.len() as i64)?)?)?;
    let met: Vec<i64> = keys.iter().copied().filter(|&n| partner(n).is_some()).collect();
    let inner = rows(&keyed(met.clone(), columns(&|row| partner(met[row as usize]), 0..met.len() as i64)?)?)?;
    for (threads, limit) in [(1, 1 << 30), (2, 1 << 30), (2, 0)] {
        let session = Session::builder().threads(threads).exchange_limit(limit).spill_dir(&*SPILL).build()?;
        // An inner join may build its smaller left side, and then has the order of the right one.
        for (how, expected, ordered) in [(How::Left, &all, true), (How::Inner, &inner, false)] {
            let joined = left.merge(&build, on_n(how)).with_session(&session);
            for frame in [
                joined.clone(),
                joined.filter(col("name").is_null().or(col("note").ge("")).or(col("n").ge(0))),
            ] {
                let difference = expected.difference(&rows(&frame)?, ordered, true);
                assert!(difference.is_none(), "{how:?} {threads} {limit}: {difference:?}");
            }
        }
    }
    Ok(())
}
