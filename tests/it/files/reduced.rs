//! Joins whose keys are filters for the files that are read: every kind of join, over Parquet and CSV files, with a
//! large and a small other side, against loops.

use std::path::Path;

use partita::prelude::*;
use partita::{Result, Session};

use super::rows;
use crate::rows::{Rows, row};

const ORDERS: i64 = 3_000;
const LINES: i64 = 20_000;

fn hash(number: i64) -> i64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).rotate_left(29).unsigned_abs() as i64 >> 1
}

/// An order's day; each order's number is spread over a wide range.
fn day(order: i64) -> i64 {
    hash(order) % 100
}

fn number(order: i64) -> i64 {
    order * 7 - 500
}

/// A line's order; some orders have no line, some lines no order, and some lines a null.
fn order_of(line: i64) -> Option<i64> {
    (line % 11 != 0).then(|| hash(line) % (ORDERS + 300))
}

fn write(directory: &Path) -> Result<()> {
    let orders = batch! {
        "number" => (0..ORDERS).map(number).collect::<Vec<_>>(),
        "day" => (0..ORDERS).map(day).collect::<Vec<_>>()
    }?;
    let lines = batch! {
        "line" => (0..LINES).collect::<Vec<_>>(),
        "of" => (0..LINES).map(|line| order_of(line).map(number)).collect::<Vec<_>>()
    }?;
    let frames = [("orders", orders), ("lines", lines)];
    for (name, batch) in frames {
        let frame = PartitionedFrame::from_batches([batch]).repartition(3);
        frame.to_parquet(directory.join(name))?;
        frame.to_csv(directory.join(format!("{name}_csv")))?;
    }
    Ok(())
}

/// The orders of few or of many days, and the numbers and lines of those that a join keeps.
fn expected(how: How, most: i64) -> Vec<(i64, Option<i64>)> {
    let orders: Vec<i64> = (0..ORDERS).filter(|order| day(*order) < most).collect();
    let mut by_order = vec![Vec::new(); (ORDERS + 300) as usize];
    (0..LINES).for_each(|line| {
        if let Some(order) = order_of(line) {
            by_order[order as usize].push(line);
        }
    });
    let mut kept = Vec::new();
    for order in orders {
        let lines = &by_order[order as usize];
        match how {
            How::Semi if !lines.is_empty() => kept.push((number(order), None)),
            How::Anti if lines.is_empty() => kept.push((number(order), None)),
            How::Inner | How::Left => {
                kept.extend(lines.iter().map(|line| (number(order), Some(*line))));
                if how == How::Left && lines.is_empty() {
                    kept.push((number(order), None));
                }
            }
            _ => {}
        }
    }
    kept
}

#[test]
fn joins_give_the_same_rows_however_files_are_filtered() {
    let place = tempfile::tempdir().expect("a temporary directory");
    write(place.path()).expect("files");
    for broadcast_bytes in [0, 1 << 20] {
        let session = Session::builder().threads(2).broadcast_bytes(broadcast_bytes);
        let session = session.task_bytes(1 << 14).run_bytes(1 << 13).build().expect("a session");
        for format in ["parquet", "csv"] {
            let read = |name: &str| match format {
                "csv" => read_csv(place.path().join(format!("{name}_csv"))),
                _ => read_parquet(place.path().join(name)),
            };
            for most in [1, 30, 100] {
                for how in [How::Inner, How::Left, How::Semi, How::Anti] {
                    let orders = read("orders").filter(col("day").lt(most));
                    // The key is renamed on its way, and a computed column must stay in its place.
                    let lines = read("lines").assign([(col("line") * 2).alias("twice")]);
                    let lines = lines.rename([("of", "its_order")]).filter(col("twice").ge(0));
                    let joined = orders.merge(&lines, Merge::left_right(["number"], ["its_order"]).how(how));
                    let (columns, line): (Vec<Expr>, bool) = match how {
                        How::Inner | How::Left => (vec![col("number"), col("line")], true),
                        _ => (vec![col("number")], false),
                    };
                    let names: &[&str] = if line { &["number", "line"] } else { &["number"] };
                    let expected = expected(how, most).into_iter().map(|(number, of)| match line {
                        true => row![number, of],
                        false => row![number],
                    });
                    let expected = Rows::new(names, expected.collect());
                    let found = rows(&joined.select(columns).with_session(&session)).expect("rows");
                    let difference = expected.difference(&found, false, true);
                    assert!(
                        difference.is_none(),
                        "{how:?} {format} {most} {broadcast_bytes}: {difference:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_smaller_left_side_is_told_in_the_plan() {
    let place = tempfile::tempdir().expect("a temporary directory");
    write(place.path()).expect("files");
    let orders = read_parquet(place.path().join("orders")).filter(col("day").lt(5));
    let lines = read_parquet(place.path().join("lines"));
    let joined = orders.merge(&lines, Merge::left_right(["number"], ["of"]).how(How::Semi));
    let plan = joined.explain().expect("a plan");
    assert!(plan.contains("reduced by the left"), "{plan}");
    assert!(plan.contains("reduce by keys of stage 0"), "{plan}");
}
