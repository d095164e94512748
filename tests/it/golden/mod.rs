//! Golden answers: questions on the flights, asked of the engine and compared with what pandas answered once.
//!
//! The answers and the script that made them are in `testdata/golden/flights`; each question is a chain in one of the
//! modules here, under the name of its file. `answer.rs` reads and compares.

mod answer;
mod groups;
mod joins;
mod order;
mod rows;

use std::collections::BTreeSet;

use partita::io::csv::CsvOptions;
use partita::prelude::*;

use crate::check::SPILL;

/// The tables that questions are asked about.
pub(crate) struct Tables {
    pub(crate) flights: PartitionedFrame,
    pub(crate) airlines: PartitionedFrame,
    pub(crate) airports: PartitionedFrame,
    pub(crate) planes: PartitionedFrame,
    pub(crate) weather: PartitionedFrame,
}

impl Tables {
    /// The CSV files as they are; the flights are twelve files and so at least twelve partitions.
    pub(crate) fn read(session: &Session) -> Tables {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/nycflights13");
        let nulls = CsvOptions { nulls: vec![String::new(), "NA".to_owned()], ..CsvOptions::default() };
        let read = |name: &str| session.read_csv(format!("{root}/{name}"), nulls.clone());
        Tables {
            flights: read("flights"),
            airlines: read("airlines.csv"),
            airports: read("airports.csv"),
            planes: read("planes.csv"),
            weather: read("weather.csv"),
        }
    }
}

/// Declares questions: a test for each, and the list of their names.
macro_rules! questions {
    ($($name:ident($tables:ident) $chain:block)*) => {
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                super::ask(stringify!($name), |$tables| $chain);
            }
        )*
    };
}
use questions;

/// Runs a chain optimized on two threads, as it is written on one, and with so little memory that every exchange
/// spills, and compares each result with the golden answer.
#[track_caller]
fn ask(name: &str, chain: impl Fn(&Tables) -> PartitionedFrame) {
    let golden = answer::Golden::read(name);
    let ways = [
        ("two threads", Session::builder().threads(2)),
        ("one thread, not optimized", Session::builder().threads(1).optimize(false)),
        ("four threads, spilling", Session::builder().threads(4).memory_limit(64 << 20).exchange_limit(0)),
    ];
    for (way, builder) in ways {
        let session = builder.spill_dir(&*SPILL).build().unwrap_or_else(|error| panic!("{name}: {error}"));
        match chain(&Tables::read(&session)).compute() {
            Ok(table) => golden.compare(&table, &format!("{name}, {way}")),
            Err(error) => panic!("{name}, {way}: {error}"),
        }
    }
}

#[test]
fn every_golden_answer_has_its_question() {
    let asked: BTreeSet<String> = [rows::NAMES, groups::NAMES, joins::NAMES, order::NAMES]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(asked, answer::names());
}
