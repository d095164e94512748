//! The running stages on standard error: bars on a terminal, a line every few seconds elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use super::metrics::{RunMetrics, StageSnapshot};
use crate::exchange::Ledger;

/// How often the bars move.
const TICK: Duration = Duration::from_millis(100);
/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(3);

/// Shows a run until it is dropped.
pub(super) struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts showing, if that is wanted and a thread can be had.
    pub(super) fn show(wanted: bool, metrics: &Arc<RunMetrics>, ledger: &Arc<Ledger>) -> Progress {
        if !wanted {
            return Progress { stop: None, thread: None };
        }
        let (stop, stopped) = channel();
        let (metrics, ledger) = (Arc::clone(metrics), Arc::clone(ledger));
        let thread = std::thread::Builder::new().name("partita-progress".to_owned()).spawn(move || {
            let mut shown: Box<dyn Shown> = if std::io::stderr().is_terminal() {
                Box::new(Bars::default())
            } else {
                Box::new(Lines { next: Instant::now() + LINE })
            };
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                shown.update(&metrics.snapshot(), ledger.spilled());
            }
            shown.end(&metrics.snapshot(), ledger.spilled());
        });
        Progress { stop: Some(stop), thread: thread.ok() }
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

trait Shown {
    fn update(&mut self, stages: &[StageSnapshot], spilled: u64);
    fn end(&mut self, stages: &[StageSnapshot], spilled: u64);
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    bars: HashMap<(usize, String), ProgressBar>,
}

impl Shown for Bars {
    fn update(&mut self, stages: &[StageSnapshot], spilled: u64) {
        for stage in stages.iter().filter(|stage| stage.tasks > 0) {
            let all = &self.all;
            let bar = self.bars.entry((stage.id, stage.label.clone())).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(1));
                if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
                    bar.set_style(style);
                }
                bar
            });
            let (done, of) = share(stage);
            bar.set_length(of);
            bar.set_position(done);
            bar.set_message(line(stage, spilled));
            if stage.tasks_done == stage.tasks && !bar.is_finished() {
                bar.finish();
            }
        }
    }

    fn end(&mut self, stages: &[StageSnapshot], spilled: u64) {
        self.update(stages, spilled);
        self.bars.values().filter(|bar| !bar.is_finished()).for_each(ProgressBar::abandon);
    }
}

struct Lines {
    next: Instant,
}

impl Shown for Lines {
    fn update(&mut self, stages: &[StageSnapshot], spilled: u64) {
        if Instant::now() < self.next {
            return;
        }
        self.next += LINE;
        let mut error = std::io::stderr().lock();
        for stage in stages.iter().filter(|stage| stage.tasks_done < stage.tasks) {
            // Nothing can be done where standard error is closed.
            drop(writeln!(error, "{}", line(stage, spilled)));
        }
    }

    fn end(&mut self, _stages: &[StageSnapshot], _spilled: u64) {}
}

/// How much of a stage is done: by bytes where they are known, else by tasks.
fn share(stage: &StageSnapshot) -> (u64, u64) {
    if stage.bytes > 0 && stage.tasks_done < stage.tasks {
        (stage.bytes_read.min(stage.bytes), stage.bytes)
    } else {
        (stage.tasks_done as u64, stage.tasks.max(1) as u64)
    }
}

fn line(stage: &StageSnapshot, spilled: u64) -> String {
    let mut text = format!("stage {}: {} rows", stage.id, HumanCount(stage.rows_in));
    if stage.bytes > 0 {
        text.push_str(&format!(
            ", {} of {}",
            HumanBytes(stage.bytes_read.min(stage.bytes)),
            HumanBytes(stage.bytes)
        ));
    }
    let (done, of) = share(stage);
    if done > 0 && done < of {
        let left = stage.elapsed.mul_f64((of - done) as f64 / done as f64);
        text.push_str(&format!(", {:.0} s left", left.as_secs_f64().ceil()));
    }
    if spilled > 0 {
        text.push_str(&format!(", {} spilled", HumanBytes(spilled)));
    }
    let label: String = stage.label.chars().take(60).collect();
    format!("{text} · {label}")
}
