//! Appending: nothing is replaced, several runs at once do no harm, and the dead are cleaned up after.

use super::*;

fn append() -> WriteOptions {
    WriteOptions { mode: Mode::Append, ..parquet() }
}

fn sorted_ids(root: &Path) -> Vec<i64> {
    use arrow::array::AsArray;
    let all = read_all(root);
    let mut ids = all.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
    ids.sort_unstable();
    ids
}

#[test]
fn the_first_append_creates_and_the_next_ones_add() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    for turn in 0..3 {
        let options = WriteOptions { success_marker: turn == 2, ..append() };
        write(local(), &root, &[rows(turn * 10, 5, 1), rows(turn * 10 + 5, 5, 1)], options).unwrap();
    }
    assert_eq!(sorted_ids(&root), (0..30).collect::<Vec<_>>());
    assert_eq!(tree(scratch.path()).len(), 7);
    assert!(root.join("part-00000-0.parquet").exists() && root.join("_SUCCESS").exists());
    assert_eq!(visible(&root).iter().filter(|file| append_token(file).is_some()).count(), 4);
}

#[test]
fn a_reader_sees_nothing_before_the_end() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let options = WriteOptions { partition_by: vec!["kind".into()], ..append() };
    write(local(), &root, &[rows(0, 10, 2)], options.clone()).unwrap();
    let before = visible(&root);
    let writer = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), options).unwrap();
    let mut part = writer.part(0);
    part.write(&rows(10, 10, 5)).unwrap();
    let part = part.finish().unwrap();
    assert_eq!(visible(&root), before);
    let report = writer.commit(vec![part]).unwrap();
    assert_eq!(report.files.len(), 5);
    assert_eq!(visible(&root).len(), before.len() + 5);
    assert!(report.files.iter().all(|file| file.path.exists()));
}

#[test]
fn two_appends_at_once_both_arrive() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    write(local(), &root, &[rows(0, 10, 1)], append()).unwrap();
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let root = &root;
            scope.spawn(move || {
                for turn in 0..5 {
                    write(local(), root, &[rows(thread * 1000 + turn * 10, 10, 1)], append()).unwrap();
                }
            });
        }
    });
    assert_eq!(sorted_ids(&root).len(), 10 + 4 * 5 * 10);
    assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_dead_append_is_undone_and_a_live_one_is_left_alone() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    write(local(), &root, &[rows(0, 10, 1)], append()).unwrap();
    let token = "0123456789abcdef";
    let moved = root.join(format!("part-{token}-00000-0.parquet"));
    let journal = root.join(format!("_append-{token}"));
    let staging = root.join(format!("_temporary-{token}"));
    let die_half_way = || {
        std::fs::create_dir_all(staging.join("data")).unwrap();
        std::fs::write(staging.join("_lock"), b"").unwrap();
        std::fs::copy(root.join("part-00000-0.parquet"), &moved).unwrap();
        std::fs::write(&journal, format!("part-{token}-00000-0.parquet\npart-{token}-00001-0.parquet\n"))
            .unwrap();
    };
    die_half_way();
    assert_eq!(sorted_ids(&root), (0..10).collect::<Vec<_>>());
    let live = Local.try_lock(&staging.join("_lock")).unwrap().unwrap();
    write(local(), &root, &[rows(10, 10, 1)], append()).unwrap();
    assert!(moved.exists() && journal.exists() && staging.exists());
    drop(live);
    write(local(), &root, &[rows(20, 10, 1)], append()).unwrap();
    assert!(!moved.exists() && !journal.exists() && !staging.exists());
    assert_eq!(sorted_ids(&root), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_journal_that_was_tampered_with_deletes_nothing_else() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    write(local(), &root, &[rows(0, 10, 1)], append()).unwrap();
    let outside = scratch.path().join("part-0123456789abcdef-00000-0.parquet");
    std::fs::write(&outside, b"precious").unwrap();
    let text =
        format!("../part-0123456789abcdef-00000-0.parquet\n{}\npart-00000-0.parquet\n", outside.display());
    std::fs::write(root.join("_append-0123456789abcdef"), text).unwrap();
    write(local(), &root, &[rows(10, 10, 1)], append()).unwrap();
    assert_eq!(std::fs::read(&outside).unwrap(), b"precious");
    assert_eq!(sorted_ids(&root), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_single_file_is_not_appended_to() {
    let scratch = scratch();
    let options = WriteOptions { layout: Layout::SingleFile, ..append() };
    let error =
        write(local(), &scratch.path().join("x.parquet"), &[rows(0, 1, 1)], options).unwrap_err().to_string();
    assert!(error.contains("cannot be appended to"), "{error}");
}

#[test]
fn tokens_are_read_from_names() {
    let token = |name: &str| append_token(Path::new(name)).map(str::to_string);
    assert_eq!(token("a/part-0123456789abcdef-00000-0.parquet").as_deref(), Some("0123456789abcdef"));
    assert_eq!(token("part-00000-0.parquet"), None);
    assert_eq!(token("part-0123456789abcdeg-00000-0.parquet"), None);
    assert_eq!(token("x.parquet"), None);
}
