//! A run in the background that is cancelled: what has not started never starts, long functions look now and then.
//! `cargo run --release --example cancelling`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use partita::prelude::*;

/// Counts for ever, and asks whether anybody still wants to know.
fn endless(from: u64) -> Result<u64, partita::Stopped> {
    for number in from.. {
        if number % 1000 == 0 {
            partita::checkpoint()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(from)
}

fn main() -> partita::Result<()> {
    let endless = try_delayed(endless);
    let running = gather((0..100).map(|from| endless.call(from)).collect::<Vec<_>>()).submit();
    if !running.ready_within(Duration::from_millis(50)) {
        println!("still running, cancelling");
        running.cancel();
    }
    match running.wait() {
        Err(error) if error.is_cancelled() => println!("{error}"),
        other => println!("unexpected: {:?}", other?),
    }
    Ok(())
}
