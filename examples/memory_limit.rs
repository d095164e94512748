//! The same sort with plenty of memory and with little: the rows are the same to the bit, the report says what
//! was spilled.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
use partita::io::csv::CsvOptions;
use partita::prelude::*;

fn main() -> partita::Result<()> {
    let mut sorted = Vec::new();
    for limit in [1 << 30, 48 << 20] {
        let session = Session::builder().memory_limit(limit).exchange_limit(limit / 16).build()?;
        let table = session
            .read_csv("testdata/nycflights13/flights", CsvOptions::default())
            .select(["tailnum", "time_hour", "arr_delay"])
            .sort_values([col("tailnum").asc(), col("time_hour").desc()])
            .compute()?;
        let report = table.report();
        println!("limit {limit}: at most {} bytes held, {} spilled", report.peak_memory(), report.spilled());
        sorted.push(table.to_batch()?);
    }
    assert_eq!(sorted[0], sorted[1]);
    Ok(())
}
