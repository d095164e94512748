//! A CSV file with bad rows: an error by default, or a file that holds each with its line and the reason.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
use partita::io::csv::{BadRows, CsvOptions};
use partita::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all("out")?;
    std::fs::write("out/orders.csv", "id,price\n1,9.50\n2,cheap\n3,7.25\n4\n")?;
    let types = vec![("id".to_owned(), DataType::Int64), ("price".to_owned(), DataType::Float64)];
    let strict = CsvOptions { types, ..CsvOptions::default() };

    let error = read_csv_with("out/orders.csv", strict.clone()).compute().map(|_| ()).unwrap_err();
    println!("by default: {error}");

    let lenient = CsvOptions { bad_rows: BadRows::Reject("out/rejected.csv".into()), ..strict };
    let good = read_csv_with("out/orders.csv", lenient).compute()?;
    println!("{good}\n{}", std::fs::read_to_string("out/rejected.csv")?);
    Ok(())
}
