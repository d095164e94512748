//! The main job on real data: twelve monthly CSV files of flights, joined with airlines, airports, planes and
//! weather, and what made them late, written as a Parquet dataset.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
use partita::io::csv::CsvOptions;
use partita::io::{Mode, ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;

fn main() -> partita::Result<()> {
    let data = std::env::args().nth(1).unwrap_or_else(|| "testdata/nycflights13".to_owned());
    let session = Session::builder().progress(true).build()?;
    let nulls = CsvOptions { nulls: vec![String::new(), "NA".to_owned()], ..CsvOptions::default() };
    let read = |name: &str| session.read_csv(format!("{data}/{name}"), nulls.clone());

    let airlines = read("airlines.csv").rename([("name", "airline")]);
    let airports = read("airports.csv").select([col("faa").alias("dest"), col("name").alias("airport")]);
    let planes = read("planes.csv").select([col("tailnum"), col("year").alias("built"), col("seats")]);
    let weather = read("weather.csv").select(["origin", "time_hour", "wind_speed", "visib"]);

    let by_route = read("flights")
        .filter(col("dep_delay").is_not_null() & col("arr_delay").is_not_null())
        .merge(&weather, on(["origin", "time_hour"]).how(How::Left))
        .merge(&planes, on(["tailnum"]).how(How::Left))
        .assign([
            col("arr_delay").gt(15).alias("late"),
            (col("distance") / (col("air_time") / 60.0)).alias("miles_per_hour"),
            (col("year") - col("built")).alias("age"),
            col("visib").lt(5.0).fill_null(false).alias("murky"),
        ])
        .groupby(["carrier", "dest", "murky"])
        .agg([
            size().alias("flights"),
            col("late").mean().alias("late_share"),
            col("arr_delay").median().alias("median_delay"),
            col("arr_delay").quantile(0.9).alias("p90_delay"),
            col("miles_per_hour").mean().alias("miles_per_hour"),
            col("age").mean().alias("mean_age"),
        ])
        .filter(col("flights").ge(100))
        .merge(&airlines, on(["carrier"]).how(How::Left))
        .merge(&airports, on(["dest"]).how(How::Left))
        .sort_values([col("late_share").desc(), col("carrier").asc(), col("dest").asc(), col("murky").asc()]);

    let parquet = WriteFormat::Parquet(ParquetWriteOptions::default());
    let written = by_route
        .write("out/late_by_route", WriteOptions { mode: Mode::Overwrite, ..WriteOptions::new(parquet) })?;
    println!("{}", read_parquet("out/late_by_route").head(10).compute()?);
    println!("{} rows in {} files in out/late_by_route\n\n{}", written.rows, written.files, written.report);
    Ok(())
}
