//! Converts a directory of CSV files to a Parquet dataset partitioned by month, and reads one month back.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
use partita::io::csv::CsvOptions;
use partita::io::{Mode, ParquetWriteOptions, WriteFormat, WriteOptions};
use partita::prelude::*;

fn main() -> partita::Result<()> {
    let nulls = CsvOptions { nulls: vec![String::new(), "NA".to_owned()], ..CsvOptions::default() };
    let flights = read_csv_with("testdata/nycflights13/flights", nulls);

    let options = WriteOptions {
        mode: Mode::Overwrite,
        partition_by: vec!["month".to_owned()],
        ..WriteOptions::new(WriteFormat::Parquet(ParquetWriteOptions::default()))
    };
    let written = flights.write("out/flights", options)?;
    println!("{} rows in {} files, {} bytes", written.rows, written.files, written.bytes);

    // Only the directory of this month is read, and of its file only two columns.
    let july = read_parquet("out/flights").filter(col("month").eq(7));
    println!("{}", july.groupby(["origin"]).sort(true).agg([col("dep_delay").mean()]).compute()?);
    Ok(())
}
