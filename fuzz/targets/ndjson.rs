//! Any bytes as a file of this format: rows or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use partita::io::ndjson::NdjsonOptions;

fuzz_target!(|data: &[u8]| {
    let path = partita_fuzz::file("file.ndjson", data);
    let _ = partita_fuzz::session().read_ndjson(path, NdjsonOptions::default()).compute();
});
