//! Tests of listing: order, hive columns, globs, links, and every way to name nothing.

use std::fs;

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Int64Type};

use super::*;
use crate::{Call, Fault, Faulty, Local};

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(names: &[&str]) -> Self {
        let tree = Tree(tempfile::tempdir().unwrap());
        for name in names {
            tree.add(name);
        }
        tree
    }
    fn add(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn open(&self, place: &str) -> Result<Listing> {
        self.open_with(place, &options())
    }
    fn open_with(&self, place: &str, options: &ListingOptions) -> Result<Listing> {
        Listing::open(self.path(place), options, &Local)
    }
    fn names(&self, listing: &Listing) -> Vec<String> {
        let relative = |file: &FileInfo| below(&file.path, self.0.path()).to_str().unwrap().to_string();
        listing.files.iter().map(relative).collect()
    }
    fn error(&self, place: &str) -> String {
        self.open(place).unwrap_err().to_string()
    }
}

fn options() -> ListingOptions {
    ListingOptions::compressible(["csv", "tsv"])
}

fn texts(column: &PartitionColumn) -> Vec<Option<&str>> {
    column.values.as_string_view().iter().collect()
}

#[test]
fn a_directory_gives_files_of_the_format_in_bytewise_order() {
    let tree = Tree::new(&[
        "b.csv",
        "a.csv.gz",
        "a.csv",
        "B.CSV",
        "sub/z.csv",
        "sub-1/a.csv",
        "c.parquet",
        "_SUCCESS",
        ".crc.csv",
        "_temporary-1/x.csv",
        ".hidden/x.csv",
        "csv",
        ".csv",
        "README",
    ]);
    let listing = tree.open("").unwrap();
    assert_eq!(tree.names(&listing), ["B.CSV", "a.csv", "a.csv.gz", "b.csv", "sub/z.csv", "sub-1/a.csv"]);
    assert!(listing.partitions.is_empty());
    assert_eq!(listing.files[1].len, 5);
    assert_eq!(listing.bytes(), 5 + 5 + 8 + 5 + 9 + 11);
}

#[test]
fn places_keep_their_order_and_named_files_any_extension() {
    let tree = Tree::new(&["b.dat", "a.csv", "d/2.csv", "d/10.csv"]);
    let places = [tree.path("b.dat"), tree.path("d"), tree.path("a.csv")];
    let listing = Listing::open(places, &options(), &Local).unwrap();
    assert_eq!(tree.names(&listing), ["b.dat", "d/10.csv", "d/2.csv", "a.csv"]);
    let text = tree.path("a.csv").to_str().unwrap().to_string();
    for listing in [
        Listing::open(text.as_str(), &options(), &Local),
        Listing::open(text.clone(), &options(), &Local),
        Listing::open(tree.path("a.csv").as_path(), &options(), &Local),
        Listing::open(vec![text.as_str()], &options(), &Local),
        Listing::open([&text], &options(), &Local),
        Listing::open(&[text.as_str()][..], &options(), &Local),
    ] {
        assert_eq!(tree.names(&listing.unwrap()), ["a.csv"]);
    }
}

#[test]
fn globs_match_by_name_and_across_levels() {
    let tree = Tree::new(&[
        "d/a1.csv",
        "d/a2.csv",
        "d/b1.csv",
        "d/e/a3.csv",
        "d/e/f/a4.dat",
        "d/.a5.csv",
        "d/_a6.csv",
    ]);
    let names = |place: &str| tree.names(&tree.open(place).unwrap());
    assert_eq!(names("d/a*.csv"), ["d/a1.csv", "d/a2.csv"]);
    assert_eq!(names("d/?1.csv"), ["d/a1.csv", "d/b1.csv"]);
    assert_eq!(names("d/[ab]1.*"), ["d/a1.csv", "d/b1.csv"]);
    assert_eq!(names("d/**/a*"), ["d/a1.csv", "d/a2.csv", "d/e/a3.csv", "d/e/f/a4.dat"]);
    assert_eq!(names("d/*/a3.csv"), ["d/e/a3.csv"]);
    assert_eq!(names("d/_*.csv"), ["d/_a6.csv"]);
    // A directory that matches is scanned as if it were named.
    assert_eq!(names("d/e*"), ["d/e/a3.csv"]);
    let error = tree.error("d/x*.csv");
    assert!(error.contains("no file matches") && error.contains("`a1.csv`"), "{error}");
    assert!(tree.error("d/[.csv").contains("not a valid pattern"));
    // A file whose name looks like a pattern is itself.
    tree.add("d/[ab].csv");
    assert_eq!(names("d/[ab].csv"), ["d/[ab].csv"]);
}

#[test]
fn hive_directories_give_typed_columns() {
    let tree = Tree::new(&[
        "year=2013/day=2013-01-02/code=007/a%2Fb=x%20y/1.csv",
        "year=__HIVE_DEFAULT_PARTITION__/day=2013-01-01/code=7/a%2Fb=/1.csv",
        "year=-5/day=2012-02-29/code=__HIVE_DEFAULT_PARTITION__/a%2Fb=1=2/1.csv",
    ]);
    let listing = tree.open("").unwrap();
    // Order is that of the paths: `-` < `2` < `_`.
    let fields: Vec<_> =
        listing.partitions.iter().map(|c| (c.field.name().as_str(), c.field.data_type().clone())).collect();
    assert_eq!(
        fields,
        [
            ("year", DataType::Int64),
            ("day", DataType::Date32),
            ("code", DataType::Utf8View),
            ("a/b", DataType::Utf8View)
        ]
    );
    let years: Vec<_> = listing.partitions[0].values.as_primitive::<Int64Type>().iter().collect();
    assert_eq!(years, [Some(-5), Some(2013), None]);
    // Days since 1970-01-01, counted with Python's datetime.
    let days: Vec<_> = listing.partitions[1].values.as_primitive::<Date32Type>().iter().collect();
    assert_eq!(days, [Some(15399), Some(15707), Some(15706)]);
    assert_eq!(texts(&listing.partitions[2]), [None, Some("007"), Some("7")]);
    assert_eq!(texts(&listing.partitions[3]), [Some("1=2"), Some("x y"), Some("")]);

    // Keys are looked for below the first wildcard, and not in the place that was named.
    assert_eq!(tree.open("year=*/*/*/*/*.csv").unwrap().partitions.len(), 4);
    assert_eq!(tree.open("year=2013/*/*/*/*.csv").unwrap().partitions.len(), 3);
    assert_eq!(tree.open("year=2013").unwrap().partitions.len(), 3);
    let off = ListingOptions { hive: false, ..options() };
    assert!(tree.open_with("", &off).unwrap().partitions.is_empty());
}

#[test]
fn declared_types_override_and_must_fit() {
    let tree = Tree::new(&["k=1/1.csv", "k=x/1.csv"]);
    let declare = |name: &str, data_type| ListingOptions {
        partition_types: vec![(name.to_string(), data_type)],
        ..options()
    };
    let error = tree.open_with("", &declare("k", DataType::Int32)).unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("Int32") && error.contains("k=x"), "{error}");
    let text = tree.open_with("k=*/*.csv", &declare("k", DataType::Utf8View)).unwrap();
    assert_eq!(texts(&text.partitions[0]), [Some("1"), Some("x")]);
    let error = tree.open_with("", &declare("nope", DataType::Int32)).unwrap_err().to_string();
    assert!(error.contains("`nope`") && error.contains("`k`"), "{error}");
}

#[test]
fn keys_that_differ_are_an_error_that_names_both_files() {
    for (one, other) in
        [("k=1/1.csv", "1.csv"), ("a=1/b=1/1.csv", "a=1/c=1/1.csv"), ("a=1/b=1/1.csv", "b=1/a=1/1.csv")]
    {
        let tree = Tree::new(&[one, other]);
        let error = tree.error("");
        assert!(error.contains(one) && error.contains(other), "{error}");
    }
    let error = Tree::new(&["a=1/a=2/1.csv"]).error("");
    assert!(error.contains("two directories give the partition column `a`"), "{error}");
}

#[test]
fn naming_nothing_is_a_clear_error() {
    let tree = Tree::new(&["flights.csv", "dir/notes.md", "deep/er/x.csv"]);
    fs::create_dir(tree.path("empty")).unwrap();
    let none: [&str; 0] = [];
    assert!(
        Listing::open(none, &options(), &Local)
            .unwrap_err()
            .to_string()
            .contains("list of files to read is empty")
    );
    let error = tree.error("flihgts.csv");
    assert!(error.contains("did you mean") && error.contains("flights.csv"), "{error}");
    assert!(tree.error("dep/er/x.csv").contains("deep"));
    assert!(!tree.error("something-else").contains("did you mean"));
    let error = tree.error("dir");
    assert!(error.contains(".csv") && error.contains("`notes.md`"), "{error}");
    assert!(tree.error("empty").contains("it is empty"));
    assert!(tree.error("nowhere/*.csv").contains("nowhere"));
    let twice = [tree.path("flights.csv"), tree.path("flights.csv")];
    assert!(Listing::open(twice, &options(), &Local).unwrap_err().to_string().contains("named twice"));
    tree.add(".out._temporary-77/data/1.csv");
    assert!(tree.error(".out._temporary-77").contains("did not finish"));
    assert!(tree.error(".out._temporary-77/data").contains("did not finish"));
}

#[test]
fn files_of_an_unfinished_append_are_left_out() {
    let tree = Tree::new(&[
        "d/k=1/part-00.csv",
        "d/k=1/part-0123456789abcdef-00.csv",
        "d/k=2/part-fedcba9876543210-00.csv",
    ]);
    assert_eq!(tree.open("d").unwrap().files.len(), 3);
    tree.add("d/_append-0123456789abcdef");
    for place in ["d", "d/**/*.csv", "d/*/*.csv"] {
        let names = tree.names(&tree.open(place).unwrap());
        assert_eq!(names, ["d/k=1/part-00.csv", "d/k=2/part-fedcba9876543210-00.csv"], "{place}");
    }
}

#[cfg(unix)]
#[test]
fn links_stay_inside_and_do_not_circle() {
    use std::os::unix::fs::symlink;
    let outside = Tree::new(&["secret.csv"]);
    let tree = Tree::new(&["in/a.csv", "in/sub/b.csv"]);
    symlink(tree.path("in/sub"), tree.path("in/c")).unwrap();
    symlink("a.csv", tree.path("in/d.csv")).unwrap();
    assert_eq!(tree.names(&tree.open("in").unwrap()), ["in/a.csv", "in/c/b.csv", "in/d.csv", "in/sub/b.csv"]);
    // The place itself may be a link.
    symlink(tree.path("in"), tree.path("link")).unwrap();
    assert_eq!(tree.open("link").unwrap().files.len(), 4);

    for (name, target) in [("in/e.csv", "secret.csv"), ("in/f", "")] {
        symlink(outside.path(target), tree.path(name)).unwrap();
        assert!(tree.error("in").contains("leads out of the directory"), "{}", tree.error("in"));
        let allowed = ListingOptions { links_outside: true, ..options() };
        assert_eq!(tree.open_with("in", &allowed).unwrap().files.len(), 5);
        fs::remove_file(tree.path(name)).unwrap();
    }
    symlink(tree.path("in"), tree.path("in/sub/up")).unwrap();
    assert!(tree.error("in").contains("leads back up"));
    fs::remove_file(tree.path("in/sub/up")).unwrap();
    symlink("itself.csv", tree.path("in/itself.csv")).unwrap();
    assert!(tree.error("in").contains("leads to nothing"));
}

#[test]
fn every_failing_call_is_an_error_that_names_a_path() {
    let tree = Tree::new(&["k=1/1.csv", "k=2/2.csv"]);
    let faulty = Faulty::new(std::sync::Arc::new(Local));
    for place in ["", "k=*/*.csv"] {
        faulty.clear_journal();
        Listing::open(tree.path(place), &options(), &faulty).unwrap();
        for nth in 0..faulty.count(None) {
            faulty.heal();
            faulty.fail_once(None, nth, Fault::Broken);
            let error = Listing::open(tree.path(place), &options(), &faulty).unwrap_err();
            assert!(error.system_error().is_some() && error.path().is_some(), "{nth}: {error}");
            faulty.heal();
            faulty.fail_once(None, nth, Fault::Interrupted);
            Listing::open(tree.path(place), &options(), &faulty).unwrap();
        }
        faulty.heal();
    }
    faulty.fail_once(Call::List, 0, Fault::Denied);
    let error = Listing::open(tree.path(""), &options(), &faulty).unwrap_err().to_string();
    assert!(error.contains("cannot list the directory"), "{error}");
}

#[test]
fn prune_drops_files_by_their_partition_values() {
    use crate::{Compare, Prune};
    use arrow::array::Int64Array;
    let tree = Tree::new(&["k=1/1.csv", "k=2/1.csv", "k=__HIVE_DEFAULT_PARTITION__/1.csv"]);
    let listing = tree.open("").unwrap();
    let term = |compare, literals: Vec<i64>| Prune {
        column: 3,
        compare,
        literals: std::sync::Arc::new(Int64Array::from(literals)),
    };
    let kept = |compare, literals: Vec<i64>| listing.kept(&[term(compare, literals)], 3);
    assert_eq!(kept(Compare::Equal, vec![2]), [1]);
    assert_eq!(kept(Compare::NotEqual, vec![2]), [0]);
    assert_eq!(kept(Compare::Less, vec![2]), [0]);
    assert_eq!(kept(Compare::GreaterOrEqual, vec![1]), [0, 1]);
    assert_eq!(kept(Compare::In, vec![7, 1]), [0]);
    assert_eq!(kept(Compare::IsNull, vec![]), [2]);
    assert_eq!(kept(Compare::IsNotNull, vec![]), [0, 1]);
    // A term on a column of the files decides nothing here.
    assert_eq!(listing.kept(&[Prune { column: 0, ..term(Compare::Equal, vec![9]) }], 3).len(), 3);
}

#[test]
fn edit_distances_by_hand() {
    for (a, b, distance) in
        [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 1), ("AB", "ab", 0)]
    {
        assert_eq!(edit_distance(a, b), distance, "{a} {b}");
    }
    assert_eq!(nearest("dep_delya", ["arr_delay", "dep_delay"]), Some("dep_delay"));
    assert_eq!(nearest("x", ["something"]), None);
}
