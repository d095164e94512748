//! The process that `benches/peers/run.py` measures: one query of one suite on Partita, then a line of JSON with the
//! time and the memory that it took and, if asked for, the answer's checksum. The queries are in `queries.rs`, the
//! checksum in `answer.rs`; TPC-H has a
//! directory of its own, `tpch/`.

mod answer;
mod queries;
mod tpch;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use partita::Session;
use serde_json::json;

use crate::queries::Done;

// As in the `partita` command: the choice of an allocator belongs to programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
pub(crate) struct Arguments {
    /// groupby, join, csv, sort or tpch.
    pub(crate) suite: String,
    /// q1, to_parquet_snappy, ...
    pub(crate) query: String,
    /// The directory with the tables.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Where results that are files go.
    #[arg(long)]
    pub(crate) out: PathBuf,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The scale factor of the tables of TPC-H.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// Memory limit in bytes; without it the engine's own default holds.
    #[arg(long)]
    memory: Option<usize>,
    /// Make Arrow's batches of the result, too, within the time.
    #[arg(long)]
    pub(crate) arrow: bool,
    /// Print the checksum of the result too.
    #[arg(long)]
    answer: bool,
    /// Print the run's report on standard error.
    #[arg(long)]
    report: bool,
}

fn main() -> ExitCode {
    partita::io::keep_freed_memory();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut session = Session::builder().threads(arguments.threads).spill_dir(&arguments.out);
    if let Some(bytes) = arguments.memory {
        session = session.memory_limit(bytes);
    }
    let done = queries::run(&session.build()?, arguments)?;
    let seconds = start.elapsed().as_secs_f64();
    let mut line = json!({
        "seconds": seconds,
        "peak_mib": peak_mib()?,
        "spilled_mib": done.report().spilled() as f64 / f64::from(1 << 20),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if arguments.report {
        writeln!(std::io::stderr(), "{}", done.report())?;
    }
    if let (true, Done::Rows(rows, _)) = (arguments.answer, &done) {
        let checksum = answer::checksum(&rows.to_batches()?)?;
        if let (Some(line), Some(checksum)) = (line.as_object_mut(), checksum.as_object()) {
            line.extend(checksum.clone());
        }
    }
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// The largest resident size that this process had so far.
fn peak_mib() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
