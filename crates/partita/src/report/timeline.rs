//! The drawings of a report's page: who worked on what, and memory, over one and the same time.

use std::fmt::Write;
use std::time::Duration;

use super::{Outcome, Report, TaskReport};
use crate::explain::number::{bytes, time};
use crate::explain::xml;

/// Of the drawings, without what stands left of them.
const WIDTH: f64 = 1040.0;
const LEFT: f64 = 76.0;
const LINE: f64 = 22.0;
const MEMORY: f64 = 120.0;

/// Colours that tell stages apart, also for most who do not see all colours.
const STAGES: [&str; 10] = [
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#edc948", "#9c755f", "#ff9da7",
    "#6b6f76",
];
const BETWEEN: &str = "#c3cad1";

pub(super) fn colour(stage: Option<usize>) -> &'static str {
    stage.map_or(BETWEEN, |stage| STAGES[stage % STAGES.len()])
}

/// From a moment of the run to a place in the drawing.
struct Scale {
    all: f64,
}

impl Scale {
    fn of(report: &Report) -> Scale {
        Scale { all: report.elapsed.as_secs_f64().max(1e-9) }
    }

    fn x(&self, at: Duration) -> f64 {
        LEFT + (at.as_secs_f64() / self.all).clamp(0.0, 1.0) * WIDTH
    }

    /// A round number of seconds between marks, about eight of them.
    fn step(&self) -> f64 {
        let rough = self.all / 8.0;
        let power = 10_f64.powf(rough.log10().floor());
        let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * power >= rough).unwrap_or(10.0);
        digit * power
    }

    /// Marks with their times, below or behind a drawing of this height.
    fn write_marks(&self, svg: &mut String, height: f64) {
        let step = self.step();
        let mut at = 0.0;
        while at <= self.all * 1.000_1 {
            let moment = Duration::from_secs_f64(at);
            let x = self.x(moment);
            // Writing to a string cannot fail.
            let _ = writeln!(svg, "<path class=\"mark\" d=\"M{x:.1},0 V{height:.1}\"/>");
            let _ = writeln!(
                svg,
                "<text class=\"time\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height + 14.0,
                time(moment)
            );
            at += step;
        }
    }
}

/// A row per thread, a bar per task. Tasks too short to be seen are drawn together.
pub(super) fn workers(report: &Report) -> String {
    let scale = Scale::of(report);
    let workers = report.tasks.iter().map(|task| task.worker + 1).max().unwrap_or(0);
    let height = workers as f64 * LINE;
    let mut svg = open(height + 20.0, "threads and their tasks over time");
    scale.write_marks(&mut svg, height);
    let mut rows: Vec<Vec<&TaskReport>> = vec![Vec::new(); workers];
    for task in &report.tasks {
        rows[task.worker].push(task);
    }
    for (worker, row) in rows.iter().enumerate() {
        let y = worker as f64 * LINE;
        let _ = writeln!(
            svg,
            "<text class=\"time\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">thread {worker}</text>",
            LEFT - 8.0,
            y + LINE * 0.66
        );
        write_bars(&mut svg, report, &scale, row, y);
    }
    svg.push_str("</svg>\n");
    svg
}

/// What stands in one bar.
struct Bar<'a> {
    first: &'a TaskReport,
    end: Duration,
    tasks: usize,
}

fn write_bars(svg: &mut String, report: &Report, scale: &Scale, row: &[&TaskReport], y: f64) {
    const THIN: f64 = 0.7;
    let mut bar: Option<Bar<'_>> = None;
    for &task in row {
        let joins = bar.as_ref().is_some_and(|bar| {
            bar.first.stage == task.stage
                && bar.first.outcome == task.outcome
                && scale.x(task.finished) - scale.x(bar.first.started) < THIN * 2.0
        });
        match &mut bar {
            Some(bar) if joins => {
                bar.end = bar.end.max(task.finished);
                bar.tasks += 1;
            }
            _ => {
                if let Some(bar) = bar.take() {
                    write_bar(svg, report, scale, &bar, y);
                }
                bar = Some(Bar { first: task, end: task.finished, tasks: 1 });
            }
        }
    }
    if let Some(bar) = bar {
        write_bar(svg, report, scale, &bar, y);
    }
}

fn write_bar(svg: &mut String, report: &Report, scale: &Scale, bar: &Bar<'_>, y: f64) {
    let (x, end) = (scale.x(bar.first.started), scale.x(bar.end));
    let stage = bar.first.stage.and_then(|stage| report.stage(stage));
    let mut words = if bar.tasks == 1 { bar.first.name.clone() } else { format!("{} tasks", bar.tasks) };
    words.push_str(&format!(
        "\n{} from {} to {}",
        time(bar.end.saturating_sub(bar.first.started)),
        time(bar.first.started),
        time(bar.end)
    ));
    match stage {
        Some(stage) => words.push_str(&format!("\nstage {}: {}", stage.id, stage.label)),
        None => words.push_str("\nbetween stages"),
    }
    let (class, outcome) = match bar.first.outcome {
        Outcome::Failed => (" class=\"failed\"", "\nfailed"),
        Outcome::Retried => (" class=\"failed\"", "\nfailed, and was tried again"),
        Outcome::Stopped => ("", "\nstopped"),
        Outcome::Done | Outcome::Planned => ("", ""),
    };
    words.push_str(outcome);
    let _ = writeln!(
        svg,
        "<rect{class} x=\"{x:.2}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{:.1}\" fill=\"{}\"><title>{}</title></rect>",
        y + 2.0,
        (end - x).max(0.4),
        LINE - 4.0,
        colour(bar.first.stage),
        xml(&words)
    );
}

/// What the run's ledger held as an area, and what the process held as a line.
pub(super) fn memory(report: &Report) -> Option<String> {
    let most = report.memory.iter().flat_map(|sample| [sample.held, sample.resident]).flatten().max()?;
    let most = most.max(report.peak_memory).max(1) as f64;
    let scale = Scale::of(report);
    let y = |value: usize| MEMORY - value as f64 / most * (MEMORY - 8.0);
    let mut svg = open(MEMORY + 20.0, "memory over time");
    scale.write_marks(&mut svg, MEMORY);
    let _ = writeln!(
        svg,
        "<text class=\"time\" x=\"{x:.1}\" y=\"12\" text-anchor=\"end\">{}</text>\
         <text class=\"time\" x=\"{x:.1}\" y=\"{MEMORY}\" text-anchor=\"end\">0</text>",
        bytes(most as u64),
        x = LEFT - 8.0
    );
    let line = |value: &dyn Fn(&super::MemorySample) -> Option<usize>| {
        let points = report.memory.iter().filter_map(|sample| Some((scale.x(sample.at), y(value(sample)?))));
        points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
    };
    let held = line(&|sample| sample.held);
    if report.peak_memory > 0 && !held.is_empty() {
        let last = scale.x(report.memory.last().map_or(Duration::ZERO, |sample| sample.at));
        let _ =
            writeln!(svg, "<polygon class=\"held\" points=\"{LEFT},{MEMORY} {held} {last:.1},{MEMORY}\"/>");
        let peak = y(report.peak_memory);
        let _ = writeln!(
            svg,
            "<path class=\"peak\" d=\"M{LEFT},{peak:.1} h{WIDTH}\"><title>at most {} held</title></path>",
            bytes(report.peak_memory as u64)
        );
    }
    let _ = writeln!(svg, "<polyline class=\"process\" points=\"{}\"/>", line(&|sample| sample.resident));
    svg.push_str("</svg>\n");
    Some(svg)
}

fn open(height: f64, label: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"timeline\" viewBox=\"0 0 {:.0} {height:.0}\" role=\"img\" \
         aria-label=\"{label}\">\n",
        LEFT + WIDTH + 30.0
    )
}
