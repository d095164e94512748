//! A report in Chrome's trace format: one bar per task on the line of its thread, and memory as a curve.

use std::fmt::Write;
use std::time::Duration;

use super::{Outcome, Report};
use crate::explain::json;

pub(super) fn written(report: &Report) -> String {
    let mut events: Vec<String> = Vec::with_capacity(report.tasks.len() + report.memory.len());
    events.push(format!(
        "{{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"tid\":0,\"args\":{{\"name\":{}}}}}",
        json(&format!("partita {}", report.name))
    ));
    let workers = report.tasks.iter().map(|task| task.worker + 1).max().unwrap_or(0);
    events.extend((0..workers).map(|worker| {
        format!(
            "{{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":{worker},\"args\":{{\"name\":\"thread {worker}\"}}}}"
        )
    }));
    events.extend(report.tasks.iter().map(|task| {
        let stage = task.stage.and_then(|stage| report.stage(stage));
        let outcome = match task.outcome {
            Outcome::Done => "done",
            Outcome::Planned => "planned more",
            Outcome::Retried => "tried again",
            Outcome::Failed => "failed",
            Outcome::Stopped => "stopped",
        };
        format!(
            "{{\"name\":{},\"cat\":{},\"ph\":\"X\",\"ts\":{},\"dur\":{},\"pid\":1,\"tid\":{},\"args\":{{\"outcome\":\"{outcome}\",\"rows in\":{},\"rows out\":{},\"bytes left\":{}}}}}",
            json(&task.name),
            json(stage.map_or("between stages", |stage| &stage.label)),
            micros(task.started),
            micros(task.took()),
            task.worker,
            task.rows_in,
            task.rows_out,
            task.bytes_out
        )
    }));
    events.extend(report.memory.iter().map(|sample| {
        let mut values = String::new();
        for (name, value) in [("held", sample.held), ("process", sample.resident)] {
            if let Some(value) = value {
                let comma = if values.is_empty() { "" } else { "," };
                // Writing to a string cannot fail.
                let _ = write!(values, "{comma}\"{name}\":{value}");
            }
        }
        format!(
            "{{\"name\":\"memory\",\"ph\":\"C\",\"ts\":{},\"pid\":1,\"args\":{{{values}}}}}",
            micros(sample.at)
        )
    }));
    format!("{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{}\n]}}\n", events.join(",\n"))
}

/// Microseconds with their parts, which viewers read as numbers.
fn micros(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    format!("{}.{:03}", nanos / 1_000, nanos % 1_000)
}
