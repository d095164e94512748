//! A function of your own over record batches, with a declared schema that is enforced.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
use std::sync::Arc;

use partita::arrow::array::{Array, AsArray, StringViewArray};
use partita::prelude::*;

fn main() -> partita::Result<()> {
    let names = read_csv("testdata/nycflights13/airlines.csv");
    let schema = Arc::new(Schema::new(vec![
        Field::new("carrier", DataType::Utf8View, true),
        Field::new("initials", DataType::Utf8View, true),
    ]));
    let initials = names.map_batches(schema.clone(), move |batch: RecordBatch| {
        let names = batch.column(1).as_string_view();
        let short: StringViewArray = (0..names.len())
            .map(|row| {
                names
                    .is_valid(row)
                    .then(|| names.value(row).split(' ').filter_map(|w| w.chars().next()).collect::<String>())
            })
            .collect();
        RecordBatch::try_new(schema.clone(), vec![batch.column(0).clone(), Arc::new(short)])
    });
    println!("{}", initials.compute()?);
    Ok(())
}
