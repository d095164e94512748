//! The lesson: `(3 + 7) * (2 + 8) * ((2 * 3) - 1)` as a graph of functions, built first and run then.
//! `cargo run --release --example delayed`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use partita::prelude::*;

fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn mul(a: i64, b: i64) -> i64 {
    a * b
}

fn sub(a: i64, b: i64) -> i64 {
    a - b
}

fn main() -> partita::Result<()> {
    let (add, mul, sub) = (delayed(add), delayed(mul), delayed(sub));

    let left = mul.call(add.call(3, 7), add.call(2, 8));
    let right = sub.call(mul.call(2, 3), 1);
    let result = mul.call(left, right).name("result"); // nothing has run yet

    result.visualize("lesson.svg")?;
    println!("{result:?} = {}", result.compute()?);
    Ok(())
}
