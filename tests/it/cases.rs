//! Chains with answers worked out by hand, run in every way by `check`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, RecordBatch};
use partita::prelude::*;

use crate::check::{Order, check, check_rows};
use crate::rows::{NULL, Rows, row};

fn sales() -> RecordBatch {
    batch! {
        "city" => [Some("Ulm"), Some("Bonn"), None, Some("Ulm"), Some("Bonn"), None, Some("Köln"), Some("Ulm")],
        "year" => [2020, 2020, 2020, 2021, 2021, 2021, 2021, 2022],
        "sold" => [Some(3), Some(5), Some(7), None, Some(2), Some(1), None, Some(4)],
        "price" => [1.5, 2.0, f64::NAN, 0.25, -0.0, 0.0, 8.0, f64::INFINITY]
    }
    .expect("columns of one length")
}

#[test]
fn filter_keeps_what_is_true_alone() {
    let expected = Rows::new(&["city", "sold"], vec![row!["Bonn", 5], row![None::<&str>, 7], row!["Ulm", 4]]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        frames[0].filter(col("sold").gt(3)).select(["city", "sold"])
    });
}

#[test]
fn assign_adds_and_replaces() {
    let expected = Rows::new(
        &["year", "sold", "both"],
        vec![row![20, 6, 2023], row![21, NULL, NULL], row![22, 8, 2026]],
    );
    let some = |frame: &PartitionedFrame| frame.filter(col("city").eq("Ulm")).select(["year", "sold"]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        some(&frames[0]).assign([
            (col("year") - 2000).alias("year"),
            (col("sold") * 2).alias("sold"),
            (col("year") + col("sold")).alias("both"),
        ])
    });
}

#[test]
fn groups_have_a_null_key() {
    let expected = Rows::new(
        &["city", "sum", "count", "size", "least", "mean"],
        vec![
            row!["Bonn", 7, 2, 2, 2, 3.5],
            row!["Köln", 0, 0, 1, NULL, NULL],
            row!["Ulm", 7, 2, 3, 3, 3.5],
            row![NULL, 8, 2, 2, 1, 4.0],
        ],
    );
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        frames[0].groupby(["city"]).sort(true).agg([
            col("sold").sum().alias("sum"),
            col("sold").count().alias("count"),
            size(),
            col("sold").min().alias("least"),
            col("sold").mean().alias("mean"),
        ])
    });
}

#[test]
fn groups_without_null_keys() {
    let expected = Rows::new(&["city", "size"], vec![row!["Bonn", 2], row!["Köln", 1], row!["Ulm", 3]]);
    check_rows(&[sales()], Order::Free, &expected, |frames| frames[0].groupby(["city"]).dropna(true).size());
}

#[test]
fn float_keys_have_one_nan_and_one_zero() {
    let floats = batch! {
        "f" => [Some(0.0), Some(-0.0), Some(f64::NAN), Some(-f64::NAN), None, Some(1.0), None]
    };
    let expected =
        Rows::new(&["f", "size"], vec![row![0.0, 2], row![1.0, 1], row![f64::NAN, 2], row![NULL, 2]]);
    check_rows(&[floats.expect("one column")], Order::Fixed, &expected, |frames| {
        frames[0].groupby(["f"]).sort(true).size()
    });
}

#[test]
fn aggregates_of_no_rows() {
    let expected = Rows::new(&["n", "sum", "mean", "max"], vec![row![0, 0, NULL, NULL]]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        frames[0].filter(col("year").gt(3000)).agg([
            size().alias("n"),
            col("sold").sum().alias("sum"),
            col("sold").mean().alias("mean"),
            col("sold").max().alias("max"),
        ])
    });
}

#[test]
fn a_filter_above_an_aggregate_of_all_rows_stays_there() {
    let expected = Rows::new(&["n"], vec![]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        frames[0].agg([size().alias("n")]).filter(lit(true).is_null())
    });
}

#[test]
fn sort_directions_and_null_places() {
    let select = |frame: &PartitionedFrame| frame.select(["sold", "year"]);
    let last = vec![
        row![7, 2020],
        row![5, 2020],
        row![4, 2022],
        row![3, 2020],
        row![2, 2021],
        row![1, 2021],
        row![NULL, 2021],
        row![NULL, 2021],
    ];
    check_rows(&[sales()], Order::Fixed, &Rows::new(&["sold", "year"], last.clone()), |frames| {
        select(&frames[0].sort_values([col("sold").desc()]))
    });
    let mut first = last;
    first.rotate_right(2);
    check_rows(&[sales()], Order::Fixed, &Rows::new(&["sold", "year"], first), |frames| {
        select(&frames[0].sort_values([col("sold").desc().nulls_first(), col("year").asc()]))
    });
}

#[test]
fn sort_puts_nan_after_numbers_and_is_stable() {
    let prices = check(&[sales()], Order::Fixed, |frames| frames[0].sort_values(["price"]).select(["price"]));
    let expected = [-0.0, 0.0, 0.25, 1.5, 2.0, 8.0, f64::INFINITY, f64::NAN];
    // To the bit: -0.0 equals 0.0 and stands first in the data.
    let expected = Rows::new(&["price"], expected.map(|price| row![price]).to_vec());
    assert_eq!(prices.difference(&expected, true, true), None);
}

fn left() -> RecordBatch {
    batch! { "k" => [Some(1), Some(2), None, Some(2), Some(4)], "v" => ["a", "b", "c", "d", "e"] }
        .expect("columns of one length")
}

fn right() -> RecordBatch {
    batch! { "k" => [Some(2), None, Some(3), Some(2), Some(1)], "v" => [20, 21, 22, 23, 24] }
        .expect("columns of one length")
}

#[test]
fn merges_of_every_kind() {
    let none = None::<&str>;
    let pairs =
        vec![row![1, "a", 24], row![2, "b", 20], row![2, "b", 23], row![2, "d", 20], row![2, "d", 23]];
    let lonely_left = vec![row![NULL, "c", NULL], row![4, "e", NULL]];
    let lonely_right = vec![row![NULL, none, 21], row![3, none, 22]];
    let cases = [
        (How::Inner, pairs.clone()),
        (How::Left, [pairs.clone(), lonely_left.clone()].concat()),
        (How::Right, [pairs.clone(), lonely_right.clone()].concat()),
        (How::Outer, [pairs, lonely_left, lonely_right].concat()),
    ];
    for (how, rows) in cases {
        check_rows(&[left(), right()], Order::Free, &Rows::new(&["k", "v_x", "v_y"], rows), |frames| {
            frames[0].merge(&frames[1], on(["k"]).how(how))
        });
    }
    let semi = Rows::new(&["k", "v"], vec![row![1, "a"], row![2, "b"], row![2, "d"]]);
    check_rows(&[left(), right()], Order::Free, &semi, |frames| {
        frames[0].merge(&frames[1], on(["k"]).how(How::Semi))
    });
    let anti = Rows::new(&["k", "v"], vec![row![NULL, "c"], row![4, "e"]]);
    check_rows(&[left(), right()], Order::Free, &anti, |frames| {
        frames[0].merge(&frames[1], on(["k"]).how(How::Anti))
    });
}

#[test]
fn merges_where_null_equals_null_and_with_other_names() {
    let expected = Rows::new(&["k_l", "v_l", "k_r", "v_r"], vec![row![NULL, "c", NULL, 21]]);
    check_rows(&[left(), right()], Order::Free, &expected, |frames| {
        let keys = Merge::left_right(["k"], ["k2"]).nulls_equal(true).suffixes("_l", "_r");
        frames[0]
            .merge(&frames[1].rename([("k", "k2")]), keys)
            .filter(col("k").is_null())
            .rename([("k", "k_l"), ("k2", "k_r")])
    });
    let crossed =
        check(&[left(), right()], Order::Free, |frames| frames[0].merge(&frames[1], Merge::cross()));
    assert_eq!(crossed.rows.len(), 25);
    assert_eq!(crossed.names, ["k_x", "v_x", "k_y", "v_y"]);
}

#[test]
fn duplicates_first_last_and_none() {
    let by_city = |keep| {
        move |frames: &[PartitionedFrame]| {
            frames[0]
                .drop_duplicates_by(["city"], keep)
                .select(["city", "year"])
                .sort_values(["year", "city"])
        }
    };
    let none = None::<&str>;
    let first = vec![row!["Bonn", 2020], row!["Ulm", 2020], row![none, 2020], row!["Köln", 2021]];
    check_rows(&[sales()], Order::Fixed, &Rows::new(&["city", "year"], first), by_city(Keep::First));
    let last = vec![row!["Bonn", 2021], row!["Köln", 2021], row![none, 2021], row!["Ulm", 2022]];
    check_rows(&[sales()], Order::Fixed, &Rows::new(&["city", "year"], last), by_city(Keep::Last));
    let once = vec![row!["Köln", 2021]];
    check_rows(&[sales()], Order::Fixed, &Rows::new(&["city", "year"], once), by_city(Keep::None));
}

#[test]
fn rows_by_position() {
    let years = |rows: &[(i64, &str)]| {
        Rows::new(&["year", "city"], rows.iter().map(|&(year, city)| row![year, city]).collect())
    };
    let select = |frame: PartitionedFrame| frame.select(["year", "city"]).dropna(["city"]);
    let inputs = [sales()];
    check_rows(&inputs, Order::Fixed, &years(&[(2020, "Ulm"), (2020, "Bonn")]), |frames| {
        select(frames[0].head(3))
    });
    check_rows(&inputs, Order::Fixed, &years(&[(2021, "Köln"), (2022, "Ulm")]), |frames| {
        select(frames[0].tail(3))
    });
    check_rows(&inputs, Order::Fixed, &years(&[(2021, "Ulm"), (2021, "Bonn")]), |frames| {
        select(frames[0].slice(2, 4))
    });
    check_rows(&inputs, Order::Fixed, &years(&[(2022, "Ulm")]), |frames| select(frames[0].slice(7, 100)));
    check_rows(&inputs, Order::Fixed, &years(&[]), |frames| select(frames[0].slice(100, 1)));
    check_rows(&inputs, Order::Fixed, &years(&[]), |frames| select(frames[0].head(0)));
    check_rows(&inputs, Order::Fixed, &years(&[(2022, "Ulm"), (2021, "Bonn")]), |frames| {
        select(frames[0].sort_values([col("year").desc(), col("sold").desc()]).head(2))
    });
}

#[test]
fn concat_matches_names() {
    let other = batch! { "year" => [1999], "who" => ["x"] }.expect("columns of one length");
    let expected = Rows::new(
        &["city", "year", "who"],
        vec![row!["Köln", 2021, None::<&str>], row!["Ulm", 2022, None::<&str>], row![NULL, 1999, "x"]],
    );
    check_rows(&[sales(), other], Order::Fixed, &expected, |frames| {
        concat([&frames[0].tail(2).select(["city", "year"]), &frames[1]])
    });
}

#[test]
fn value_counts_most_frequent_first() {
    let expected = Rows::new(&["city", "count"], vec![row!["Ulm", 3], row!["Bonn", 2], row!["Köln", 1]]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| frames[0].value_counts("city"));
}

#[test]
fn nulls_filled_and_dropped() {
    let expected = Rows::new(&["city", "sold"], vec![row!["Ulm", 3], row!["Bonn", 5], row!["?", 7]]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        frames[0].fillna([("city", "?")]).dropna(["sold"]).head(3).drop(["year", "price"])
    });
}

#[test]
fn repartition_keeps_rows_and_order() {
    let got =
        check(&[sales()], Order::Fixed, |frames| frames[0].repartition(3).select(["year"]).repartition(5));
    let years = [2020, 2020, 2020, 2021, 2021, 2021, 2021, 2022];
    let expected = Rows::new(&["year"], years.map(|year| row![year]).to_vec());
    assert_eq!(got.difference(&expected, true, true), None);
}

#[test]
fn map_partitions_sees_every_row_once() {
    let expected = Rows::new(&["sum"], vec![row![16166]]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        let schema = Arc::new(Schema::new(vec![Field::new("year", DataType::Int32, true)]));
        let same = |batch: RecordBatch| Ok::<_, std::io::Error>(batch);
        frames[0].select(["year"]).map_partitions(schema, same).agg([col("year").sum().alias("sum")])
    });
}

#[test]
fn empty_frames_go_through_everything() {
    let none = sales().slice(0, 0);
    let dates: ArrayRef = Arc::new(Date32Array::from(Vec::<i32>::new()));
    let days = RecordBatch::try_from_iter_with_nullable([("day", dates, true)]).expect("one column");
    let got = check(&[none, days], Order::Fixed, |frames| {
        frames[0]
            .filter(col("year").gt(0))
            .groupby(["city"])
            .agg([col("sold").median().alias("median"), col("year").first().alias("year")])
            .merge(&frames[1], Merge::cross())
            .sort_values(["city"])
            .drop_duplicates(Keep::Last)
    });
    assert_eq!(got.names, ["city", "median", "year", "day"]);
    assert_eq!(got.rows.len(), 0);
}

#[test]
fn runs_that_spill_at_the_same_time_do_not_sweep_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let session = Session::builder().threads(1).exchange_limit(0).spill_dir(directory.path()).build();
    let session = session.expect("settings that work");
    let frame = PartitionedFrame::from_batches([sales()]).with_session(&session);
    let grouped = frame.groupby(["city"]).size();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..40 {
                    let table = grouped.compute().expect("no other run takes the spill directory");
                    assert_eq!(table.num_rows(), 4);
                    assert!(table.report().spilled() > 0);
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(directory.path()).expect("the directory").count(), 0);
}

#[test]
fn an_outer_merge_over_a_concat_gives_lonely_rows_once() {
    let expected =
        Rows::new(&["k", "v_x", "v_y"], vec![row![1, "a", 24], row![5, "z", NULL], row![3, NULL, 22]]);
    let other = batch! { "k" => [5], "v" => ["z"] }.expect("columns of one length");
    check_rows(&[left(), right(), other], Order::Free, &expected, |frames| {
        concat([&frames[0].head(1), &frames[2]])
            .merge(&frames[1].filter(col("k").is_in([1, 3])), on(["k"]).how(How::Outer))
    });
}

#[test]
fn an_aggregate_of_all_rows_is_one_row_however_large_its_states() {
    let numbers = batch! { "n" => (0..5000_i64).map(|number| number % 1000).collect::<Vec<_>>() };
    let expected = Rows::new(&["different", "median"], vec![row![1000, 499.5]]);
    check_rows(&[numbers.expect("one column")], Order::Fixed, &expected, |frames| {
        frames[0].agg([col("n").nunique().alias("different"), col("n").median().alias("median")])
    });
}

#[test]
fn products_of_groups() {
    let expected = Rows::new(&["year", "sold"], vec![row![2020, 105], row![2021, 2], row![2022, 4]]);
    check_rows(&[sales()], Order::Fixed, &expected, |frames| {
        frames[0].groupby(["year"]).sort(true).agg([col("sold").product().alias("sold")])
    });
}

#[test]
fn frames_computed_together_share_their_work_and_persist_keeps_rows() {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let schema = sales().schema();
    let counting = move |batch: RecordBatch| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(batch)
    };
    let mapped = PartitionedFrame::from_batches([sales(), sales()]).map_partitions(schema, counting);
    // Without an exchange too: what a function costs is not known.
    let sums = mapped.agg([col("sold").sum()]);
    let late = mapped.filter(col("year").eq(2022));
    let tables = compute_all([&sums, &late]).expect("two answers");
    assert_eq!((tables[0].num_rows(), tables[1].num_rows()), (1, 2));
    assert_eq!(calls.swap(0, std::sync::atomic::Ordering::Relaxed), 2, "each partition goes through once");
    let frame = mapped.sort_values(["year"]);
    let (sums, late) = (frame.agg([col("sold").sum()]), frame.filter(col("year").eq(2022)));
    let tables = compute_all([&sums, &late]).expect("two answers");
    assert_eq!((tables[0].num_rows(), tables[1].num_rows()), (1, 2));
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 2, "each partition goes through once");
    let kept = frame.persist().expect("rows in memory");
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 4);
    assert_eq!(kept.filter(col("year").eq(2021)).len().expect("a count"), 8);
    assert_eq!(kept.len().expect("a count"), 16);
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 4, "what is kept is not made again");
}
