//! Modes, layouts, and the places that a dataset may and may not take.

use super::*;

fn overwrite() -> WriteOptions {
    WriteOptions { mode: Mode::Overwrite, ..parquet() }
}

fn message(result: Result<WriteReport>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_new_dataset_has_names_by_part_and_reports_its_files() {
    let scratch = scratch();
    let root = scratch.path().join("missing/above/data");
    let report = write(local(), &root, &[rows(0, 10, 2), rows(10, 5, 2)], parquet()).unwrap();
    let names =
        ["part-00000-0.parquet", "part-00001-0.parquet"].map(|name| root.canonicalize().unwrap().join(name));
    assert_eq!(report.files.iter().map(|f| f.path.clone()).collect::<Vec<_>>(), names);
    assert_eq!((report.rows, report.files[1].rows), (15, 5));
    assert_eq!(report.bytes, names.iter().map(|n| std::fs::metadata(n).unwrap().len()).sum::<u64>());
    assert_eq!(tree(scratch.path()).len(), 2);
    assert_eq!(read_all(&root), rows(0, 15, 2));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let scratch = scratch();
    for format in formats() {
        let (a, b) = (scratch.path().join("a"), scratch.path().join("b"));
        for root in [&a, &b] {
            let options =
                WriteOptions { partition_by: vec!["kind".into()], ..WriteOptions::new(format.clone()) };
            write(local(), root, &[rows(0, 100, 3), rows(100, 50, 3)], options).unwrap();
        }
        let strip = |root: &Path| {
            tree(root)
                .into_iter()
                .map(|(p, c)| (p.strip_prefix(root).unwrap().to_path_buf(), c))
                .collect::<Vec<_>>()
        };
        assert_eq!(strip(&a), strip(&b));
        std::fs::remove_dir_all(&a).unwrap();
        std::fs::remove_dir_all(&b).unwrap();
    }
}

#[test]
fn error_mode_refuses_what_exists_and_takes_an_empty_directory() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    std::fs::create_dir(&root).unwrap();
    write(local(), &root, &[rows(0, 3, 1)], parquet()).unwrap();
    let before = tree(scratch.path());
    let error = message(write(local(), &root, &[rows(0, 1, 1)], parquet()));
    assert!(error.contains("exists already") && error.contains("overwrite"), "{error}");
    assert_eq!(tree(scratch.path()), before);
}

#[test]
fn overwrite_replaces_all_and_refuses_to_delete_foreign_files() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    write(local(), &root, &[rows(0, 3, 1), rows(3, 3, 1)], overwrite()).unwrap();
    write(local(), &root, &[rows(9, 1, 1)], overwrite()).unwrap();
    assert_eq!(read_all(&root), rows(9, 1, 1));
    assert_eq!(tree(scratch.path()).len(), 1);
    std::fs::create_dir(root.join("sub")).unwrap();
    std::fs::write(root.join("sub/thesis.docx"), b"years of work").unwrap();
    let error = message(write(local(), &root, &[rows(0, 1, 1)], overwrite()));
    assert!(error.contains("thesis.docx"), "{error}");
    assert!(root.join("sub/thesis.docx").exists());
}

#[test]
fn a_reader_of_the_old_dataset_is_safe_until_the_commit() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    write(local(), &root, &[rows(0, 100, 1)], parquet()).unwrap();
    let writer = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), overwrite()).unwrap();
    let mut part = writer.part(0);
    part.write(&read_all(&root).slice(10, 20)).unwrap();
    let parts = vec![part.finish().unwrap()];
    assert_eq!(read_all(&root).num_rows(), 100);
    writer.commit(parts).unwrap();
    assert_eq!(read_all(&root), rows(10, 20, 1));
}

#[test]
fn dropping_or_aborting_leaves_nothing() {
    let scratch = scratch();
    let root = scratch.path().join("a/b");
    for abort in [true, false] {
        let writer = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), parquet()).unwrap();
        let mut open = writer.part(0);
        open.write(&rows(0, 10, 1)).unwrap();
        let mut done = writer.part(1);
        done.write(&rows(0, 10, 1)).unwrap();
        let _part = done.finish().unwrap();
        assert_ne!(tree(scratch.path()).len(), 0);
        if abort {
            drop(open);
            writer.abort().unwrap();
        } else {
            drop(writer);
            drop(open);
        }
        assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn files_of_a_part_that_was_not_committed_are_removed() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let writer = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), parquet()).unwrap();
    let finish = |index| {
        let mut part = writer.part(index);
        part.write(&rows(0, 10, 1)).unwrap();
        part.finish().unwrap()
    };
    let (_zero, one) = (finish(0), finish(1));
    let report = writer.commit(vec![one]).unwrap();
    assert_eq!(report.rows, 10);
    assert_eq!(visible(&root), [root.join("part-00001-0.parquet")]);
}

#[test]
fn no_rows_still_leave_a_schema() {
    let scratch = scratch();
    for (format, partition_by) in
        formats().into_iter().flat_map(|f| [(f.clone(), vec![]), (f, vec!["kind".to_string()])])
    {
        let root = scratch.path().join("data");
        let options =
            WriteOptions { partition_by: partition_by.clone(), ..WriteOptions::new(format.clone()) };
        let report = write(local(), &root, &[rows(0, 0, 1), rows(0, 0, 1)], options).unwrap();
        assert_eq!((report.files.len(), report.rows), (1, 0));
        let file = &report.files[0].path;
        match &format {
            WriteFormat::Parquet(_) => assert_eq!(read_parquet(file).num_columns(), 4 - partition_by.len()),
            WriteFormat::Csv(_) => {
                let header = if partition_by.is_empty() { "id,price,name,kind\n" } else { "id,price,name\n" };
                assert_eq!(std::fs::read_to_string(file).unwrap(), header);
            }
            _ => assert!(file.exists()),
        }
        assert_eq!(
            file.to_string_lossy().contains("/kind=__HIVE_DEFAULT_PARTITION__/"),
            !partition_by.is_empty()
        );
        std::fs::remove_dir_all(&root).unwrap();
    }
}

#[test]
fn a_single_file_replaces_a_file_and_follows_a_link() {
    let scratch = scratch();
    let single = WriteOptions { layout: Layout::SingleFile, ..parquet() };
    let file = scratch.path().join("out.parquet");
    let report = write(local(), &file, &[rows(0, 4, 1)], single.clone()).unwrap();
    assert_eq!(report.files[0].path, file.canonicalize().unwrap());
    assert_eq!(read_parquet(&file), rows(0, 4, 1));
    let again = message(write(local(), &file, &[rows(0, 1, 1)], single.clone()));
    assert!(again.contains("exists already"), "{again}");
    let replace = WriteOptions { mode: Mode::Overwrite, ..single.clone() };
    write(local(), &file, &[rows(5, 5, 1)], replace.clone()).unwrap();
    assert_eq!(read_parquet(&file), rows(5, 5, 1));
    #[cfg(unix)]
    {
        let link = scratch.path().join("link.parquet");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(local(), &link, &[rows(7, 1, 1)], replace.clone()).unwrap();
        assert!(link.is_symlink());
        assert_eq!(read_parquet(&file), rows(7, 1, 1));
        std::fs::remove_file(&link).unwrap();
    }
    assert_eq!(tree(scratch.path()).len(), 1);
    let two = message(write(local(), &file, &[rows(0, 1, 1), rows(0, 1, 1)], replace));
    assert!(two.contains("one part"), "{two}");
    assert_eq!(read_parquet(&file), rows(7, 1, 1));
    assert_eq!(tree(scratch.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_nothing_behind_one_is_deleted() {
    use std::os::unix::fs::symlink;
    let scratch = scratch();
    let (real, link, precious) =
        (scratch.path().join("real"), scratch.path().join("link"), scratch.path().join("precious"));
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("x.parquet"), b"x").unwrap();
    write(local(), &real, &[rows(0, 2, 1)], parquet()).unwrap();
    symlink(&real, &link).unwrap();
    symlink(&precious, real.join("part-linked")).unwrap();
    write(local(), &link, &[rows(4, 2, 1)], overwrite()).unwrap();
    assert!(link.is_symlink());
    assert_eq!(read_all(&real), rows(4, 2, 1));
    assert!(precious.join("x.parquet").exists());
    let dangling = scratch.path().join("dangling");
    symlink(scratch.path().join("nowhere"), &dangling).unwrap();
    let error = message(write(local(), &dangling, &[rows(0, 1, 1)], parquet()));
    assert!(error.contains("link to nothing"), "{error}");
}

#[test]
fn odd_paths() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let slash = PathBuf::from(format!("{}/", root.display()));
    write(local(), &slash, &[rows(0, 1, 1)], parquet()).unwrap();
    let dots = root.join("../data/.");
    write(local(), &dots, &[rows(1, 1, 1)], overwrite()).unwrap();
    assert_eq!(read_all(&root), rows(1, 1, 1));
    let file = scratch.path().join("file");
    std::fs::write(&file, b"text").unwrap();
    let single = WriteOptions { layout: Layout::SingleFile, ..overwrite() };
    for (path, options, expected) in [
        (file.clone(), overwrite(), "is a file"),
        (root.clone(), single.clone(), "is a directory"),
        (slash.clone(), single, "ends like a directory"),
        (file.join("below"), parquet(), "file/below"),
        (file.join("below/deep"), parquet(), "file"),
        (PathBuf::from("/"), overwrite(), "root directory"),
        (PathBuf::new(), parquet(), "empty"),
        (scratch.path().join("no/.."), parquet(), "does not end in a name"),
    ] {
        let error = message(write(local(), &path, &[rows(0, 1, 1)], options));
        assert!(error.contains(expected), "{}: {error}", path.display());
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"text");
    assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_made() {
    use arrow::array::{BinaryArray, ListArray};
    use arrow::datatypes::Int32Type;
    let scratch = scratch();
    let root = scratch.path().join("data");
    let column = |name: &str, array: ArrayRef| RecordBatch::try_from_iter([(name, array)]).unwrap();
    let numbers = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let list = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    let csv = WriteOptions::new(WriteFormat::Csv(CsvWriteOptions::default()));
    let partitioned =
        |by: &[&str]| WriteOptions { partition_by: by.iter().map(|s| s.to_string()).collect(), ..parquet() };
    let bad_csv = |options| WriteOptions::new(WriteFormat::Csv(options));
    let twice = RecordBatch::try_new(
        Arc::new(arrow::datatypes::Schema::new(vec![rows(0, 1, 1).schema().field(0).clone(); 2])),
        vec![numbers(), numbers()],
    )
    .unwrap();
    for (batch, options, expected) in [
        (column("a", list), csv.clone(), "CSV cannot hold nested values"),
        (column("a", Arc::new(BinaryArray::from_vec(vec![b"x"]))), csv, "CSV cannot hold binary"),
        (column("", numbers()), parquet(), "name of column 1 is empty"),
        (twice, parquet(), "two columns have one name; rename one of them, column `id`"),
        (column("a", numbers()), partitioned(&["b"]), "no column `b` to partition by; the columns are a"),
        (column("a", numbers()), partitioned(&["a"]), "leave at least one"),
        (rows(0, 1, 1), partitioned(&["id", "id"]), "named twice"),
        (
            column("a", numbers()),
            bad_csv(CsvWriteOptions { delimiter: b'"', ..Default::default() }),
            "must differ",
        ),
        (
            column("a", numbers()),
            bad_csv(CsvWriteOptions { delimiter: b'\n', ..Default::default() }),
            "delimiter",
        ),
        (
            column("a", numbers()),
            bad_csv(CsvWriteOptions { null: "a,b".into(), ..Default::default() }),
            "null",
        ),
        (
            column("a", numbers()),
            WriteOptions::new(WriteFormat::Parquet(ParquetWriteOptions {
                compression: ParquetCompression::Zstd(99),
                ..Default::default()
            })),
            "compression level",
        ),
    ] {
        let error = message(write(local(), &root, &[batch], options));
        assert!(error.contains(expected), "{error}");
        assert_eq!(tree(scratch.path()).len(), 0);
    }
}

#[test]
fn a_batch_of_other_types_is_refused() {
    let scratch = scratch();
    let writer =
        DatasetWriter::begin(local(), scratch.path().join("data"), rows(0, 1, 1).schema(), parquet())
            .unwrap();
    let wrong = rows(0, 1, 1).project(&[1, 0, 2, 3]).unwrap();
    let error = writer.part(0).write(&wrong).unwrap_err().to_string();
    assert!(error.contains("type Float64 was to be written as Int64") && error.contains("`id`"), "{error}");
}

#[test]
fn a_dataset_that_appears_during_the_run_is_not_lost() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let late = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), parquet()).unwrap();
    write(local(), &root, &[rows(5, 5, 1)], parquet()).unwrap();
    let error = message(late.commit(vec![]));
    assert!(error.contains("somebody else"), "{error}");
    assert_eq!(read_all(&root), rows(5, 5, 1));
    assert_eq!(tree(scratch.path()).len(), 1);
}

#[test]
fn files_are_cut_at_the_target_size() {
    let scratch = scratch();
    for format in formats() {
        let root = scratch.path().join(format.extension());
        let options = WriteOptions {
            target_file_bytes: Some(200_000),
            success_marker: true,
            ..WriteOptions::new(format)
        };
        let report = write(local(), &root, &[rows(0, 60_000, 5)], options).unwrap();
        assert!(report.files.len() > 2, "{report:?}");
        assert_eq!(report.rows, 60_000);
        let (last, full) = report.files.split_last().unwrap();
        assert!(full.iter().all(|f| (50_000..1_500_000).contains(&f.bytes)), "{report:?}");
        assert!(last.rows > 0);
        assert_eq!(std::fs::read(root.join("_SUCCESS")).unwrap(), b"");
        for (sequence, file) in report.files.iter().enumerate() {
            assert!(file.path.to_string_lossy().contains(&format!("part-00000-{sequence}.")));
        }
    }
}
