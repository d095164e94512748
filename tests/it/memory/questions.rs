//! What is asked with little memory: a chain, and its answer by a plain loop over the rows.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use partita::prelude::*;

use super::{ROWS, hot, mixed, text, value};

pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) chain: fn(&PartitionedFrame) -> PartitionedFrame,
    pub(super) partition_by: &'static [&'static str],
    pub(super) spills: bool,
    pub(super) answer: fn(&RecordBatch),
}

const fn question(
    name: &'static str,
    chain: fn(&PartitionedFrame) -> PartitionedFrame,
    answer: fn(&RecordBatch),
) -> Question {
    Question { name, chain, partition_by: &[], spills: true, answer }
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<i64> {
    let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    let column = cast(column, &DataType::Int64).expect("numbers");
    let ints = column.as_primitive::<Int64Type>();
    (0..ints.len()).map(|row| if ints.is_null(row) { -1 } else { ints.value(row) }).collect()
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch.column_by_name(name).expect("the column").as_primitive::<Float64Type>().values().to_vec()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = cast(batch.column_by_name(name).expect("the column"), &DataType::Utf8).expect("texts");
    column.as_string::<i32>().iter().map(|text| text.unwrap_or("null").to_owned()).collect()
}

/// The same numbers, each as often, in any order.
#[track_caller]
fn same(mut got: Vec<i64>, mut expected: Vec<i64>) {
    got.sort_unstable();
    expected.sort_unstable();
    assert!(got == expected, "{} numbers and {} that were expected differ", got.len(), expected.len());
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Some rows for the other side of a merge, renamed so that nothing clashes.
fn other(frame: &PartitionedFrame, key: &str) -> PartitionedFrame {
    frame.select([col(key), col("row").alias("other")])
}

pub(super) const QUESTIONS: &[Question] = &[
    question(
        "groups as many as rows",
        |rows| rows.groupby(["row"]).agg([col("value").sum().alias("sum"), col("few").max().alias("few")]),
        |got| {
            same(ints(got, "row"), (0..ROWS).collect());
            let sums = floats(got, "sum");
            assert!(
                ints(got, "row").iter().zip(sums).all(|(&row, sum)| sum.to_bits() == value(row).to_bits())
            );
        },
    ),
    question(
        "groups by text",
        |rows| {
            rows.groupby(["text"]).agg([
                size(),
                col("row").min().alias("first"),
                col("value").std().alias("std"),
            ])
        },
        |got| {
            same(ints(got, "first"), (0..ROWS).step_by(2).collect());
            assert!(ints(got, "size").iter().all(|&size| size == 2));
            assert!(texts(got, "text").iter().zip(ints(got, "first")).all(|(key, row)| *key == text(row)));
        },
    ),
    question(
        "median and nunique of a few groups",
        |rows| {
            let values =
                [col("value").median().alias("median"), col("hot").nunique().alias("nunique"), size()];
            rows.groupby(["few"]).agg(values).sort_values(["few"])
        },
        |got| {
            let mut groups: BTreeMap<i64, (Vec<f64>, HashSet<i64>)> = BTreeMap::new();
            for row in 0..ROWS {
                let group = groups.entry(mixed(row) % 3).or_default();
                group.0.push(value(row));
                group.1.insert(hot(row));
            }
            let expected: Vec<_> = groups.into_values().map(|(v, h)| (median(v), h.len() as i64)).collect();
            let got: Vec<_> = floats(got, "median").into_iter().zip(ints(got, "nunique")).collect();
            assert_eq!(got, expected);
        },
    ),
    question(
        "quantile and nunique of everything",
        |rows| {
            rows.agg([
                col("value").quantile(0.25).alias("quarter"),
                col("text").nunique().alias("texts"),
                size(),
            ])
        },
        |got| {
            let mut values: Vec<f64> = (0..ROWS).map(value).collect();
            values.sort_by(f64::total_cmp);
            let place = 0.25 * (ROWS - 1) as f64;
            let (low, high) = (values[place as usize], values[place as usize + 1]);
            assert_eq!(floats(got, "quarter"), [low + (high - low) * place.fract()]);
            assert_eq!((ints(got, "texts"), ints(got, "size")), (vec![ROWS / 2], vec![ROWS]));
        },
    ),
    question(
        "a merge of two large sides",
        |rows| rows.merge(&other(rows, "text"), on(["text"])).select(["row", "other"]),
        |got| {
            let pairs = (0..ROWS).flat_map(|row| [row, row ^ 1].map(|other| row * ROWS + other));
            let got =
                ints(got, "row").into_iter().zip(ints(got, "other")).map(|(row, other)| row * ROWS + other);
            same(got.collect(), pairs.collect());
        },
    ),
    question(
        "a merge with a key of half the rows on the probed side",
        |rows| {
            rows.merge(
                &other(&rows.filter(col("row").lt(40_001)), "hot").drop_duplicates_by(["hot"], Keep::First),
                on(["hot"]).how(How::Left),
            )
            .select(["row", "other"])
        },
        |got| {
            let expected = (0..ROWS).map(|row| {
                row * ROWS
                    + if row % 2 == 0 {
                        0
                    } else if row < 40_001 {
                        row
                    } else {
                        -1
                    }
            });
            let got =
                ints(got, "row").into_iter().zip(ints(got, "other")).map(|(row, other)| row * ROWS + other);
            same(got.collect(), expected.collect());
        },
    ),
    question(
        "an outer merge with a key of half the rows on the built side",
        |rows| {
            few_of(rows).merge(&other(rows, "hot"), on(["hot"]).how(How::Outer)).select(["few_row", "other"])
        },
        |got| {
            let met = (0..ROWS).flat_map(|row| match (row, row % 2) {
                (_, 0) => vec![row, row + 2 * ROWS, row + 4 * ROWS],
                (1 | 3, _) => vec![row + row * ROWS],
                _ => vec![row - ROWS],
            });
            let expected = met.chain([5 * ROWS - 1]);
            let got =
                ints(got, "few_row").into_iter().zip(ints(got, "other")).map(|(few, row)| few * ROWS + row);
            same(got.collect(), expected.collect());
        },
    ),
    question(
        "a semi merge with a key of half the rows on the built side",
        |rows| few_of(rows).merge(&other(rows, "hot"), on(["hot"]).how(How::Semi)).select(["few_row"]),
        |got| same(ints(got, "few_row"), vec![0, 1, 2, 3, 4]),
    ),
    question(
        "an anti merge with a key of half the rows on the built side",
        |rows| few_of(rows).merge(&other(rows, "hot"), on(["hot"]).how(How::Anti)).select(["few_row"]),
        |got| same(ints(got, "few_row"), vec![5]),
    ),
    question(
        "a sort",
        |rows| rows.sort_values([col("text").desc(), col("row").asc()]),
        |got| {
            let mut expected: Vec<i64> = (0..ROWS).collect();
            expected.sort_by_cached_key(|&row| (std::cmp::Reverse(text(row)), row));
            assert!(ints(got, "row") == expected, "the order is wrong");
        },
    ),
    question(
        "the first of equal rows",
        |rows| rows.drop_duplicates_by(["text"], Keep::First),
        |got| same(ints(got, "row"), (0..ROWS).step_by(2).collect()),
    ),
    question(
        "the last of equal rows, half of which are equal",
        |rows| rows.drop_duplicates_by(["hot"], Keep::Last).select(["row", "hot", "text"]),
        |got| same(ints(got, "row"), (0..ROWS).filter(|row| row % 2 == 1 || *row == ROWS - 2).collect()),
    ),
    question(
        "rows without equals, half of which are equal",
        |rows| rows.drop_duplicates_by(["hot"], Keep::None).select(["row", "hot", "text"]),
        |got| same(ints(got, "row"), (1..ROWS).step_by(2).collect()),
    ),
    Question {
        name: "a write in partitions",
        chain: |rows| rows.select([col("row"), col("text"), (col("row") % 200).alias("part")]).repartition(1),
        partition_by: &["part"],
        spills: true,
        answer: |got| {
            same(ints(got, "row"), (0..ROWS).collect());
            assert!(ints(got, "row").iter().zip(ints(got, "part")).all(|(row, part)| row % 200 == part));
        },
    },
    Question {
        name: "a write of many values, brought together",
        chain: |rows| rows.select([col("row"), col("text"), (col("row") % 300).alias("part")]),
        partition_by: &["part"],
        spills: true,
        answer: |got| {
            same(ints(got, "row"), (0..ROWS).collect());
            assert!(ints(got, "row").iter().zip(ints(got, "part")).all(|(row, part)| row % 300 == part));
        },
    },
    Question {
        name: "floats added behind an exchange",
        chain: |rows| {
            let sorted = rows.sort_values(["value"]).groupby(["few"]).agg([col("value").sum().alias("sum")]);
            let merged = rows.merge(&other(rows, "row"), on(["row"])).groupby(["few"]);
            let merged =
                merged.agg([col("value").sum().alias("other_sum"), col("row").first().alias("first")]);
            sorted.merge(&merged, on(["few"])).sort_values(["few"])
        },
        partition_by: &[],
        spills: true,
        answer: |got| {
            let mut sums = [0.0; 3];
            (0..ROWS).for_each(|row| sums[(mixed(row) % 3) as usize] += value(row));
            for name in ["sum", "other_sum"] {
                let near =
                    floats(got, name).iter().zip(sums).all(|(got, sum)| (got - sum).abs() < 1e-6 * sum.abs());
                assert!(near, "{name}: {:?} and {sums:?}", floats(got, name));
            }
        },
    },
];

/// Rows 0 to 4 and one more: three that meet the key of half the rows, two that meet one row, one that meets none.
fn few_of(rows: &PartitionedFrame) -> PartitionedFrame {
    let few = rows.filter(col("row").lt(6)).select([col("row").alias("few_row"), col("hot")]);
    few.assign([when(col("few_row").eq(5)).then(-5).otherwise(col("hot")).alias("hot")])
}
