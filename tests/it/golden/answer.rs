//! A golden answer as a table of cells, and its comparison with a result. The format is described in
//! `testdata/golden/flights/make.py`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use partita::Table;

/// How far two floats may be apart, relative to the larger: pandas sums in another order.
const RELATIVE: f64 = 1e-9;

/// One value of an answer.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Ints(Vec<i64>),
}

/// What pandas answered to a question.
pub(super) struct Golden {
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Cell>>,
    ordered: bool,
}

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/flights"))
}

/// The manifest's lines: name and whether the order of rows matters.
fn manifest() -> Vec<(String, bool)> {
    let mut reader = csv::Reader::from_path(directory().join("manifest.csv")).unwrap();
    reader.records().map(|line| line.unwrap()).map(|line| (line[0].to_owned(), &line[1] == "true")).collect()
}

/// The names of all answers.
pub(super) fn names() -> BTreeSet<String> {
    manifest().into_iter().map(|(name, _)| name).collect()
}

impl Golden {
    pub(super) fn read(name: &str) -> Golden {
        let mut reader = csv::Reader::from_path(directory().join(format!("{name}.csv"))).unwrap();
        let split = |header: &str| {
            header.split_once(':').map(|(name, kind)| (name.to_owned(), kind.to_owned())).unwrap()
        };
        let columns: Vec<_> = reader.headers().unwrap().iter().map(split).collect();
        let parse_line = |line: csv::StringRecord| {
            columns.iter().zip(&line).map(|((_, kind), cell)| parse(kind, cell)).collect()
        };
        let rows = reader.records().map(|line| parse_line(line.unwrap())).collect();
        let (_, ordered) = manifest().into_iter().find(|(listed, _)| listed == name).unwrap();
        Golden { columns, rows, ordered }
    }

    /// Panics where the result differs, with the first difference.
    pub(super) fn compare(&self, table: &Table, setting: &str) {
        let names: Vec<&str> = table.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let wanted: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, wanted, "{setting}: columns");
        let batch = table.to_batch().unwrap();
        let columns: Vec<Vec<Cell>> = self
            .columns
            .iter()
            .zip(batch.columns())
            .map(|((name, kind), column)| cells(kind, column, &format!("{setting}: column {name}")))
            .collect();
        let mut found: Vec<Vec<Cell>> = (0..batch.num_rows())
            .map(|row| columns.iter().map(|column| column[row].clone()).collect())
            .collect();
        let mut wanted = self.rows.clone();
        if !self.ordered {
            // Rows of these answers differ in their exact cells, so their order does not hang on the last bit.
            found.sort_by_key(|row| format!("{row:?}"));
            wanted.sort_by_key(|row| format!("{row:?}"));
        }
        assert_eq!(found.len(), wanted.len(), "{setting}: number of rows");
        for (row, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let same = found.iter().zip(wanted).all(|(found, wanted)| same(found, wanted));
            assert!(same, "{setting}: row {row} is\n{found:?}, not\n{wanted:?}");
        }
    }
}

fn parse(kind: &str, cell: &str) -> Cell {
    match kind {
        _ if cell == r"\N" => Cell::Null,
        "text" | "date" => Cell::Text(cell.to_owned()),
        "int" | "seconds" => Cell::Int(cell.parse().unwrap()),
        "float" => Cell::Float(cell.parse().unwrap()),
        "bool" => Cell::Bool(cell.parse().unwrap()),
        "ints" => Cell::Ints(cell.split('|').map(|item| item.parse().unwrap()).collect()),
        other => panic!("no cells of type {other}"),
    }
}

/// A result's column as cells of the golden type. A type of another family is an error: an int is no float.
fn cells(kind: &str, column: &ArrayRef, place: &str) -> Vec<Cell> {
    let found = column.data_type();
    let fits = match kind {
        "text" => matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        "date" => *found == DataType::Date32,
        "int" => found.is_integer(),
        "seconds" => matches!(found, DataType::Timestamp(_, _)),
        "float" => found.is_floating(),
        "bool" => *found == DataType::Boolean,
        _ => matches!(found, DataType::List(_)),
    };
    assert!(fits, "{place} is {found}, not {kind}");
    let to = |to: &DataType| cast(column, to).unwrap();
    let valid = |row: usize, cell: Cell| if column.is_null(row) { Cell::Null } else { cell };
    let rows = 0..column.len();
    match kind {
        "text" | "date" => {
            let text = to(&DataType::Utf8View);
            let text = text.as_string_view();
            rows.map(|row| valid(row, Cell::Text(text.value(row).to_owned()))).collect()
        }
        "int" => {
            let numbers = to(&DataType::Int64);
            let numbers = numbers.as_primitive::<Int64Type>();
            rows.map(|row| valid(row, Cell::Int(numbers.value(row)))).collect()
        }
        "seconds" => {
            let numbers = cast(&to(&DataType::Timestamp(TimeUnit::Second, None)), &DataType::Int64).unwrap();
            let numbers = numbers.as_primitive::<Int64Type>();
            rows.map(|row| valid(row, Cell::Int(numbers.value(row)))).collect()
        }
        "float" => {
            let numbers = to(&DataType::Float64);
            let numbers = numbers.as_primitive::<Float64Type>();
            rows.map(|row| valid(row, Cell::Float(numbers.value(row)))).collect()
        }
        "bool" => rows.map(|row| valid(row, Cell::Bool(column.as_boolean().value(row)))).collect(),
        _ => rows.map(|row| valid(row, Cell::Ints(integers(&column.as_list::<i32>().value(row))))).collect(),
    }
}

fn integers(list: &ArrayRef) -> Vec<i64> {
    cast(list, &DataType::Int64).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn same(found: &Cell, wanted: &Cell) -> bool {
    match (found, wanted) {
        (Cell::Float(found), Cell::Float(wanted)) => {
            (found - wanted).abs() <= RELATIVE * found.abs().max(wanted.abs())
        }
        _ => found == wanted,
    }
}
