//! The running stages on standard error: bars on a terminal, lines every few seconds elsewhere. The same thread
//! notes how much memory is held.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Watch;
use crate::explain::number::{bytes, count, time};
use crate::report::StageReport;

/// How often the bars move.
const TICK: Duration = Duration::from_millis(100);
/// How often memory is noted.
const SAMPLE: Duration = Duration::from_millis(10);
/// How often lines are printed where there is no terminal.
const LINE: Duration = Duration::from_secs(3);

/// Shows a run until it is dropped.
pub(super) struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts showing, or noting memory, if one of both is wanted and a thread can be had.
    pub(super) fn show(shown: bool, memory: bool, watch: &Arc<Watch>) -> Option<Progress> {
        if !shown && !memory {
            return None;
        }
        let (stop, stopped) = channel();
        let watch: Weak<Watch> = Arc::downgrade(watch);
        let thread = std::thread::Builder::new().name("partita-progress".to_owned()).spawn(move || {
            let mut display: Option<Box<dyn Display>> = shown.then(|| {
                if std::io::stderr().is_terminal() {
                    Box::new(Bars::default()) as Box<dyn Display>
                } else {
                    Box::new(Lines { next: Instant::now() + LINE })
                }
            });
            let every = if memory { SAMPLE } else { TICK };
            let mut next = Instant::now() + TICK;
            loop {
                let ended = stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout);
                // A run that ended badly takes its watch with it.
                let Some(watch) = watch.upgrade() else { return };
                if memory {
                    watch.sample(SAMPLE);
                }
                if let Some(display) = display.as_mut().filter(|_| ended || Instant::now() >= next) {
                    next = Instant::now() + TICK;
                    display.update(&watch.moment(), ended);
                }
                if ended {
                    return;
                }
            }
        });
        Some(Progress { stop: Some(stop), thread: thread.ok() })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A progress display that panicked must not fail the run.
            drop(thread.join());
        }
    }
}

/// A run at one moment.
pub(super) struct Moment {
    pub(super) elapsed: Duration,
    pub(super) stages: Vec<StageReport>,
    pub(super) held: Option<usize>,
    pub(super) spilled: u64,
}

trait Display {
    fn update(&mut self, moment: &Moment, ended: bool);
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    bars: HashMap<(usize, String), ProgressBar>,
    /// Time, memory and spilling, below the stages.
    foot: Option<ProgressBar>,
}

impl Display for Bars {
    fn update(&mut self, moment: &Moment, ended: bool) {
        let all = &self.all;
        let foot = self.foot.get_or_insert_with(|| add(all, ProgressBar::new(1), "{wide_msg}"));
        for stage in moment.stages.iter().filter(|stage| stage.tasks > 0) {
            let bar = self.bars.entry((stage.id, stage.label.clone())).or_insert_with(|| {
                let bar = all.insert_before(foot, ProgressBar::new(1));
                styled(bar, "{bar:14.cyan/dim} {percent:>3} %  {wide_msg}")
            });
            let (done, of) = share(stage);
            bar.set_length(of);
            bar.set_position(done);
            bar.set_message(line(stage));
            if stage.tasks_done == stage.tasks && !bar.is_finished() {
                bar.finish();
            }
        }
        foot.set_message(footer(moment));
        if ended {
            self.bars.values().filter(|bar| !bar.is_finished()).for_each(ProgressBar::abandon);
            foot.abandon();
        }
    }
}

fn add(all: &MultiProgress, bar: ProgressBar, template: &str) -> ProgressBar {
    styled(all.add(bar), template)
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━━─")),
        Err(_) => bar,
    }
}

struct Lines {
    next: Instant,
}

impl Display for Lines {
    fn update(&mut self, moment: &Moment, ended: bool) {
        let late = Instant::now() >= self.next;
        // A short run prints nothing; a long one tells when it is over.
        if !(late || ended && moment.elapsed >= LINE) {
            return;
        }
        self.next += LINE;
        let mut error = std::io::stderr().lock();
        for text in lines(moment, ended) {
            // Nothing can be done where standard error is closed.
            drop(writeln!(error, "{text}"));
        }
    }
}

fn lines(moment: &Moment, ended: bool) -> Vec<String> {
    let running = moment.stages.iter().filter(|stage| stage.tasks_done < stage.tasks && !ended);
    let mut lines: Vec<String> = running.map(line).collect();
    lines.push(footer(moment));
    lines
}

/// How much of a stage is done: by bytes where they are known, else by tasks.
fn share(stage: &StageReport) -> (u64, u64) {
    if stage.bytes > 0 && stage.tasks_done < stage.tasks {
        (stage.bytes_read.min(stage.bytes), stage.bytes)
    } else {
        (stage.tasks_done as u64, stage.tasks.max(1) as u64)
    }
}

/// What matters most first: a terminal may cut the rest.
fn line(stage: &StageReport) -> String {
    let mut parts = vec![format!(
        "stage {}: {}/{} tasks",
        stage.id,
        count(stage.tasks_done as u64),
        count(stage.tasks as u64)
    )];
    let (done, of) = share(stage);
    if done > 0 && done < of {
        let left = stage.elapsed.mul_f64((of - done) as f64 / done as f64);
        parts.push(format!("{} s left", count(left.as_secs_f64().ceil() as u64)));
    }
    let read = stage.bytes_read.min(stage.bytes);
    let seconds = stage.elapsed.as_secs_f64();
    if seconds > 0.05 && stage.bytes > 0 {
        parts.push(format!("{}/s", bytes((read as f64 / seconds) as u64)));
    } else if seconds > 0.05 && stage.rows_in > 0 {
        parts.push(format!("{} rows/s", count((stage.rows_in as f64 / seconds) as u64)));
    }
    if stage.rows_in > 0 {
        parts.push(format!("{} rows", count(stage.rows_in)));
    }
    if stage.bytes > 0 {
        parts.push(format!("{} of {}", bytes(read), bytes(stage.bytes)));
    }
    // Whoever is interested in all of a long label finds it in `explain`.
    let label: String = stage.label.chars().take(60).collect();
    format!("{} · {label}", parts.join(", "))
}

fn footer(moment: &Moment) -> String {
    let mut text = time(moment.elapsed);
    if let Some(held) = moment.held {
        text.push_str(&format!(", {} held, {} spilled", bytes(held as u64), bytes(moment.spilled)));
    }
    let (done, of) = moment
        .stages
        .iter()
        .fold((0, 0), |(done, of), stage| (done + stage.tasks_done as u64, of + stage.tasks as u64));
    format!("{text}, {} of {} tasks", count(done), count(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> StageReport {
        StageReport {
            id: 2,
            label: "scan csv flights → filter".to_owned(),
            tasks: 12,
            tasks_done: 3,
            rows_in: 1_234_567,
            bytes: 40 << 20,
            bytes_read: 10 << 20,
            elapsed: Duration::from_secs(2),
            ..StageReport::default()
        }
    }

    #[test]
    fn a_line_tells_rows_bytes_rate_and_time_left() {
        assert_eq!(
            line(&stage()),
            "stage 2: 3/12 tasks, 6 s left, 5.00 MiB/s, 1,234,567 rows, 10.0 MiB of 40.0 MiB · scan csv flights → filter"
        );
        let of_rows = StageReport { bytes: 0, bytes_read: 0, ..stage() };
        assert_eq!(
            line(&of_rows),
            "stage 2: 3/12 tasks, 6 s left, 617,283 rows/s, 1,234,567 rows · scan csv flights → filter"
        );
        let calls = StageReport { rows_in: 0, tasks_done: 12, label: "load".to_owned(), ..of_rows };
        assert_eq!(line(&calls), "stage 2: 12/12 tasks · load");
    }

    #[test]
    fn lines_name_running_stages_and_end_with_memory() {
        let done = StageReport { tasks_done: 12, ..stage() };
        let stages = vec![done, stage()];
        let moment =
            Moment { elapsed: Duration::from_millis(3_100), stages, held: Some(5 << 20), spilled: 1 << 30 };
        let found = lines(&moment, false);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], "3.10 s, 5.00 MiB held, 1.00 GiB spilled, 15 of 24 tasks");
        assert_eq!(lines(&moment, true).len(), 1);
    }
}
