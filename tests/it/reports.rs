//! What a run tells of itself: reports that add up, traces that others can read, observers that are called.

use std::fs;
use std::sync::{Arc, Mutex};

use partita::prelude::*;
use partita::{Observer, OperatorReport, Outcome, Report, RunInfo, TaskReport, TaskStart};

fn frame(session: &Session) -> PartitionedFrame {
    let batches = (0..7).map(|part| batch! { "k" => [part, 1, 2], "v" => [1, 2, 3] }.expect("a batch"));
    PartitionedFrame::from_batches(batches).with_session(session).groupby(["k"]).agg([col("v").sum()])
}

#[test]
fn a_report_adds_up() {
    let session = Session::builder().threads(2).build().expect("a session");
    let (table, report) = frame(&session).compute_with_report().expect("rows");
    assert_eq!(table.num_rows(), 7);
    assert_eq!(report.stages().iter().map(|stage| stage.rows_in).collect::<Vec<_>>()[0], 21);
    assert_eq!(report.stages()[0].tasks, 7);
    for stage in report.stages() {
        let tasks = report.tasks().iter().filter(|task| task.stage == Some(stage.id)).count();
        assert_eq!((tasks, stage.tasks_done), (stage.tasks, stage.tasks), "{report}");
    }
    assert!(report.tasks().iter().all(|task| task.started <= task.finished && task.worker < 2));
    assert!(report.tasks().iter().all(|task| task.finished <= report.elapsed()));
    assert!(report.tasks().is_sorted_by_key(|task| task.started));
    assert!(!report.memory().is_empty() && report.memory().is_sorted_by_key(|sample| sample.at));
    assert!(
        report.memory().iter().all(|sample| sample.held.is_some_and(|held| held <= report.peak_memory()))
    );
    assert_eq!((report.threads(), report.error()), (2, None));
}

/// Rows, estimated rows and bytes of the operator of this name.
fn told<'a>(report: &'a Report, label: &str) -> &'a OperatorReport {
    let mut all = report.stages().iter().flat_map(|stage| &stage.operators);
    all.find(|operator| operator.label.starts_with(label)).unwrap_or_else(|| panic!("no {label}:\n{report}"))
}

#[test]
fn every_operator_tells_rows_and_bytes_beside_those_expected() {
    // 1,000 rows of an 8 byte number and a text: 16 bytes, and 20 more where it is longer than 12.
    let parts = (0..10).map(|part| {
        let numbers: Vec<i64> = (0..100).map(|row| part * 100 + row).collect();
        let texts: Vec<&str> =
            numbers.iter().map(|v| if v % 2 == 0 { "even" } else { "odd, and of twenty b" }).collect();
        batch! { "v" => numbers, "t" => texts }.expect("a batch")
    });
    let names = batch! { "t" => ["even"], "name" => ["Even"] }.expect("a batch");
    let frame = PartitionedFrame::from_batches(parts)
        .filter(col("v").lt(300))
        .merge(&PartitionedFrame::from_batches([names]), on(["t"]))
        .groupby(["name"])
        .agg([col("v").sum()]);
    let (_, report) = frame.compute_with_report().expect("rows");
    let known = |label: &str| {
        let operator = told(&report, label);
        (operator.rows_in, operator.rows_out, operator.bytes_out)
    };
    let both = 8 + 16 + 10;
    assert_eq!(known("10 partitions in memory"), (1_000, 1_000, 1_000 * both));
    assert_eq!(known("filter"), (1_000, 300, 300 * both));
    assert_eq!((known("inner join").0, known("inner join").1), (300, 150));
    assert_eq!((known("group by").0, known("group by").1), (3, 1));
    assert_eq!(told(&report, "10 partitions in memory").estimated_rows, Some(1_000));
    assert!(told(&report, "filter").step.as_ref().is_some_and(|step| step.starts_with("filter at ")));
    // What an operator leaves comes to the next one, and what the last one leaves to the sink.
    for stage in report.stages() {
        let rows = stage.operators.windows(2).map(|pair| (pair[0].rows_out, pair[1].rows_in));
        rows.for_each(|(left, came)| assert_eq!(left, came, "{}", report.explain()));
        let (first, last) = (&stage.operators[0], &stage.operators[stage.operators.len() - 1]);
        assert_eq!((first.rows_out, last.rows_in), (stage.rows_in, stage.rows_out));
        assert_eq!(last.bytes_out, stage.bytes_out);
        let busy: std::time::Duration = stage.operators.iter().map(|operator| operator.busy).sum();
        assert!(busy <= stage.busy, "{busy:?} of {:?}", stage.busy);
        let tasks = report.tasks().iter().filter(|task| task.stage == Some(stage.id));
        assert_eq!(tasks.map(|task| task.rows_out).sum::<u64>(), stage.rows_out);
    }
    let text = report.explain();
    assert!(text.contains("1,000        1,000") && text.contains("  filter (v < 300)"), "{text}");
}

#[test]
fn a_filtered_scan_tells_how_many_rows_it_looked_at() {
    let directory = tempfile::tempdir().expect("a directory");
    let rows: String = (0..1_000).map(|row| format!("{row},{}\n", row % 10)).collect();
    fs::write(directory.path().join("a.csv"), format!("a,b\n{rows}")).expect("a file");
    let table = read_csv(directory.path()).filter(col("b").eq(3)).compute().expect("rows");
    let scan = told(table.report(), "scan csv");
    assert_eq!((scan.rows_in, scan.rows_out, scan.bytes_out), (1_000, 100, 1_600));
    // Of a sample that is the whole file all is known but how many rows pass.
    let expected = scan.estimated_rows.expect("an estimate");
    assert!((10..1_000).contains(&expected), "{expected}");
    let text = table.report().explain();
    assert!(text.contains("(of 1,000 rows)"), "{text}");
}

#[test]
fn an_exchanged_join_is_told_of_part_by_part() {
    let directory = tempfile::tempdir().expect("a directory");
    let session = Session::builder().threads(2).broadcast_bytes(1).build().expect("a session");
    let rows = |count: i64| {
        let keys: Vec<i64> = (0..count).collect();
        PartitionedFrame::from_batches([batch! { "k" => keys }.expect("a batch")]).with_session(&session)
    };
    let joined = rows(1_000).merge(&rows(100), on(["k"]).how(How::Left)).filter(col("k").ge(50));
    let (table, report) = joined.compute_with_report().expect("rows");
    assert_eq!(table.num_rows(), 950);
    let join = told(&report, "left join");
    assert_eq!((join.rows_in, join.rows_out), (950, 950), "{}", report.explain());
    report.visualize(directory.path().join("run.txt")).expect("a picture");
    let text = fs::read_to_string(directory.path().join("run.txt")).expect("the picture");
    assert!(text.contains("[exchange by hash] · of stage 1, for the join · "), "{text}");
    assert!(!text.contains("did not run"), "{text}");
}

#[test]
fn a_report_is_a_page_a_trace_and_a_picture() {
    let directory = tempfile::tempdir().expect("a directory");
    let hostile = directory.path().join("<script>alert(1)</script>.csv".replace('/', "_"));
    fs::write(&hostile, "a,b\n1,2\n3,4\n").expect("a file");
    let (_, report) = read_csv(&hostile).filter(col("a").gt(1)).compute_with_report().expect("rows");
    let at = |name: &str| directory.path().join(name);
    report.to_html(at("report.html")).expect("a page");
    report.to_chrome_trace(at("trace.json")).expect("a trace");
    report.visualize(at("graph.svg")).expect("a picture");
    report.visualize(at("graph.txt")).expect("a picture");
    let read = |name: &str| fs::read_to_string(at(name)).expect("the file");
    assert!(!read("report.html").contains("<script") && read("report.html").contains("&lt;script&gt;"));
    let trace: serde_json::Value = serde_json::from_str(&read("trace.json")).expect("JSON");
    let tasks = trace["traceEvents"].as_array().expect("events").iter().filter(|event| event["ph"] == "X");
    assert_eq!(tasks.count(), report.tasks().len());
    assert!(read("graph.svg").contains("stage 0"));
    let text = read("graph.txt");
    assert!(
        text.contains("[result] · stage 0 · ")
            && text.contains("filtered while it is read · ")
            && text.contains("· 1 row · 16 B"),
        "{text}"
    );
    let error = report.to_html(at("no/such/place.html")).expect_err("no directory").to_string();
    assert!(error.contains("place.html"), "{error}");
}

#[test]
fn kept_and_submitted_values_have_reports_too() {
    let (kept, report) = frame(&Session::default()).persist_with_report().expect("rows");
    assert_eq!((kept.len().expect("rows"), report.stages()[0].rows_in), (7, 21));
    let square = delayed(|a: i64| a * a).name("square");
    let (kept, report) = square.call(3).persist_with_report().expect("a value");
    assert_eq!((kept.compute().expect("it is there"), report.tasks()[0].name.as_str()), (9, "square"));
    let (value, report) = square.call(4).submit_with_report().wait().expect("a value");
    assert_eq!((value, report.stages()[0].label.as_str()), (16, "square"));
    let ((tables, value), report) =
        partita::compute_all_with_report(([&frame(&Session::default())], square.call(5))).expect("both");
    assert_eq!((tables[0].num_rows(), value, tables[0].report().stages()[0].rows_in), (7, 25, 21));
    let mut labels: Vec<_> = report.stages().iter().map(|stage| stage.label.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["frames", "square"]);
    let (_, report) = partita::compute_all_with_report([frame(&Session::default())]).expect("a table");
    assert_eq!(report.stages()[0].rows_in, 21);
}

/// What an observer was told, in order.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn note(&self, words: String) {
        self.0.lock().expect("no test panics here").push(words);
    }
}

impl Observer for Told {
    fn run_started(&self, run: &RunInfo) {
        self.note(format!("run of a {} on {} threads", run.name, run.threads));
    }
    fn task_started(&self, _run: &RunInfo, task: &TaskStart) {
        self.note(format!("started {}", task.name));
    }
    fn task_finished(&self, _run: &RunInfo, task: &TaskReport) {
        self.note(format!("{:?} {}", task.outcome, task.name));
    }
    fn run_finished(&self, _run: &RunInfo, report: &Report) {
        let failed = report.tasks().iter().filter(|task| task.outcome == Outcome::Failed).count();
        self.note(format!("end after {} tasks, {failed} failed: {:?}", report.tasks().len(), report.error()));
    }
}

#[test]
fn observers_are_told_of_runs_and_tasks() {
    let told = Arc::new(Told::default());
    let session = Session::builder().threads(1).observer(told.clone()).build().expect("a session");
    frame(&session).compute().expect("rows");
    let told = told.0.lock().expect("no test panics here");
    assert_eq!(told[0], "run of a frame on 1 threads");
    let starts = told.iter().filter(|words| words.starts_with("started ")).count();
    let ends =
        told.iter().filter(|words| words.starts_with("Done ") || words.starts_with("Planned ")).count();
    assert_eq!(starts, ends);
    assert_eq!(told[told.len() - 1], format!("end after {ends} tasks, 0 failed: None"));
    assert!(told.iter().any(|words| words == "Done partition 6 of stage 0"), "{told:?}");
}

#[test]
fn observers_are_told_of_failures() {
    let told = Arc::new(Told::default());
    let session = Session::builder().threads(1).observer(told.clone()).build().expect("a session");
    let batch = batch! { "v" => [i64::MAX] }.expect("a batch");
    let frame = PartitionedFrame::from_batches([batch]).with_session(&session);
    let error = frame.assign([(col("v") + lit(1)).alias("w")]).compute().expect_err("an overflow");
    let told = told.0.lock().expect("no test panics here");
    assert!(told.iter().any(|words| words == "Failed partition 0 of stage 0"), "{told:?}");
    let last = &told[told.len() - 1];
    assert!(
        last.contains("1 failed: Some(") && last.contains(&*format!("{:?}", error.to_string())),
        "{last}"
    );
}

#[test]
fn a_graph_of_functions_reports_by_function() {
    let square = delayed(|a: i64| a * a).name("square");
    let sum = (0..100).map(|a| square.call(a)).reduce(|a, b| (a + b).name("plus")).expect("a sum");
    let session = Session::builder().threads(2).build().expect("a session");
    let (value, report) = sum.with_session(&session).compute_with_report().expect("a value");
    assert_eq!(value, 328_350);
    let stages: Vec<_> = report.stages().iter().map(|stage| (stage.label.as_str(), stage.tasks)).collect();
    assert_eq!(stages.iter().map(|(_, tasks)| tasks).sum::<usize>(), 199);
    assert!(stages.contains(&("square", 100)), "{stages:?}");
    assert!(report.stages().iter().all(|stage| stage.tasks_done == stage.tasks), "{report}");
    assert_eq!(report.tasks().len(), 199);
    let directory = tempfile::tempdir().expect("a directory");
    report.visualize(directory.path().join("graph.txt")).expect("a picture");
    report.to_html(directory.path().join("report.html")).expect("a page");
    let text = fs::read_to_string(directory.path().join("graph.txt")).expect("the picture");
    assert!(text.contains("99 in a row") && text.contains("(square) × 100"), "{text}");
}

#[test]
fn observers_are_told_of_functions_that_fail() {
    let told = Arc::new(Told::default());
    let session = Session::builder().threads(1).observer(told.clone()).build().expect("a session");
    let one = delayed(|| 1_i64).name("one").call();
    let broken = try_delayed(|a: i64| if a > 0 { Err("too large") } else { Ok(a) }).name("broken").call(one);
    broken.with_session(&session).compute().expect_err("a failure");
    let told = told.0.lock().expect("no test panics here");
    assert_eq!(told[0], "run of a graph on 1 threads");
    assert!(told.contains(&"Done one".to_owned()) && told.contains(&"Failed broken".to_owned()), "{told:?}");
    assert!(told[told.len() - 1].starts_with("end after 2 tasks, 1 failed: Some("), "{told:?}");
}

#[test]
fn tries_that_failed_are_told_of() {
    let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = tries.clone();
    let flaky = try_delayed(move || {
        let failed = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
        if failed { Err("not yet") } else { Ok(7) }
    });
    let session = Session::builder().threads(1).build().expect("a session");
    let flaky = flaky.name("flaky").call().retries(3).with_session(&session);
    let (value, report) = flaky.compute_with_report().expect("a value");
    let outcomes: Vec<Outcome> = report.tasks().iter().map(|task| task.outcome).collect();
    assert_eq!((value, outcomes), (7, vec![Outcome::Retried, Outcome::Retried, Outcome::Done]));
    assert_eq!((report.stages()[0].tasks, report.stages()[0].tasks_done), (1, 1));
}
