//! Random frames: few distinct values, so that keys repeat, and all that is special about each type.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::Draws;
use crate::rows::{Rows, Value};

/// What the oracle needs to know of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Float,
    Text,
    Bool,
    Date,
}

pub(super) const KINDS: [Kind; 5] = [Kind::Int, Kind::Float, Kind::Text, Kind::Bool, Kind::Date];

impl Kind {
    /// Columns of a kind have names that begin with its letter, so that equal names have equal kinds.
    pub(super) fn letter(self) -> char {
        match self {
            Kind::Int => 'i',
            Kind::Float => 'f',
            Kind::Text => 't',
            Kind::Bool => 'b',
            Kind::Date => 'd',
        }
    }

    /// A value of the kind, never null.
    pub(super) fn value(self, number: u64) -> Value {
        const TEXTS: [&str; 9] = [
            "",
            "a",
            "b",
            "ab",
            "Ä",
            "a text of more than twelve bytes",
            "a text of more than twelve bytes!",
            "\u{1F980}",
            "a,\"b\"\n",
        ];
        match self {
            Kind::Int => Value::Int(number as i64 % 13 - 4),
            Kind::Float => Value::Float(match number % 40 {
                0 | 1 => f64::NAN,
                2 | 3 => -0.0,
                4 => f64::INFINITY,
                5 => f64::NEG_INFINITY,
                other => (other % 17) as f64 * 0.25 - 2.0,
            }),
            Kind::Text => Value::Text(TEXTS[number as usize % TEXTS.len()].to_owned()),
            Kind::Bool => Value::Bool(number.is_multiple_of(2)),
            Kind::Date => Value::Date((number % 6) as i32 + 18_000),
        }
    }

    /// The Arrow types of the kind.
    fn types(self) -> Vec<DataType> {
        match self {
            Kind::Int => vec![DataType::Int64, DataType::Int32, DataType::Int16],
            Kind::Float => vec![DataType::Float64, DataType::Float32],
            Kind::Text => vec![
                DataType::Utf8View,
                DataType::Utf8,
                DataType::LargeUtf8,
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            ],
            Kind::Bool => vec![DataType::Boolean],
            Kind::Date => vec![DataType::Date32],
        }
    }
}

/// Well-mixed bits of a seed and a place, so that a cell does not change when rows are taken away.
fn mixed(seed: u64, place: u64) -> u64 {
    let mut x = seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A frame as the engine takes it, as the oracle takes it, and the kinds of its columns.
pub(super) struct Drawn {
    pub(super) batch: RecordBatch,
    pub(super) rows: Rows,
    pub(super) columns: Vec<(String, Kind)>,
}

/// A frame of two to seven columns.
pub(super) fn draw(draws: &mut Draws<'_>) -> Drawn {
    let most = if draws.rarely(4) { 250 } else { 24 };
    let rows = draws.pick(most);
    let seed = u64::from(draws.number());
    let null_share = [0, 10, 3][draws.pick(3)];
    let mut columns: Vec<(String, Kind)> = Vec::new();
    for _ in 0..2 + draws.pick(6) {
        let kind = KINDS[draws.pick(KINDS.len())];
        let same = columns.iter().filter(|(_, known)| *known == kind).count();
        columns.push((format!("{}{same}", kind.letter()), kind));
    }
    let mut cells: Vec<Vec<Value>> = Vec::new();
    let mut arrays: Vec<(String, ArrayRef, bool)> = Vec::new();
    for (index, (name, kind)) in columns.iter().enumerate() {
        let value = |row: usize| {
            let bits = mixed(seed, ((index as u64) << 32) + row as u64);
            let null = null_share > 0 && (bits >> 40).is_multiple_of(null_share);
            if null { Value::Null } else { kind.value(bits & 0xFFFF_FFFF) }
        };
        let column: Vec<Value> = (0..rows).map(value).collect();
        let types = kind.types();
        let data_type = &types[draws.pick(types.len())];
        arrays.push((name.clone(), array(&column, *kind, data_type), true));
        cells.push(column);
    }
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).expect("columns of one length");
    let row = |row: usize| cells.iter().map(|column| column[row].clone()).collect();
    let names = columns.iter().map(|(name, _)| name.clone()).collect();
    Drawn { batch, rows: Rows { names, rows: (0..rows).map(row).collect() }, columns }
}

fn array(values: &[Value], kind: Kind, data_type: &DataType) -> ArrayRef {
    macro_rules! build {
        ($array:ty, $variant:ident) => {
            Arc::new(
                values
                    .iter()
                    .map(|value| match value {
                        Value::$variant(value) => Some(value.clone()),
                        _ => None,
                    })
                    .collect::<$array>(),
            )
        };
    }
    let plain: ArrayRef = match kind {
        Kind::Int => build!(Int64Array, Int),
        Kind::Float => build!(Float64Array, Float),
        Kind::Text => build!(StringArray, Text),
        Kind::Bool => build!(BooleanArray, Bool),
        Kind::Date => build!(Date32Array, Date),
    };
    cast(&plain, data_type).expect("a cast between types of one kind")
}
