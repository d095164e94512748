//! A progress bar over functions of your own, and where the time went: bars on a terminal, lines elsewhere.
//! `cargo run --release --example progress`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use partita::prelude::*;

/// Something that takes its time.
fn simulate(seed: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(5 + seed % 20));
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

fn largest(outcomes: &[u64]) -> u64 {
    outcomes.iter().copied().max().unwrap_or_default()
}

fn main() -> partita::Result<()> {
    let session = Session::builder().progress(true).build()?;
    let simulate = delayed(simulate);
    let outcomes = (0..200).map(|seed| simulate.call(seed)).collect::<Vec<_>>();
    let largest = delayed(largest).call(outcomes).with_session(&session);

    let (value, report) = largest.compute_with_report()?;
    println!("{value}\n{report}");
    largest.visualize("graph.svg")?; // functions as circles, repeated ones folded
    Ok(())
}
