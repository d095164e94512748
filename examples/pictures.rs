//! Draws what a chain will do, without running it: as SVG, and as a page to move about in.
//!
//! `cargo run --example pictures`, then open `target/pictures/flights.html` in a browser.

use partita::prelude::*;
use partita::{Direction, Drawing, View};

fn main() -> partita::Result<()> {
    let out = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pictures");
    std::fs::create_dir_all(&out).map_err(|error| partita::io::Error::system("create", &out, error))?;
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/nycflights13");

    let nulls =
        partita::io::csv::CsvOptions { nulls: vec![String::new(), "NA".to_owned()], ..Default::default() };
    let flights = read_csv_with(format!("{data}/flights"), nulls);
    let airlines = read_csv(format!("{data}/airlines.csv"));
    let late = flights
        .filter(col("dep_delay").is_not_null())
        .assign([col("arr_delay").gt(15).alias("late")])
        .groupby(["carrier", "month"])
        .agg([col("late").mean().alias("late_share"), size()])
        .merge(&airlines, partita::on(["carrier"]).how(How::Left))
        .sort_values([col("late_share").desc()]);

    late.visualize(out.join("flights.svg"))?;
    late.visualize(out.join("flights.html"))?; // stages, tasks, optimized plan and plan, each in a tab
    late.visualize_with(out.join("plan.svg"), &Drawing::new().view(View::Plan).direction(Direction::Right))
}
