//! Any bytes as a file of this format: rows or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use partita::io::ipc::IpcOptions;

fuzz_target!(|data: &[u8]| {
    let path = partita_fuzz::file("file.ipc", data);
    let _ = partita_fuzz::session().read_ipc(path, IpcOptions::default()).compute();
});
