//! Any bytes as a file of this format: rows or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use partita::io::parquet::ParquetOptions;

fuzz_target!(|data: &[u8]| {
    let path = partita_fuzz::file("file.parquet", data);
    let _ = partita_fuzz::session().read_parquet(path, ParquetOptions::default()).compute();
});
