//! Runs a chain with its progress shown, and leaves what was seen of the run: a page, a trace, a picture.
//!
//! `cargo run --release --example report`, then open `target/report/report.html` in a browser.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
use partita::io::csv::CsvOptions;
use partita::prelude::*;

fn main() -> partita::Result<()> {
    let out = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/report");
    std::fs::create_dir_all(&out).map_err(|error| partita::io::Error::system("create", &out, error))?;
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/nycflights13");
    let session = Session::builder().progress(true).build()?;
    let nulls = CsvOptions { nulls: vec![String::new(), "NA".to_owned()], ..CsvOptions::default() };

    let flights = session.read_csv(format!("{data}/flights"), nulls);
    let airlines = session.read_csv(format!("{data}/airlines.csv"), CsvOptions::default());
    let (table, report) = flights
        .filter(col("dep_delay").is_not_null())
        .groupby(["carrier", "month"])
        .agg([col("arr_delay").mean().alias("delay"), size()])
        .merge(&airlines, partita::on(["carrier"]))
        .sort_values([col("delay").desc()])
        .compute_with_report()?;

    println!("{table}\n{report}");
    report.to_html(out.join("report.html"))?;
    report.to_chrome_trace(out.join("trace.json"))?;
    report.visualize(out.join("graph.svg"))
}
