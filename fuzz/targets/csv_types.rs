//! Types inferred from a sample and repaired: rows or an error, and never another number of rows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use partita::io::csv::CsvOptions;

fuzz_target!(|data: &[u8]| {
    let path = partita_fuzz::file("types.csv", data);
    let session = partita_fuzz::session();
    // A sample of one row: whatever follows has to be repaired.
    let typed = CsvOptions { infer_rows: 1, ..CsvOptions::default() };
    let text = CsvOptions { all_text: true, ..CsvOptions::default() };
    let rows = |options| session.read_csv(&path, options).compute().map(|table| table.num_rows());
    if let (Ok(typed), Ok(text)) = (rows(typed), rows(text)) {
        assert_eq!(typed, text);
    }
});
