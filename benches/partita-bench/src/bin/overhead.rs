//! What Partita costs beside the work itself: per chained operation, per partition, per file. The design wants a
//! thousand operations planned in 50 ms and a partition for well under a millisecond.
//!
//! `cargo run --release -p partita-bench --bin overhead [-- THREADS]`

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use partita::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The best of five counts: the first one finds cold caches.
const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let session = Session::builder().threads(threads).build()?;
    let mut lines = vec![format!("{threads} threads, best of {REPEATS}")];
    for operations in [10, 100, 1_000] {
        let frame = chained(&session, operations)?;
        let taken = best(|| frame.explain().map(drop))?;
        lines.push(line(&format!("plan {operations} chained operations"), taken, operations, "operation"));
    }
    for partitions in [100, 1_000, 10_000] {
        let frame = rows_apart(&session, partitions)?;
        let taken =
            best(|| frame.filter(col("n").ge(0)).assign([(col("n") + 1).alias("m")]).compute().map(drop))?;
        lines.push(line(
            &format!("filter, assign, {partitions} partitions of one row"),
            taken,
            partitions,
            "partition",
        ));
        let taken = best(|| frame.groupby(["n"]).agg([size()]).compute().map(drop))?;
        lines.push(line(
            &format!("group by, {partitions} partitions of one row"),
            taken,
            partitions,
            "partition",
        ));
        let taken = best(|| frame.sort_values(["n"]).compute().map(drop))?;
        lines.push(line(
            &format!("sort, {partitions} partitions of one row"),
            taken,
            partitions,
            "partition",
        ));
    }
    for files in [100, 1_000] {
        let directory = std::env::temp_dir().join(format!("partita-overhead-{}", std::process::id()));
        rows_apart(&session, files)?.to_parquet(&directory)?;
        let taken = best(|| {
            session.read_parquet(&directory, Default::default()).filter(col("n").ge(0)).compute().map(drop)
        });
        std::fs::remove_dir_all(&directory)?;
        lines.push(line(&format!("read {files} Parquet files of one row"), taken?, files, "file"));
    }
    Ok(writeln!(std::io::stdout(), "{}", lines.join("\n"))?)
}

/// So many partitions of one row.
fn rows_apart(session: &Session, partitions: usize) -> partita::Result<PartitionedFrame> {
    let batches = (0..partitions).map(|n| partita::batch! { "n" => [n as i64] });
    Ok(PartitionedFrame::from_batches(batches.collect::<partita::Result<Vec<_>>>()?).with_session(session))
}

/// Each operation reads what the one before made.
fn chained(session: &Session, operations: usize) -> partita::Result<PartitionedFrame> {
    Ok((0..operations).fold(rows_apart(session, 1)?, |frame, number| match number % 3 {
        0 => frame.assign([(col("n") + 1).alias("n")]),
        1 => frame.filter(col("n").gt(number as i64 - 1_000_000)),
        _ => frame.rename([("n", "n")]),
    }))
}

fn best(mut work: impl FnMut() -> partita::Result<()>) -> partita::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..REPEATS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn line(what: &str, taken: Duration, count: usize, unit: &str) -> String {
    let micros = taken.as_secs_f64() * 1e6;
    format!("{what:<48} {:>9.2} ms {:>8.1} µs per {unit}", micros / 1e3, micros / count as f64)
}
