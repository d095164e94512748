//! How fast a CSV file is read, and read and written as Parquet, by this crate alone.
//!
//! `cargo run --release -p partita-io --example csv_speed FILE [THREADS] [BLOCK_KIB]`
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arrow::array::RecordBatch;
use partita_io::csv::{self, CsvOptions};
use partita_io::{
    DatasetWriter, Listing, ListingOptions, Local, ParquetCompression, ParquetWriteOptions, ReadContext,
    ScanRequest, Source, WriteFormat, WriteOptions,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let threads: usize = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
    let mut options = CsvOptions::default();
    if let Some(kib) = arguments.next() {
        options.block_bytes = kib.parse::<usize>()? << 10;
    }
    let context = ReadContext::new(Arc::new(Local));
    let listing = Listing::open(path.clone(), &ListingOptions::compressible(["csv"]), &Local)?;
    let source = csv::open(listing, &options, &context)?;
    let bytes = std::fs::metadata(&path)?.len() as f64;
    let report = |what: &str, work: &dyn Fn() -> Outcome<()>| -> Outcome<()> {
        let (mut best, mut best_busy) = (f64::MAX, f64::MAX);
        for _ in 0..3 {
            let (start, busy) = (Instant::now(), busy_seconds());
            work()?;
            best = best.min(start.elapsed().as_secs_f64());
            best_busy = best_busy.min(busy_seconds() - busy);
        }
        println!("{what:<12} {best:6.3} s  {:7.1} MB/s  {best_busy:6.2} s of processors", bytes / best / 1e6);
        Ok(())
    };
    report("all columns", &|| {
        each_split(&*source, &context, threads, |_| (), |(), _| Ok(()), Ok).map(|_: Vec<()>| ())
    })?;
    for (name, compression) in [("snappy", ParquetCompression::Snappy), ("zstd", ParquetCompression::Zstd(3))]
    {
        let format =
            WriteFormat::Parquet(ParquetWriteOptions { compression, ..ParquetWriteOptions::default() });
        report(&format!("to {name}"), &|| {
            let directory = std::env::temp_dir().join(format!("csv_speed-{}", std::process::id()));
            let written = convert(&*source, &context, threads, &directory, format.clone());
            std::fs::remove_dir_all(&directory)?;
            written
        })?;
    }
    Ok(())
}

/// Reads all splits, each into a sink of its own, and returns what the sinks leave.
fn each_split<S, T: Send>(
    source: &dyn Source,
    context: &ReadContext,
    threads: usize,
    open: impl Fn(usize) -> S + Sync,
    write: impl Fn(&mut S, &RecordBatch) -> Outcome<()> + Sync,
    close: impl Fn(S) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    let request = ScanRequest::default();
    let splits = source.splits(&request, context)?;
    let next = AtomicUsize::new(0);
    let work = || -> Outcome<Vec<T>> {
        let mut left = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(split) = splits.get(number) else { return Ok(left) };
            let mut reader = source.read(split, &request, context)?;
            let mut sink = open(number);
            while let Some(batch) = reader.next_batch()? {
                write(&mut sink, &batch)?;
            }
            left.push(close(sink)?);
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut left = work()?;
        for thread in others {
            left.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok(left)
    })
}

fn convert(
    source: &dyn Source,
    context: &ReadContext,
    threads: usize,
    directory: &Path,
    format: WriteFormat,
) -> Outcome<()> {
    let schema = Arc::clone(source.schema());
    let writer = DatasetWriter::begin(Arc::new(Local), directory, schema, WriteOptions::new(format))?;
    let open = |number| writer.part(number);
    let parts = each_split(
        source,
        context,
        threads,
        open,
        |part, batch| Ok(part.write(batch)?),
        |part| Ok(part.finish()?),
    )?;
    writer.commit(parts)?;
    Ok(())
}

/// Processor time of this process so far, where the system tells: it hardly depends on who else is at work.
fn busy_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = status.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
