//! A report as one page of HTML that needs nothing else.

use std::fmt::Write;

use super::{Report, TaskReport, timeline};
use crate::explain::number::{bytes, count, time};
use crate::explain::{Drawing, page_head, picture_panel, xml};

const STYLE: &str = include_str!("page.css");
const SLOWEST: usize = 20;

pub(super) fn html(report: &Report) -> String {
    let mut page = page_head(&format!("run of a {}", report.name), STYLE);
    page.push_str("<body class=\"report\">\n");
    write_summary(&mut page, report);
    page.push_str("<h2>Threads</h2>\n");
    page.push_str(&timeline::workers(report));
    if let Some(memory) = timeline::memory(report) {
        let held = if report.peak_memory > 0 { "<i class=\"held\"></i>held by the run " } else { "" };
        let _ = writeln!(
            page,
            "<h2>Memory <span class=\"key\">{held}<i class=\"process\"></i>held by the process</span></h2>"
        );
        page.push_str(&memory);
    }
    write_stages(&mut page, report);
    write_operators(&mut page, report);
    write_slowest(&mut page, report);
    if let Some(picture) = &report.picture {
        page.push_str("<h2>Graph</h2>\n");
        page.push_str(&picture_panel(picture, &Drawing::new()));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn write_summary(page: &mut String, report: &Report) {
    let of_files = report.stages.iter().filter(|stage| stage.bytes > 0).flat_map(|stage| &stage.operators);
    let rows: u64 = of_files.filter(|operator| operator.place == 0).map(|operator| operator.rows_in).sum();
    let read: u64 = report.stages.iter().map(|stage| stage.bytes_read).sum();
    let mut facts = vec![
        ("time", time(report.elapsed)),
        ("tasks", count(report.tasks.len() as u64)),
        ("threads", report.threads.to_string()),
        ("busy", format!("{:.0} %", report.busy_share() * 100.0)),
    ];
    if read > 0 {
        facts.push(("read", bytes(read)));
        facts.push(("rows read", count(rows)));
        let per_second = read as f64 / report.elapsed.as_secs_f64().max(1e-9);
        facts.push(("read per second", bytes(per_second as u64)));
    }
    if report.peak_memory > 0 {
        facts.push(("most held", bytes(report.peak_memory as u64)));
        facts.push(("spilled", bytes(report.spilled)));
    }
    // Writing to a string cannot fail.
    let _ = writeln!(page, "<h1>Run of a {}</h1>\n<dl class=\"facts\">", xml(report.name));
    for (name, value) in facts {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", xml(&value));
    }
    page.push_str("</dl>\n");
    if let Some(error) = &report.error {
        let _ = writeln!(page, "<p class=\"error\">failed: {}</p>", xml(error));
    }
    for notice in &report.notices {
        let rows = if notice.rows > 0 { format!(" ({} rows)", count(notice.rows)) } else { String::new() };
        let _ = writeln!(page, "<p class=\"notice\">{}{rows}</p>", xml(&notice.message));
    }
}

fn write_stages(page: &mut String, report: &Report) {
    let most = report.stages.iter().map(|stage| stage.busy).max().unwrap_or_default().as_secs_f64();
    let (title, heads, work) = if report.has_rows() {
        ("Stages", "<th>stage<th>tasks<th>rows in<th>rows out<th>read<th>left", "work")
    } else {
        ("Functions", "<th><th>calls", "function")
    };
    let _ = writeln!(
        page,
        "<h2>{title}</h2>\n<table>\n<thead><tr>{heads}<th>time<th>busy<th>\
         <th class=\"words\">{work}</tr></thead>\n<tbody>"
    );
    for stage in &report.stages {
        let share = if most > 0.0 { stage.busy.as_secs_f64() / most * 100.0 } else { 0.0 };
        let tasks = if stage.tasks_done == stage.tasks {
            count(stage.tasks as u64)
        } else {
            format!("{} of {}", count(stage.tasks_done as u64), count(stage.tasks as u64))
        };
        let of_rows = if report.has_rows() {
            let (rows_in, rows_out) = (count(stage.rows_in), count(stage.rows_out));
            format!(
                "<td>{rows_in}<td>{rows_out}<td>{}<td>{}",
                bytes(stage.bytes_read),
                bytes(stage.bytes_out)
            )
        } else {
            String::new()
        };
        let _ = writeln!(
            page,
            "<tr><td><i style=\"background:{colour}\"></i>{}<td>{tasks}{of_rows}<td>{}<td>{}\
             <td class=\"share\"><b style=\"width:{share:.1}%;background:{colour}\"></b><td class=\"words\">{}</tr>",
            stage.id,
            time(stage.elapsed),
            time(stage.busy),
            xml(&stage.label),
            colour = timeline::colour(Some(stage.id))
        );
    }
    page.push_str("</tbody>\n</table>\n");
}

fn write_operators(page: &mut String, report: &Report) {
    let all = || report.stages.iter().flat_map(|stage| &stage.operators);
    let Some(most) = all().map(|operator| operator.busy).max() else { return };
    let most = most.as_secs_f64();
    page.push_str(
        "<h2>Operators</h2>\n<table>\n<thead><tr><th>stage<th>rows<th>expected<th>bytes<th>expected<th>time<th>\
         <th class=\"words\">operator</tr></thead>\n<tbody>\n",
    );
    for stage in &report.stages {
        for operator in &stage.operators {
            let share = if most > 0.0 { operator.busy.as_secs_f64() / most * 100.0 } else { 0.0 };
            let known = |number: Option<u64>, shown: fn(u64) -> String| number.map_or(String::new(), shown);
            let looked_at = operator.left_out_of();
            let of =
                looked_at.map_or(String::new(), |rows| format!(" <small>of {} rows</small>", count(rows)));
            let step = operator.step.as_deref().unwrap_or("added by the engine");
            let _ = writeln!(
                page,
                "<tr title=\"{step}\"><td><i style=\"background:{colour}\"></i>{}<td>{}<td class=\"quiet\">{}<td>{}\
                 <td class=\"quiet\">{}<td>{}<td class=\"share\"><b style=\"width:{share:.1}%;background:{colour}\">\
                 </b><td class=\"words\">{}{of}</tr>",
                stage.id,
                count(operator.rows()),
                known(operator.estimated_rows, count),
                bytes(operator.bytes_out),
                known(operator.estimated_bytes, bytes),
                time(operator.busy),
                xml(&operator.label),
                step = xml(step),
                colour = timeline::colour(Some(stage.id))
            );
        }
    }
    page.push_str("</tbody>\n</table>\n");
}

fn write_slowest(page: &mut String, report: &Report) {
    let mut slowest: Vec<&TaskReport> = report.tasks.iter().collect();
    slowest.sort_by_key(|task| std::cmp::Reverse(task.took()));
    slowest.truncate(SLOWEST);
    let of_rows = if report.has_rows() { "<th>stage<th>rows in<th>rows out<th>left" } else { "<th>" };
    let _ = writeln!(
        page,
        "<h2>Slowest tasks</h2>\n<table>\n<thead><tr><th>time<th>began<th>thread{of_rows}\
         <th class=\"words\">task</tr></thead>\n<tbody>"
    );
    for task in slowest {
        let stage = task.stage.and_then(|stage| report.stage(stage));
        let of_rows = match (report.has_rows(), stage) {
            (true, Some(_)) => {
                let (rows_in, rows_out) = (count(task.rows_in), count(task.rows_out));
                format!("<td>{rows_in}<td>{rows_out}<td>{}", bytes(task.bytes_out))
            }
            (true, None) => "<td><td><td>".to_owned(),
            (false, _) => String::new(),
        };
        let _ = writeln!(
            page,
            "<tr><td>{}<td>{}<td>{}<td><i style=\"background:{}\"></i>{}{of_rows}<td class=\"words\">{}</tr>",
            time(task.took()),
            time(task.started),
            task.worker,
            timeline::colour(task.stage),
            stage.map_or(String::new(), |stage| stage.id.to_string()),
            xml(&task.name)
        );
    }
    page.push_str("</tbody>\n</table>\n");
}
