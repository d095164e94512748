//! A limit too small for one batch is an error at once that says what would do, for every operator, and what it says
//! does.

use std::path::Path;
use std::time::{Duration, Instant};

use partita::prelude::*;

use super::{LIMIT, ROWS, made, session};

/// Bytes of the one long text: no batch with it fits into [`LIMIT`].
const LONG: usize = 5 << 20;

type Chain = fn(&PartitionedFrame) -> PartitionedFrame;

/// What must hold the long text to do its work.
const OPERATORS: &[(&str, Chain)] = &[
    ("sort", |rows| rows.sort_values([col("k").desc()])),
    ("sort by the text", |rows| rows.sort_values(["t"])),
    ("groups by the text", |rows| rows.groupby(["t"]).agg([col("k").sum()])),
    ("largest text", |rows| rows.groupby(["k"]).agg([col("t").max()])),
    ("first text", |rows| rows.groupby(["k"]).agg([col("t").first()])),
    ("number of texts", |rows| rows.groupby(["k"]).agg([col("t").nunique()])),
    ("distinct", |rows| rows.drop_duplicates(Keep::First)),
    ("last of duplicates", |rows| rows.drop_duplicates(Keep::Last)),
    ("only once", |rows| rows.drop_duplicates(Keep::None)),
    ("value counts", |rows| rows.value_counts("t")),
    ("join", |rows| rows.merge(&rows.select(["k"]), on(["k"]))),
    ("join with it to the right", |rows| rows.select(["k"]).merge(rows, on(["k"]).how(How::Left))),
    ("outer join", |rows| rows.merge(&rows.select([(col("k") + 1).alias("k")]), on(["k"]).how(How::Outer))),
    ("join by the text", |rows| rows.merge(&rows.select(["t"]), on(["t"]))),
    ("last rows", |rows| rows.tail(1)),
    ("first rows in order", |rows| rows.sort_values([col("k").desc()]).head(2)),
    ("repartition", |rows| rows.repartition(2)),
];

/// Writes the answer with a limit.
fn write(chain: Chain, limit: usize, place: &Path) -> partita::Result<()> {
    let session = session(limit, place.parent().expect("a directory"));
    let long = "x".repeat(LONG);
    let batch = batch! { "k" => [1, 2, 3], "t" => [long.as_str(), "y", "z"] }.expect("columns of one length");
    let frame = PartitionedFrame::from_batches([batch]).with_session(&session);
    chain(&frame).to_parquet(place).map(drop)
}

/// The limit that a message names.
fn named(message: &str) -> usize {
    let least = message.split("a limit of ").nth(1).and_then(|rest| rest.split(" MiB").next());
    let least: f64 =
        least.and_then(|mib| mib.parse().ok()).unwrap_or_else(|| panic!("no limit in: {message}"));
    (least * f64::from(1 << 20)) as usize
}

#[test]
fn a_limit_too_small_for_a_step_is_an_error_that_says_what_would_do() {
    let mut streamed = 0;
    for (name, chain) in OPERATORS {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |number: usize| directory.path().join(number.to_string());
        let begun = Instant::now();
        let refused = write(*chain, LIMIT, &place(0));
        assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
        let Err(error) = refused else {
            streamed += 1;
            continue;
        };
        assert!(error.is_memory(), "{name}: {error}");
        let message = error.to_string();
        let least = named(&message);
        assert!(least > LONG && least < 12 * LONG, "{name}: {message}");
        write(*chain, least, &place(1)).unwrap_or_else(|error| panic!("{name}: {message}, but {error}"));
        let left = std::fs::read_dir(directory.path()).expect("the directory").count();
        assert_eq!(left, 1, "{name}: something is left where it spilled");
    }
    // A probe side and rows that are only cut anew are not held.
    assert!(streamed <= 3, "{streamed} operators need no memory");
}

/// A row group must be held until it is whole, however many rows of it there is room for.
#[test]
fn a_limit_too_small_for_a_row_group_is_an_error_that_says_what_would_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let convert = |limit: usize, name: &str| {
        let session = session(limit, directory.path());
        made(&session).repartition(1).to_parquet(directory.path().join(name))
    };
    let error = convert(LIMIT, "small").expect_err("a row group does not fit");
    assert!(error.is_memory(), "{error}");
    let least = named(&error.to_string());
    // Most of the columns still have dictionaries then, with which a row group would take several times as much.
    assert!(least < 144 * LIMIT, "{error}");
    assert_eq!(convert(least, "enough").expect("what was said to do").rows, ROWS as u64, "{error}");
}
