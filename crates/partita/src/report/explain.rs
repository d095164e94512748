//! A report as `explain` would tell it: the stages with their operators, and beside what was expected of each
//! what it did.

use std::fmt::Write;

use super::{OperatorReport, Report, StageReport};
use crate::explain::number::{bytes, count, time};

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    for stage in &report.stages {
        // Writing to a string cannot fail.
        let _ = write_stage(&mut text, stage);
    }
    text
}

fn write_stage(text: &mut String, stage: &StageReport) -> std::fmt::Result {
    let tasks =
        if stage.tasks == 1 { "1 task".to_owned() } else { format!("{} tasks", count(stage.tasks as u64)) };
    let (busy, elapsed) = (time(stage.busy), time(stage.elapsed));
    if stage.operators.is_empty() {
        return writeln!(text, "{}: {tasks}, {busy} of work", stage.label);
    }
    writeln!(text, "stage {}: {tasks}, {busy} of work in {elapsed}", stage.id)?;
    writeln!(text, "        rows     expected       bytes    expected       time  operator")?;
    let mut pipeline = stage.operators[0].pipeline;
    for operator in &stage.operators {
        if operator.pipeline != pipeline {
            pipeline = operator.pipeline;
            writeln!(text, "{:57}beside it", "")?;
        }
        write_operator(text, operator)?;
    }
    Ok(())
}

fn write_operator(text: &mut String, operator: &OperatorReport) -> std::fmt::Result {
    let known = |number: Option<u64>, shown: fn(u64) -> String| number.map_or("?".to_owned(), shown);
    write!(
        text,
        "{:>12} {:>12} {:>11} {:>11} {:>10}  {}",
        count(operator.rows()),
        known(operator.estimated_rows, count),
        bytes(operator.bytes_out),
        known(operator.estimated_bytes, bytes),
        time(operator.busy),
        operator.label
    )?;
    if let Some(looked_at) = operator.left_out_of() {
        write!(text, " (of {} rows)", count(looked_at))?;
    }
    writeln!(text)
}
