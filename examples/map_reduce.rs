//! Map-reduce over files with functions of your own: rows and bytes of twelve files, then their totals.
//! `cargo run --release --example map_reduce`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::path::PathBuf;

use partita::prelude::*;

/// Lines and bytes of a text file.
fn count(path: PathBuf) -> std::io::Result<(usize, usize)> {
    let text = std::fs::read(path)?;
    Ok((text.iter().filter(|byte| **byte == b'\n').count(), text.len()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = try_delayed(count);
    let mut parts = Vec::new();
    for entry in std::fs::read_dir("testdata/nycflights13/flights")? {
        let path = entry?.path();
        parts.push(count.call(path.clone()).name(path.display().to_string()));
    }
    let total = delayed(|parts: &[(usize, usize)]| {
        parts.iter().fold((0, 0), |(lines, bytes), part| (lines + part.0, bytes + part.1))
    });
    let (lines, bytes) = total.call(parts.clone()).compute()?;
    println!("{} files, {lines} lines, {bytes} bytes", parts.len());
    Ok(())
}
