//! A diamond: two functions share one input, which is loaded once, and a third takes both results.
//! `cargo run --release --example diamond`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use partita::prelude::*;

fn load() -> Vec<f64> {
    println!("loading (once)");
    (1..=1000).map(f64::from).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn centred(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

fn main() -> partita::Result<()> {
    let values = delayed(load).call();
    let mean = delayed(mean).call(&values);
    let squares = delayed(centred).call(&values, &mean);
    let variance = squares / values.map(|values| (values.len() - 1) as f64);

    // Both in one run: what they share runs once.
    let (mean, variance) = compute_all((mean, variance))?;
    println!("mean {mean}, variance {variance}");
    Ok(())
}
