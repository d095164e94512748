//! The rows of a CSV file, however it is cut, are those that the csv crate gives for the whole.
#![no_main]

use arrow::array::AsArray;
use libfuzzer_sys::fuzz_target;
use partita::arrow;
use partita::io::csv::CsvOptions;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, text)) = data.split_first() else { return };
    let mut reference = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let records: Vec<csv::ByteRecord> = reference.byte_records().filter_map(Result::ok).collect();
    let all = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text).byte_records().count();
    // Ragged rows are an error here and there, at different places.
    if records.len() != all || std::str::from_utf8(text).is_err() || text.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    let path = partita_fuzz::file("rows.csv", text);
    let options = CsvOptions { header: false, all_text: true, nulls: Vec::new(), ..CsvOptions::default() };
    let options = CsvOptions { split_bytes: u64::from(cut).max(1), block_bytes: 64, ..options };
    let table = match partita_fuzz::session().read_csv(path, options).compute() {
        Ok(table) => table,
        Err(error) => {
            assert!(records.is_empty(), "{error}");
            return;
        }
    };
    assert_eq!(table.num_rows(), records.len());
    let mut row = 0;
    for batch in table.batches() {
        for at in 0..batch.num_rows() {
            for (column, cell) in batch.columns().iter().zip(records[row].iter()) {
                assert_eq!(column.as_string_view().value(at).as_bytes(), cell, "row {row}");
            }
            row += 1;
        }
    }
});
