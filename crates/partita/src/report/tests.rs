//! Reports of runs that never were, so that every number is known.

use std::time::Duration;

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn task(name: &str, stage: Option<usize>, worker: usize, from: u64, to: u64, outcome: Outcome) -> TaskReport {
    let (started, finished) = (millis(from), millis(to));
    TaskReport {
        name: name.to_owned(),
        stage,
        worker,
        started,
        finished,
        outcome,
        rows_in: 0,
        rows_out: 0,
        bytes_out: 0,
        task: None,
    }
}

fn operator(label: &str, place: usize) -> OperatorReport {
    OperatorReport { label: label.to_owned(), place, ..OperatorReport::default() }
}

fn report() -> Report {
    let stage = |id, label: &str| StageReport { id, label: label.to_owned(), ..StageReport::default() };
    Report {
        name: "frame",
        stages: vec![
            StageReport {
                tasks: 2,
                tasks_done: 2,
                rows_in: 1_000_000,
                rows_out: 10,
                bytes: 20 << 20,
                bytes_read: 20 << 20,
                bytes_out: 800,
                busy: millis(150),
                elapsed: millis(100),
                operators: vec![
                    OperatorReport {
                        rows_in: 5_000_000,
                        rows_out: 1_000_000,
                        bytes_out: 8 << 20,
                        estimated_rows: Some(300_000),
                        estimated_bytes: Some(2 << 20),
                        busy: millis(149),
                        step: Some("read_csv at src/<main>.rs:3".to_owned()),
                        ..operator("scan </td><script>alert(1)</script>", 0)
                    },
                    OperatorReport { rows_in: 10, sink: true, bytes_out: 800, ..operator("collect", 1) },
                ],
                ..stage(0, "scan </td><script>alert(1)</script> → collect")
            },
            StageReport { tasks: 1, ..stage(1, "late \"one\"") },
        ],
        tasks: vec![
            task("partition 0 (a.csv)", Some(0), 0, 0, 100, Outcome::Done),
            task("partition 1 (\"b\"\\<b>.csv)", Some(0), 1, 10, 60, Outcome::Failed),
            task("gather", None, 1, 60, 62, Outcome::Planned),
        ],
        memory: vec![
            MemorySample { at: millis(0), held: Some(0), resident: Some(50 << 20) },
            MemorySample { at: millis(50), held: Some(8 << 20), resident: Some(60 << 20) },
        ],
        notices: vec![Notice { message: "column `a` is text now".to_owned(), rows: 3 }],
        elapsed: millis(100),
        threads: 2,
        peak_memory: 8 << 20,
        spilled: 1 << 20,
        error: Some("no <such> file".to_owned()),
        picture: None,
    }
}

#[test]
fn a_report_is_a_table() {
    let expected = "\
stage  tasks      rows in     rows out        read        left       time       busy  work
    0      2    1,000,000           10    20.0 MiB       800 B     100 ms     150 ms  scan </td><script>alert(1)</script> → collect
    1      1            0            0         0 B         0 B       0 µs       0 µs  late \"one\"
100 ms in all on 2 threads, 76 % busy; at most 8.00 MiB held, 1.00 MiB spilled
note: column `a` is text now (3 rows)
failed: no <such> file";
    assert_eq!(report().to_string(), expected);
}

#[test]
fn a_report_explains_its_operators() {
    let expected = "\
stage 0: 2 tasks, 150 ms of work in 100 ms
        rows     expected       bytes    expected       time  operator
   1,000,000      300,000    8.00 MiB    2.00 MiB     149 ms  scan </td><script>alert(1)</script> (of 5,000,000 rows)
          10            ?       800 B           ?       0 µs  collect
late \"one\": 1 task, 0 µs of work
";
    assert_eq!(report().explain(), expected);
}

#[test]
fn a_page_holds_all_and_no_foreign_script() {
    let page = page::html(&report());
    for part in [
        "100 ms",
        "76 %",
        "20.0 MiB",
        "200 MiB",
        "column `a` is text now (3 rows)",
        "no &lt;such&gt; file",
        "partition 0 (a.csv)",
        "0 of 1",
        "class=\"failed\"",
        "at most 8.00 MiB held",
        "<td>1,000,000<td class=\"quiet\">300,000<td>8.00 MiB<td class=\"quiet\">2.00 MiB<td>149 ms",
        "<small>of 5,000,000 rows</small>",
        "read_csv at src/&lt;main&gt;.rs:3",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(!page.contains("<script"), "a name became a script");
    for fetched in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    for element in ["svg", "table", "tbody", "h2", "dl", "body", "html"] {
        let opened =
            page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn an_empty_report_is_a_page_too() {
    let page = page::html(&Report { name: "graph", ..Report::default() });
    assert!(page.contains("Run of a graph") && !page.contains("NaN") && !page.contains("inf"), "{page}");
    assert!(trace::written(&Report::default()).contains("traceEvents"));
}

#[test]
fn tasks_too_short_to_see_are_one_bar() {
    let mut run = Report { elapsed: Duration::from_secs(100), threads: 1, ..Report::default() };
    for start in 0..10_000 {
        run.tasks.push(task("short", Some(0), 0, start, start + 1, Outcome::Done));
    }
    run.tasks.push(task("long", Some(0), 0, 20_000, 90_000, Outcome::Done));
    let bars = timeline::workers(&run).matches("<rect").count();
    assert!((2..400).contains(&bars), "{bars}");
}

#[test]
fn a_trace_is_json_with_an_event_for_each_task() {
    let text = trace::written(&report());
    let trace: serde_json::Value = serde_json::from_str(&text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let tasks: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(tasks.len(), 3);
    assert_eq!(tasks[1]["name"], "partition 1 (\"b\"\\<b>.csv)");
    assert_eq!((tasks[1]["ts"].as_f64(), tasks[1]["dur"].as_f64()), (Some(10_000.0), Some(50_000.0)));
    assert_eq!((tasks[1]["tid"].as_u64(), tasks[1]["args"]["outcome"].as_str()), (Some(1), Some("failed")));
    assert_eq!(tasks[2]["cat"], "between stages");
    let memory: Vec<_> = events.iter().filter(|event| event["ph"] == "C").collect();
    assert_eq!(memory[1]["args"]["held"].as_u64(), Some(8 << 20));
}

#[test]
fn a_report_of_functions_says_nothing_of_rows() {
    let stage = StageReport {
        tasks: 3,
        tasks_done: 3,
        label: "load".to_owned(),
        busy: millis(30),
        elapsed: millis(20),
        ..StageReport::default()
    };
    let run =
        Report { name: "graph", stages: vec![stage], threads: 2, elapsed: millis(25), ..Report::default() };
    let expected = "    calls       time       busy  function\n        3    20.0 ms    30.0 ms  load\n25.0 ms in all on 2 threads, 0 % busy";
    assert_eq!(run.to_string(), expected);
    let page = page::html(&run);
    assert!(page.contains("<h2>Functions</h2>") && !page.contains("rows"), "{page}");
}
