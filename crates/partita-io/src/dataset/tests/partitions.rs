//! Partition directories: the right rows in the right place, whatever the values and however many.

use std::collections::HashMap;

use arrow::array::*;
use arrow::datatypes::DataType;

use super::*;
use crate::filesystem::{Call, Fault, Faulty};
use crate::hive::decode_component;

fn by(columns: &[&str]) -> WriteOptions {
    WriteOptions { partition_by: columns.iter().map(|c| c.to_string()).collect(), ..parquet() }
}

/// The `id`s under each directory, in file order.
fn ids(root: &Path) -> HashMap<String, Vec<i64>> {
    let mut found: HashMap<String, Vec<i64>> = HashMap::new();
    for file in visible(root) {
        let directory = file.parent().unwrap().strip_prefix(root).unwrap().to_str().unwrap().to_string();
        let batch = read_parquet(&file);
        let column = batch.column_by_name("id").unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        found.entry(directory).or_default().extend(column.values());
    }
    found
}

#[test]
fn rows_go_to_their_values_in_order_and_lose_the_column() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let report = write(local(), &root, &[rows(0, 1000, 3), rows(1000, 500, 3)], by(&["kind"])).unwrap();
    assert_eq!((report.files.len(), report.rows), (6, 1500));
    for kind in 0..3 {
        let expected: Vec<i64> = (0..1500).filter(|i| i % 3 == kind).collect();
        assert_eq!(ids(&root)[&format!("kind=k{kind}")], expected);
    }
    let batch = read_parquet(&visible(&root)[0]);
    assert_eq!(
        batch.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(),
        ["id", "price", "name"]
    );
}

#[test]
fn nested_keys_of_many_types() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..4))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        ("day", Arc::new(Date32Array::from(vec![15706, 15706, 15707, 15706]))),
        ("n", Arc::new(Int8Array::from(vec![Some(-1), None, Some(2), Some(-1)]))),
        ("nan", Arc::new(Float64Array::from(vec![f64::NAN, 0.5, 1.0, -f64::NAN]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    write(local(), &root, &[batch], by(&["day", "flag", "n", "nan"])).unwrap();
    let expected = HashMap::from([
        ("day=2013-01-01/flag=true/n=-1/nan=NaN".to_string(), vec![0, 3]),
        ("day=2013-01-01/flag=false/n=__HIVE_DEFAULT_PARTITION__/nan=0.5".to_string(), vec![1]),
        ("day=2013-01-02/flag=__HIVE_DEFAULT_PARTITION__/n=2/nan=1.0".to_string(), vec![2]),
    ]);
    assert_eq!(ids(&root), expected);
}

#[test]
fn hostile_values_and_names_stay_inside_and_come_back() {
    let hostile = [
        "../evil",
        "..",
        ".",
        "a/b",
        "\\",
        "a=b",
        "\u{1}",
        "%2F",
        "\n",
        "",
        "../../../tmp/x",
        "\0",
        "__HIVE_DEFAULT_PARTITION__",
        "é",
        "100%",
    ];
    let scratch = scratch();
    let root = scratch.path().join("in/data");
    let names: Vec<String> = hostile.iter().filter(|n| !n.is_empty()).map(|n| format!("{n}key")).collect();
    for name in ["../../evil".to_string(), ".hidden".to_string()].into_iter().chain(names) {
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(hostile));
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..hostile.len() as i64));
        let batch = RecordBatch::try_from_iter([("id", id), (name.as_str(), values)]).unwrap();
        write(local(), &root, &[batch], by(&[&name])).unwrap();
        let found = ids(&root);
        assert_eq!(found.len(), hostile.len());
        for (directory, ids) in found {
            let (got_name, got_value) = decode_component(&directory).unwrap();
            assert_eq!(got_name, name);
            assert_eq!(got_value.as_deref(), Some(hostile[ids[0] as usize]), "{directory}");
        }
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(tree(scratch.path()).into_keys().collect::<Vec<_>>(), [scratch.path().join("in")]);
    }
}

#[test]
fn a_value_longer_than_a_name_may_be_is_a_clear_error() {
    let scratch = scratch();
    let values: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(300)]));
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("id", id), ("key", values)]).unwrap();
    let error = write(local(), &scratch.path().join("data"), &[batch], by(&["key"])).unwrap_err().to_string();
    assert!(
        error.contains("304 bytes") && error.contains("column `key`") && error.contains("255"),
        "{error}"
    );
    assert_eq!(tree(scratch.path()).len(), 0);
}

#[test]
fn ten_thousand_values_in_bounded_memory_with_few_files_open() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let faulty = Faulty::new(local());
    // Files that are left to one call at the end are closed at once: those that wait are to be few.
    faulty.fail_from(Call::SyncAll, 0, Fault::Errno(rustix::io::Errno::NOSYS.raw_os_error()));
    let options = WriteOptions { partition_buffer_bytes: 64 << 10, ..by(&["key"]) };
    let (total, values) = (40_000_i64, 10_000_i64);
    let batch = |from: i64| {
        let id: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 2_000));
        let key = arrow::compute::kernels::numeric::rem(&id, &Int64Array::new_scalar(values)).unwrap();
        RecordBatch::try_from_iter([("id", id), ("key", key)]).unwrap()
    };
    let writer = DatasetWriter::begin(Arc::new(faulty.clone()), &root, batch(0).schema(), options).unwrap();
    let mut part = writer.part(0);
    for from in (0..total).step_by(2_000) {
        part.write(&batch(from)).unwrap();
        assert!(part.memory() < 1 << 20, "{} bytes held", part.memory());
    }
    let spills = faulty
        .journal()
        .iter()
        .filter(|e| e.call == Call::Create && e.path.to_string_lossy().contains("spill-"))
        .count();
    assert!(spills >= 2, "{spills} runs");
    let parts = vec![part.finish().unwrap()];
    // Data files are open until they are synced, and only so many may wait for that.
    let mut open = 0;
    for entry in faulty.journal().iter().filter(|e| e.path.extension().is_some_and(|e| e == "parquet")) {
        match entry.call {
            Call::Create => open += 1,
            Call::Sync => open -= 1,
            _ => {}
        }
        assert!(open <= 40, "{open} files are open");
    }
    let report = writer.commit(parts).unwrap();
    assert_eq!((report.files.len() as i64, report.rows as i64), (values, total));
    let found = ids(&root);
    for key in 0..values {
        let expected: Vec<i64> = (0..total).filter(|id| id % values == key).collect();
        assert_eq!(found[&format!("key={key}")], expected);
    }
    assert_eq!(leftovers(scratch.path()), Vec::<PathBuf>::new());
}

#[test]
fn partition_types_that_have_no_spelling_are_refused() {
    let scratch = scratch();
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for array in [
        Arc::new(BinaryArray::from_vec(vec![b"x"])) as ArrayRef,
        arrow::array::new_null_array(&DataType::new_list(DataType::Int32, true), 1),
    ] {
        let batch =
            RecordBatch::try_from_iter_with_nullable([("id", Arc::clone(&id), true), ("key", array, true)])
                .unwrap();
        let error =
            write(local(), &scratch.path().join("data"), &[batch], by(&["key"])).unwrap_err().to_string();
        assert!(error.contains("cannot partition by values of type") && error.contains("`key`"), "{error}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(25))]
    #[test]
    fn the_buffer_size_changes_nothing(
        cuts in proptest::collection::vec(1i64..300, 1..6),
        kinds in 1i64..40,
        buffer in 0usize..60_000,
    ) {
        let scratch = scratch();
        let mut roots = Vec::new();
        for buffer in [buffer, usize::MAX] {
            let root = scratch.path().join(buffer.to_string());
            let options = WriteOptions { partition_buffer_bytes: buffer, ..by(&["kind"]) };
            let writer = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), options).unwrap();
            let mut part = writer.part(0);
            let mut from = 0;
            for &count in &cuts {
                part.write(&rows(from, count, kinds)).unwrap();
                from += count;
            }
            let parts = vec![part.finish().unwrap()];
            writer.commit(parts).unwrap();
            roots.push(root);
        }
        let total: i64 = cuts.iter().sum();
        let found = ids(&roots[0]);
        for kind in 0..kinds.min(total) {
            let expected: Vec<i64> = (0..total).filter(|i| i % kinds == kind).collect();
            assert_eq!(found[&format!("kind=k{kind}")], expected);
        }
        assert_eq!(found, ids(&roots[1]));
    }
}

#[test]
fn values_that_end_and_come_again_get_another_file() {
    let scratch = scratch();
    let root = scratch.path().join("data");
    let writer = DatasetWriter::begin(local(), &root, rows(0, 1, 1).schema(), by(&["kind"])).unwrap();
    let mut part = writer.part(7);
    for (start, count, kinds) in [(0, 40, 4), (40, 30, 2), (70, 10, 1)] {
        part.write(&rows(start, count, kinds)).unwrap();
        part.end_of_values().unwrap();
        assert_eq!(part.memory(), 0, "nothing waits");
    }
    part.end_of_values().unwrap();
    let part = part.finish().unwrap();
    let report = writer.commit(vec![part]).unwrap();
    assert_eq!((report.files.len(), report.rows), (7, 80));
    let kind = |row: &i64| {
        if *row < 40 {
            row % 4
        } else if *row < 70 {
            row % 2
        } else {
            0
        }
    };
    for of in 0..4 {
        let expected: Vec<i64> = (0..80).filter(|row| kind(row) == of).collect();
        assert_eq!(ids(&root)[&format!("kind=k{of}")], expected);
    }
}
