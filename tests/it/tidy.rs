//! What the house keeps: which module may name which, how long files and functions are, and what never stands
//! in the code. Every exception is listed here, by name and with its present size, and must not outlive its
//! cause.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of a crate's `src`.
struct Source {
    /// From `crates/` on, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.contains("exhaustive")
    }

    /// Numbered lines before the module's own tests, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let before_tests = lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
        before_tests.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn sources(below: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    rust_files(&root().join(below), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no Rust files in {below}");
    let named = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("a readable file");
        let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        Source { path, text }
    });
    named.collect()
}

/// The sources of all crates, without their benches, examples and tests.
fn crate_sources() -> Vec<Source> {
    sources("crates").into_iter().filter(|source| source.path.contains("/src/")).collect()
}

fn report(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// Which modules of the engine may name which modules and crates. `error`, `session` and `explain` serve all.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &["graph", "io", "kernels"]),
    ("session", &["watch", "graph", "io"]),
    ("compute", &["frame", "delayed", "report"]),
    ("frame", &["plan", "expr", "report", "io", "delayed"]),
    ("frame/delayed", &["op"]),
    ("frame/collect", &["optimize", "stage", "run", "watch"]),
    ("frame/write", &["stage", "run", "watch"]),
    ("frame/visualize", &["run"]),
    ("expr", &["kernels"]),
    ("plan", &["expr", "io"]),
    ("optimize", &["plan", "expr"]),
    ("stage", &["plan", "expr", "op", "exchange", "io", "kernels"]),
    // `expr` because sort keys are computed where runs are written.
    ("exchange", &["op", "expr", "kernels", "io"]),
    ("op", &["expr", "kernels", "io"]),
    ("run", &["stage", "exchange", "op", "watch", "report", "graph", "io"]),
    // `io` because drawings are files.
    ("explain", &["plan", "expr", "stage", "report", "io"]),
    ("delayed", &["watch", "report", "graph"]),
    // Which values hold memory, and how much.
    ("delayed/account", &["op"]),
    ("frame/table", &["op"]),
    ("watch", &["report", "graph", "io"]),
    ("report", &["graph", "io"]),
];

const SERVE_ALL: [&str; 3] = ["error", "session", "explain"];

/// The names after `prefix` in a line: `crate::plan::Join` gives `plan` for `crate::`.
fn named_after<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).filter_map(move |(at, _)| {
        let before = line[..at].chars().next_back();
        let whole = !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':'));
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (whole && end > 0).then_some(&rest[..end])
    })
}

#[test]
fn modules_name_only_those_below_them() {
    let sources = sources("crates/partita/src");
    let below: Vec<(&Source, &str)> = sources
        .iter()
        .map(|source| (source, source.path.trim_start_matches("crates/partita/src/").trim_end_matches(".rs")))
        .filter(|(_, module)| *module != "lib")
        .collect();
    let modules: BTreeSet<&str> =
        below.iter().map(|(_, path)| path.split('/').next().unwrap_or(path)).collect();
    let mut broken = Vec::new();
    for (source, path) in below {
        let module = path.split('/').next().unwrap_or(path);
        let mut allowed: Vec<&str> = SERVE_ALL.to_vec();
        allowed.push(module);
        let of_this = ARROWS.iter().filter(|(from, _)| *from == module || *from == path);
        allowed.extend(of_this.flat_map(|(_, to)| *to));
        if !ARROWS.iter().any(|(from, _)| *from == module) {
            broken.push(format!("{}: the module {module} has no arrows in this test", source.path));
        }
        for (number, line) in source.code() {
            let inside = named_after(line, "crate::").filter(|name| modules.contains(name));
            let outside =
                named_after(line, "partita_").filter(|name| ["graph", "kernels", "io"].contains(name));
            let wrong = inside.chain(outside).filter(|name| !allowed.contains(name));
            broken.extend(wrong.map(|name| format!("{}:{number}: {module} names {name}", source.path)));
        }
    }
    report("a module names one that it must not know", broken);
}

#[test]
fn grouped_imports_do_not_hide_arrows() {
    // `use crate::{plan::Join}` would not be seen by the test above.
    let mut broken = Vec::new();
    for source in sources("crates/partita/src") {
        for (number, line) in source.code() {
            let Some(group) = line.trim_start().strip_prefix("use crate::{") else { continue };
            if source.path != "crates/partita/src/lib.rs" && group.contains("::") {
                broken.push(format!("{}:{number}", source.path));
            }
        }
    }
    report("an import groups several modules; write one line each", broken);
}

#[test]
fn the_lower_crates_do_not_know_each_other() {
    let mut broken = Vec::new();
    for (own, others) in [
        ("partita-graph", ["partita_kernels", "partita_io", "partita::"]),
        ("partita-kernels", ["partita_graph", "partita_io", "partita::"]),
        ("partita-io", ["partita_graph", "partita_kernels", "partita::"]),
    ] {
        for source in sources(&format!("crates/{own}/src")) {
            for (number, line) in source.code() {
                for other in others.iter().filter(|other| named_after(line, other).next().is_some()) {
                    broken.push(format!("{}:{number} names {other}", source.path));
                }
            }
        }
    }
    report("a lower crate names another one", broken);
}

#[test]
fn every_file_says_its_job() {
    let all = sources("crates").into_iter().chain(sources("tests")).chain(sources("examples"));
    let silent = all.filter(|source| !source.text.starts_with("//!")).map(|source| source.path).collect();
    report("a file does not open with a `//!` line", silent);
}

#[test]
fn no_file_is_a_drawer_for_everything() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "misc"];
    let all = sources("crates").into_iter().chain(sources("tests")).map(|source| source.path);
    let broken =
        all.filter(|path| path.trim_end_matches(".rs").split('/').any(|part| drawers.contains(&part)));
    report("a file's name does not say what it holds", broken.collect());
}

/// Files longer than they should be, and how long they are at most. Shorten the list, never lengthen it.
const LONG_FILES: &[(&str, usize)] = &[
    ("crates/partita-kernels/src/aggregate/tests.rs", 500),
    ("crates/partita-graph/src/tests/behaviour.rs", 440),
];

#[test]
fn files_are_short() {
    const MOST: usize = 400;
    let mut broken = Vec::new();
    for source in sources("crates").into_iter().chain(sources("tests")) {
        let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = source.text.lines().filter(code).count();
        let exception = LONG_FILES.iter().find(|(path, _)| *path == source.path).map(|(_, most)| *most);
        if lines > exception.unwrap_or(MOST) {
            broken.push(format!("{}: {lines} lines of code", source.path));
        }
        if exception.is_some() && lines <= MOST {
            broken.push(format!("{}: is short now; take it off the list", source.path));
        }
    }
    let gone = LONG_FILES.iter().filter(|(path, _)| !root().join(path).exists());
    broken.extend(gone.map(|(path, _)| format!("{path}: is gone; take it off the list")));
    report("a file has more than 400 lines of code", broken);
}

/// Functions longer than they should be, and how long they are at most. Shorten the list, never lengthen it.
const LONG_FUNCTIONS: &[(&str, &str, usize)] =
    &[("crates/partita-kernels/examples/join_sort_speed.rs", "main", 71)];

/// The functions of a file with their lines of code.
fn functions(source: &Source) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let header = line.trim_start();
        if header.starts_with("//") {
            continue;
        }
        let Some(name) = named_after(line, "fn ").next() else { continue };
        let starts = ["fn ", "pub ", "pub(", "const ", "unsafe ", "async ", "extern "];
        if !starts.iter().any(|start| header.starts_with(start)) {
            continue;
        }
        let indent = &line[..line.len() - header.len()];
        let end = format!("{indent}}}");
        let Some(body) = lines[index..].iter().position(|line| line.contains('{') || line.ends_with(';'))
        else {
            continue;
        };
        let opening = lines[index + body];
        if !opening.ends_with('{') {
            continue;
        }
        let length = lines[index..].iter().position(|line| *line == end).unwrap_or(0);
        let code = lines[index..=index + length]
            .iter()
            .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
        found.push((index + 1, name.to_owned(), code.count()));
    }
    found
}

#[test]
fn functions_are_short() {
    const MOST: usize = 70;
    let mut broken = Vec::new();
    let mut used = BTreeSet::new();
    let mut seen = 0;
    for source in sources("crates").into_iter().chain(sources("tests")) {
        for (line, name, length) in functions(&source) {
            seen += 1;
            let exception =
                LONG_FUNCTIONS.iter().find(|(path, known, _)| *path == source.path && *known == name);
            if length > exception.map_or(MOST, |(_, _, most)| *most) {
                broken.push(format!("{}:{line}: {name} has {length} lines", source.path));
            }
            if let Some(exception) = exception.filter(|_| length > MOST) {
                used.insert(*exception);
            }
        }
    }
    assert!(seen > 1000, "only {seen} functions were found");
    let unused = LONG_FUNCTIONS.iter().filter(|exception| !used.contains(*exception));
    broken.extend(unused.map(|(path, name, _)| format!("{path}: {name} is short now; take it off the list")));
    report("a function has more than 70 lines of code", broken);
}

#[test]
fn nothing_is_unfinished() {
    let words = ["todo!(", "unimplemented!(", "dbg!("];
    let mut broken = Vec::new();
    for source in sources("crates") {
        for (number, line) in source.code() {
            let found = words.iter().filter(|word| line.contains(**word));
            broken.extend(found.map(|word| format!("{}:{number}: {word})", source.path)));
        }
    }
    report("something is unfinished", broken);
}

/// Files for tests that other crates' tests use too, so that they cannot be `cfg(test)`.
const FOR_TESTS: [&str; 1] = ["crates/partita-kernels/src/random.rs"];

#[test]
fn nothing_unwraps() {
    let mut broken = Vec::new();
    for source in crate_sources() {
        if source.is_test() || FOR_TESTS.contains(&source.path.as_str()) {
            continue;
        }
        let lines = source.code().filter(|(_, line)| line.contains(".unwrap()"));
        broken.extend(lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    report("`unwrap` outside of tests", broken);
}

#[test]
fn unsafe_code_is_rare_and_says_why() {
    let mut broken = Vec::new();
    for source in crate_sources() {
        let home = ["crates/partita-kernels/", "crates/partita-io/"];
        let at_home = home.iter().any(|home| source.path.starts_with(home));
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let starts = ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe trait ", "unsafe extern "];
            if !starts.iter().any(|start| code.contains(start)) {
                continue;
            }
            let from = index.saturating_sub(8);
            let reason =
                lines[from..=index].iter().any(|line| line.contains("SAFETY") || line.contains("# Safety"));
            if !at_home {
                broken.push(format!("{}:{}: unsafe code here", source.path, index + 1));
            } else if !reason {
                broken.push(format!("{}:{}: no `SAFETY` reason", source.path, index + 1));
            }
        }
    }
    report("unsafe code that must not be or gives no reason", broken);
}
