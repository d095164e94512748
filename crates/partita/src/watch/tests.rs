//! Spans: one for each run and one for each task, in which the task's own events are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use partita_graph::{Graph, RunOptions, Step, TaskId};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Closely, Measures, Watch};
use crate::explain::Picture;
use crate::report::{Outcome, StageReport};
use crate::session::Session;

/// Keeps which spans each thread is in, and counts.
#[derive(Default)]
struct Spans {
    next: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    names: HashMap<u64, &'static str>,
    inside: HashMap<ThreadId, Vec<u64>>,
    events_in_tasks: usize,
    runs: usize,
}

static SPANS: std::sync::LazyLock<&'static Spans> = std::sync::LazyLock::new(|| Box::leak(Box::default()));

struct Shared;

impl Subscriber for Shared {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("partita::watch")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = SPANS.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut kept = SPANS.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.names.insert(id, span.metadata().name());
        kept.runs += usize::from(span.metadata().name() == "run");
        Id::from_u64(id)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, _event: &Event<'_>) {
        let mut kept = SPANS.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = kept.inside.get(&std::thread::current().id()).and_then(|inside| inside.last().copied());
        let in_task = inside.and_then(|id| kept.names.get(&id)).is_some_and(|name| *name == "task");
        kept.events_in_tasks += usize::from(in_task);
    }
    fn enter(&self, span: &Id) {
        let mut kept = SPANS.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.inside.entry(std::thread::current().id()).or_default().push(span.into_u64());
    }
    fn exit(&self, span: &Id) {
        let mut kept = SPANS.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.inside.get_mut(&std::thread::current().id()).and_then(Vec::pop);
        assert_eq!(last, Some(span.into_u64()), "spans are left in order");
    }
}

/// A run that measures nothing of itself.
struct Nothing;

impl Measures for Nothing {
    fn stages(&self) -> Vec<StageReport> {
        Vec::new()
    }
    fn stage_of(&self, _task: TaskId) -> Option<usize> {
        None
    }
}

#[test]
fn what_a_task_logs_is_in_its_span() {
    tracing::subscriber::set_global_default(Shared).unwrap();
    let session = Session::builder().threads(2).build().unwrap();
    let watch = Watch::start("graph", &session, Arc::new(Nothing), Closely::Memory);
    let mut graph = Graph::new();
    let logs: Vec<TaskId> = (0..20)
        .map(|task| {
            graph.add("log", &[], move |_, _| {
                tracing::info!(target: "partita::watch::tests", task, "in a task");
                Ok(Step::Done(task))
            })
        })
        .collect();
    let broken = graph.add("broken", &logs, |_, _| panic!("a task that breaks"));
    let options = RunOptions { observer: Some(Arc::clone(&watch) as _), ..RunOptions::default() };
    partita_graph::run(graph, &session.pool().unwrap(), &[broken], options).unwrap_err();
    let report = watch.finish(None, Vec::new(), |_| Picture::default());
    let kept = SPANS.kept.lock().unwrap();
    assert_eq!((kept.events_in_tasks, report.tasks().len()), (20, 21));
    assert_eq!(report.tasks()[20].outcome, Outcome::Failed);
    assert!(kept.runs >= 1 && kept.inside.values().all(Vec::is_empty), "a span was not left");
}
