//! The checksum of a result, by which engines are compared. `benches/peers/answers.py` says what it is and computes
//! the same for the peers.

use std::error::Error;

use partita::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
};
use partita::arrow::compute::cast;
use partita::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use serde_json::{Value, json};

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const MISSING: u64 = 0x5851_F42D_4C95_7F2D;
const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

/// A column in one of the three types that are summed up.
enum Normal {
    Text(StringViewArray),
    Integers(Int64Array),
    Floats(Float64Array),
}

/// What is kept of one column.
#[derive(Default)]
struct Sums {
    nulls: usize,
    hash: u64,
    sum: f64,
    magnitude: f64,
    weighted: f64,
}

/// Rows, hash of rows, and sums per column, as JSON.
pub(crate) fn checksum(batches: &[RecordBatch]) -> Result<Value, Box<dyn Error>> {
    let batches = batches
        .iter()
        .map(|batch| batch.columns().iter().map(normal).collect::<Result<Vec<_>, _>>())
        .collect::<Result<Vec<_>, _>>()?;
    let width = batches.first().map_or(0, Vec::len);
    let exact: Vec<bool> =
        (0..width).map(|column| batches.iter().all(|batch| is_exact(&batch[column]))).collect();
    let mut sums: Vec<Sums> = exact.iter().map(|_| Sums::default()).collect();
    let (mut rows, mut total) = (0, 0_u64);
    for batch in &batches {
        let length = batch.first().map_or(0, Normal::len);
        let mut hashes = vec![0_u64; length];
        for ((column, sums), _) in batch.iter().zip(&mut sums).zip(&exact).filter(|(_, exact)| **exact) {
            for (row, row_hash) in hashes.iter_mut().enumerate() {
                let hash = column.hash(row);
                sums.nulls += usize::from(column.is_missing(row));
                sums.hash = sums.hash.wrapping_add(hash);
                *row_hash = (*row_hash ^ hash).wrapping_mul(MULTIPLIER);
                *row_hash ^= *row_hash >> 32;
            }
        }
        for ((column, sums), _) in batch.iter().zip(&mut sums).zip(&exact).filter(|(_, exact)| !**exact) {
            if let Normal::Floats(values) = column {
                sums.add(values, &hashes);
            }
        }
        rows += length;
        total = hashes.iter().fold(total, |total, hash| total.wrapping_add(*hash));
    }
    let columns: Vec<Value> = sums.iter().zip(&exact).map(|(sums, exact)| sums.as_json(*exact)).collect();
    Ok(json!({ "rows": rows, "row_hash": format!("{total:016x}"), "columns": columns }))
}

impl Sums {
    fn add(&mut self, values: &Float64Array, hashes: &[u64]) {
        for (value, hash) in values.iter().zip(hashes) {
            match value.filter(|value| !value.is_nan()) {
                Some(value) => {
                    self.sum += value;
                    self.magnitude += value.abs();
                    self.weighted += value * ((hash >> 11) as f64 / TWO_TO_53);
                }
                None => self.nulls += 1,
            }
        }
    }

    fn as_json(&self, exact: bool) -> Value {
        if exact {
            json!({ "nulls": self.nulls, "hash": format!("{:016x}", self.hash) })
        } else {
            json!({ "nulls": self.nulls, "sum": self.sum, "abs": self.magnitude, "weighted": self.weighted })
        }
    }
}

impl Normal {
    fn len(&self) -> usize {
        match self {
            Normal::Text(values) => values.len(),
            Normal::Integers(values) => values.len(),
            Normal::Floats(values) => values.len(),
        }
    }

    fn is_missing(&self, row: usize) -> bool {
        match self {
            Normal::Text(values) => values.is_null(row),
            Normal::Integers(values) => values.is_null(row),
            Normal::Floats(values) => values.is_null(row) || values.value(row).is_nan(),
        }
    }

    fn hash(&self, row: usize) -> u64 {
        if self.is_missing(row) {
            return MISSING;
        }
        mixed(match self {
            Normal::Text(values) => fnv(values.value(row).as_bytes()),
            Normal::Integers(values) => values.value(row) as u64,
            Normal::Floats(values) => values.value(row) as i64 as u64,
        })
    }
}

fn normal(column: &ArrayRef) -> Result<Normal, Box<dyn Error>> {
    let to = |to: &DataType| cast(column, to);
    Ok(match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _) => {
            Normal::Text(to(&DataType::Utf8View)?.as_string_view().clone())
        }
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => {
            let moments = to(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
            Normal::Integers(cast(&moments, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
        }
        kind if kind.is_integer() || *kind == DataType::Boolean => {
            Normal::Integers(to(&DataType::Int64)?.as_primitive::<Int64Type>().clone())
        }
        _ => Normal::Floats(to(&DataType::Float64)?.as_primitive::<Float64Type>().clone()),
    })
}

/// Whether the column's values are exact; floats are if all of them are whole numbers.
fn is_exact(column: &Normal) -> bool {
    let Normal::Floats(values) = column else { return true };
    values.iter().flatten().all(|value| value.is_nan() || (value.floor() == value && value.abs() < TWO_TO_53))
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
}

/// splitmix64.
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
