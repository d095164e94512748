//! Functions that fail now and then: retries with a growing pause, a time limit, and what the error says.
//! `cargo run --release --example retries`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partita::prelude::*;

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// A service that answers every third call.
fn ask(question: &str) -> Result<usize, String> {
    match CALLS.fetch_add(1, Ordering::Relaxed) % 3 {
        2 => Ok(question.len()),
        call => Err(format!("no answer to call {call}")),
    }
}

fn main() -> partita::Result<()> {
    let answer = try_delayed(ask)
        .call("how long is this?")
        .retries(4)
        .backoff(Duration::from_millis(10)) // 10 ms, 20 ms, 40 ms ...
        .time_limit(Duration::from_secs(5)); // for each try
    println!("answer {} after {} calls", (answer * 2).compute()?, CALLS.load(Ordering::Relaxed));

    let broken = try_delayed(|path: &str| std::fs::read_to_string(path)).name("read");
    let words = broken.call("no/such/file").retries(1).map(|text| text.split_whitespace().count());
    if let Err(error) = words.name("count words").compute() {
        println!("{error}");
    }
    Ok(())
}
