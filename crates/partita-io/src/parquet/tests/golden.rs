//! Values of real files are those that another reader gives: testdata/golden/parquet-testing has them, made
//! by pyarrow with the script beside them.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use serde_json::Value;

use super::*;

/// Files that this reader reads and pyarrow does not, or in another type, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("data/datapage_v1-corrupt-checksum.parquet", "refused here; pyarrow does not check unasked"),
    ("data/rle-dict-uncompressed-corrupt-checksum.parquet", "refused here; pyarrow does not check unasked"),
    ("data/unknown-logical-type.parquet", "refused here; pyarrow gives the bytes"),
    ("data/int96_from_spark.parquet", "pyarrow wraps the year 290000; see the test below"),
];

fn float(value: f64) -> String {
    if value.is_nan() { "NaN".into() } else { format!("f{:016x}", value.to_bits()) }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

/// One value in the notation of the script.
fn canonical(array: &ArrayRef, row: usize) -> String {
    fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
        array.as_primitive::<T>().value(row)
    }
    fn bytes(bytes: &[u8]) -> String {
        bytes.iter().fold(String::from("x"), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return "null".into();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => primitive::<Int8Type>(array, row).to_string(),
        DataType::Int16 => primitive::<Int16Type>(array, row).to_string(),
        DataType::Int32 => primitive::<Int32Type>(array, row).to_string(),
        DataType::Int64 => primitive::<Int64Type>(array, row).to_string(),
        DataType::UInt8 => primitive::<UInt8Type>(array, row).to_string(),
        DataType::UInt16 => primitive::<UInt16Type>(array, row).to_string(),
        DataType::UInt32 => primitive::<UInt32Type>(array, row).to_string(),
        DataType::UInt64 => primitive::<UInt64Type>(array, row).to_string(),
        DataType::Float16 => float(primitive::<Float16Type>(array, row).to_f64()),
        DataType::Float32 => float(f64::from(primitive::<Float32Type>(array, row))),
        DataType::Float64 => float(primitive::<Float64Type>(array, row)),
        DataType::Decimal128(_, scale) => format!("{}e-{scale}", primitive::<Decimal128Type>(array, row)),
        DataType::Decimal256(_, scale) => format!("{}e-{scale}", primitive::<Decimal256Type>(array, row)),
        DataType::Date32 => format!("t{}", primitive::<Date32Type>(array, row)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            format!("t{}", primitive::<TimestampMillisecondType>(array, row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            format!("t{}", primitive::<TimestampMicrosecondType>(array, row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            format!("t{}", primitive::<TimestampNanosecondType>(array, row))
        }
        DataType::Utf8View => format!("\"{}\"", array.as_string_view().value(row)),
        DataType::BinaryView => bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => bytes(array.as_fixed_size_binary().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            format!("[{}]", joined((0..items.len()).map(|item| canonical(&items, item))))
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pair = |at| format!("{}:{}", canonical(keys, at), canonical(values, at));
            format!("<{}>", joined((0..entries.len()).map(pair)))
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct().columns().iter().zip(fields);
            let part = |(part, field): (&ArrayRef, &Arc<arrow::datatypes::Field>)| {
                format!("{}={}", field.name(), canonical(part, row))
            };
            format!("{{{}}}", joined(parts.map(part)))
        }
        other => panic!("no notation for {other}"),
    }
}

fn hash(texts: &[String]) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in texts.iter().flat_map(|text| text.bytes().chain([b'\n'])) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    format!("{state:016x}")
}

#[test]
fn values_are_those_of_another_reader() {
    let path = testdata("../golden/parquet-testing/values.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let files = golden["files"].as_object().unwrap();
    assert!(files.len() > 60, "{}", files.len());
    for (name, expected) in files {
        if DIFFERENT.iter().any(|(different, _)| different == name) {
            continue;
        }
        let source = open_path(&testdata(name)).unwrap();
        let batches = read_all(&*source, &ScanRequest::default()).unwrap();
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(Some(rows as u64), expected["rows"].as_u64(), "{name}");
        let columns = expected["columns"].as_array().unwrap();
        assert_eq!(source.schema().fields().len(), columns.len(), "{name}");
        for (index, column) in columns.iter().enumerate() {
            let field = source.schema().field(index);
            assert_eq!(Some(field.name().as_str()), column["name"].as_str(), "{name}");
            let mut parts = vec![new_empty_array(field.data_type())];
            parts.extend(batches.iter().map(|batch| Arc::clone(batch.column(index))));
            let whole = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
            let texts: Vec<String> = (0..rows).map(|row| canonical(&whole, row)).collect();
            let first: Vec<&str> =
                column["first"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(texts[..rows.min(3)], first, "{name} {}", field.name());
            assert_eq!(Some(hash(&texts).as_str()), column["hash"].as_str(), "{name} {}", field.name());
        }
    }
}

/// pyarrow refuses this one because its map keys may be null; the values are those that its README gives.
#[test]
fn a_map_with_nullable_keys_is_read() {
    let source = open_path(&testdata("data/incorrect_map_schema.parquet")).unwrap();
    let batches = read_all(&*source, &ScanRequest::default()).unwrap();
    assert_eq!(canonical(batches[0].column(0), 0), "<\"parent\":\"another\",\"name\":\"report\">");
}

/// INT96 holds years that nanoseconds cannot: 30 December 290000, 23:00, by the calendar's arithmetic.
#[test]
fn int96_does_not_wrap() {
    let source = open_path(&testdata("data/int96_from_spark.parquet")).unwrap();
    let batches = read_all(&*source, &ScanRequest::default()).unwrap();
    let values = batches[0].column(0).as_primitive::<TimestampMicrosecondType>();
    let values: Vec<Option<i64>> = values.iter().collect();
    let expected = [
        Some(1_704_141_296_123_456),
        Some(1_704_070_800_000_000),
        Some(253_402_225_200_000_000),
        Some(1_735_599_600_000_000),
        None,
        Some(9_089_380_393_200_000_000),
    ];
    assert_eq!(values, expected);
}
