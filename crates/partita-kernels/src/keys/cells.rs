//! Test support: random columns of every key type, beside the plain values they were made from.
//!
//! The values are the oracle: they are compared and sorted by rules written here, never by the code under test.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Decimal32Array, Decimal64Array, Decimal128Array,
    Decimal256Array, FixedSizeBinaryArray, Float64Array, Int64Array, IntervalDayTimeArray,
    IntervalMonthDayNanoArray, LargeBinaryArray, LargeStringArray, ListArray, NullArray, StringArray,
    StringViewArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, IntervalUnit, TimeUnit, i256};
use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};

/// A value as the tests see it.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Int(i128),
    Float(f64),
    Bytes(Vec<u8>),
    List(Vec<Option<Cell>>),
}

impl Cell {
    /// Numbers, then NaN; lists element by element, nulls inside them last, shorter first.
    pub(crate) fn compare(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Int(left), Cell::Int(right)) => left.cmp(right),
            (Cell::Float(left), Cell::Float(right)) => match (left.is_nan(), right.is_nan()) {
                (false, false) => left.partial_cmp(right).expect("neither is NaN"),
                (left, right) => left.cmp(&right),
            },
            (Cell::Bytes(left), Cell::Bytes(right)) => left.cmp(right),
            (Cell::List(left), Cell::List(right)) => {
                for (left, right) in left.iter().zip(right) {
                    let order = match (left, right) {
                        (None, None) => Ordering::Equal,
                        (None, Some(_)) => Ordering::Greater,
                        (Some(_), None) => Ordering::Less,
                        (Some(left), Some(right)) => left.compare(right),
                    };
                    if order.is_ne() {
                        return order;
                    }
                }
                left.len().cmp(&right.len())
            }
            _ => panic!("cells of one column have one form"),
        }
    }
}

pub(crate) type Cells = Vec<Option<Cell>>;

/// A small generator (xorshift), so that a failing seed can be run again.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides.max(1)
    }
}

/// The types that [`random_column`] can make.
pub(crate) fn key_types() -> Vec<DataType> {
    use DataType::*;
    let list = List(Arc::new(Field::new("item", Int32, true)));
    let fields = Fields::from(vec![Field::new("a", Float64, true), Field::new("b", Utf8, true)]);
    let mut types = vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Date32,
        Date64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        Null,
        list,
    ];
    types.extend([
        FixedSizeBinary(3),
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
        Decimal32(9, 2),
        Decimal64(18, 2),
        Decimal128(38, 4),
        Decimal256(76, 4),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
        Struct(fields),
        Dictionary(Box::new(Int32), Box::new(Utf8)),
        Dictionary(Box::new(Int8), Box::new(Int64)),
    ]);
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        types.push(Timestamp(unit, Some("UTC".into())));
        types.push(Duration(unit));
    }
    types
}

/// A column of `rows` values, nulls included, out of about `variety` different ones.
pub(crate) fn random_column(
    data_type: &DataType,
    rows: usize,
    variety: u64,
    dice: &mut Dice,
) -> (ArrayRef, Cells) {
    let nulls = dice.roll(3) * 10;
    let cells: Cells =
        (0..rows).map(|_| (dice.roll(100) >= nulls).then(|| random_cell(data_type, variety, dice))).collect();
    let cells = if *data_type == DataType::Null { vec![None; rows] } else { cells };
    (column(data_type, &cells), cells)
}

fn random_cell(data_type: &DataType, variety: u64, dice: &mut Dice) -> Cell {
    let small = i128::from(dice.roll(variety)) - i128::from(variety / 2);
    match data_type {
        DataType::Boolean => Cell::Int(i128::from(dice.roll(2))),
        DataType::UInt64 if dice.roll(4) == 0 => Cell::Int(i128::from(u64::MAX) - small.abs()),
        DataType::Int64 if dice.roll(4) == 0 => Cell::Int(i128::from(i64::MAX) - small.abs()),
        DataType::Int64 if dice.roll(4) == 0 => Cell::Int(i128::from(i64::MIN) + small.abs()),
        DataType::Decimal128(_, _) | DataType::Decimal256(_, _) if dice.roll(3) == 0 => {
            Cell::Int(small % 100 * 10_i128.pow(35))
        }
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            Cell::Int(small.abs() % 200)
        }
        DataType::Time32(_) | DataType::Time64(_) => Cell::Int(small.abs()),
        DataType::Int8 => Cell::Int(small % 128),
        DataType::Int16 => Cell::Int(small % 32_000),
        DataType::Dictionary(_, values) if values.is_integer() => Cell::Int(small % 50),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Cell::Float(match dice.roll(12) {
            0 => f64::NAN,
            1 => -0.0,
            2 => 0.0,
            3 => f64::INFINITY,
            4 => f64::NEG_INFINITY,
            5 => -f64::NAN,
            _ => f64::from(i32::try_from(small % 500).expect("small")) / 4.0,
        }),
        DataType::FixedSizeBinary(_) => Cell::Bytes(small.to_le_bytes()[..3].to_vec()),
        DataType::List(_) => {
            let len = dice.roll(4);
            let item = |dice: &mut Dice| (dice.roll(4) > 0).then(|| Cell::Int(i128::from(dice.roll(3)) - 1));
            Cell::List((0..len).map(|_| item(dice)).collect())
        }
        DataType::Struct(_) => {
            let float = (dice.roll(4) > 0).then(|| random_cell(&DataType::Float64, variety.min(4), dice));
            let text = (dice.roll(4) > 0).then(|| random_cell(&DataType::Utf8, variety.min(4), dice));
            Cell::List(vec![float, text])
        }
        data_type if is_bytes(data_type) => Cell::Bytes(random_text(small, dice)),
        _ => Cell::Int(small),
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_bytes(values),
        other => other.is_string() || other.is_binary(),
    }
}

/// Short, long, empty, with common prefixes and with zero bytes at the end.
fn random_text(small: i128, dice: &mut Dice) -> Vec<u8> {
    match dice.roll(6) {
        0 => Vec::new(),
        1 => format!("a text too long for a view, number {small}").into_bytes(),
        2 => format!("{small}\0").into_bytes(),
        3 => format!("{small}\0\0 and 15 bytes").into_bytes(),
        _ => format!("id{small}").into_bytes(),
    }
}

/// The cells as an array of `data_type`.
pub(crate) fn column(data_type: &DataType, cells: &Cells) -> ArrayRef {
    let ints = || cells.iter().map(|cell| cell.as_ref().map(int));
    let int64s = || -> ArrayRef { Arc::new(ints().map(|int| int.map(narrow)).collect::<Int64Array>()) };
    match data_type {
        DataType::Null => Arc::new(NullArray::new(cells.len())),
        DataType::Boolean => Arc::new(ints().map(|int| int.map(|int| int == 1)).collect::<BooleanArray>()),
        DataType::UInt64 => {
            let wide = ints().map(|int| int.map(|int| u64::try_from(int).expect("in range")));
            Arc::new(wide.collect::<arrow::array::UInt64Array>())
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats: Float64Array = cells.iter().map(|cell| cell.as_ref().map(float)).collect();
            cast(&floats, data_type).expect("floats cast")
        }
        DataType::Decimal32(_, _) => {
            let array: Decimal32Array =
                ints().map(|int| int.map(|int| i32::try_from(int).expect("small"))).collect();
            Arc::new(array.with_data_type(data_type.clone()))
        }
        DataType::Decimal64(_, _) => {
            let array: Decimal64Array = ints().map(|int| int.map(narrow)).collect();
            Arc::new(array.with_data_type(data_type.clone()))
        }
        DataType::Decimal128(_, _) => {
            Arc::new(ints().collect::<Decimal128Array>().with_data_type(data_type.clone()))
        }
        DataType::Decimal256(_, _) => {
            let array: Decimal256Array = ints().map(|int| int.map(i256::from_i128)).collect();
            Arc::new(array.with_data_type(data_type.clone()))
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let values = ints().map(|int| int.map(split).map(|(high, low)| IntervalDayTime::new(high, low)));
            Arc::new(values.collect::<IntervalDayTimeArray>())
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = ints().map(|int| int.map(split));
            let values =
                values.map(|int| int.map(|(high, low)| IntervalMonthDayNano::new(high, low, i64::from(low))));
            Arc::new(values.collect::<IntervalMonthDayNanoArray>())
        }
        DataType::FixedSizeBinary(size) => {
            let values = cells.iter().map(|cell| cell.as_ref().map(bytes));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, *size).expect("3 bytes"))
        }
        DataType::List(_) => {
            let lists = cells.iter().map(|cell| cell.as_ref().map(|cell| list(cell).iter().map(small_int)));
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
        }
        DataType::Struct(fields) => structs(fields, cells),
        data_type if is_bytes(data_type) => text(data_type, cells),
        DataType::Date32 | DataType::Time32(_) | DataType::Interval(_) => {
            cast(&cast(&int64s(), &DataType::Int32).expect("small"), data_type).expect("32 bits")
        }
        _ => cast(&int64s(), data_type).expect("integers cast"),
    }
}

fn structs(fields: &Fields, cells: &Cells) -> ArrayRef {
    let field = |number: usize| -> Cells {
        cells.iter().map(|cell| cell.as_ref().and_then(|cell| list(cell)[number].clone())).collect()
    };
    let columns = vec![column(&DataType::Float64, &field(0)), column(&DataType::Utf8, &field(1))];
    let nulls = arrow::buffer::NullBuffer::from_iter(cells.iter().map(Option::is_some));
    Arc::new(StructArray::new(fields.clone(), columns, Some(nulls)))
}

fn text(data_type: &DataType, cells: &Cells) -> ArrayRef {
    let values = || cells.iter().map(|cell| cell.as_ref().map(bytes));
    let strings = || values().map(|bytes| bytes.map(|bytes| std::str::from_utf8(bytes).expect("ASCII")));
    match data_type {
        DataType::Utf8 => Arc::new(strings().collect::<StringArray>()),
        DataType::LargeUtf8 => Arc::new(strings().collect::<LargeStringArray>()),
        DataType::Utf8View => Arc::new(strings().collect::<StringViewArray>()),
        DataType::Binary => Arc::new(values().collect::<BinaryArray>()),
        DataType::LargeBinary => Arc::new(values().collect::<LargeBinaryArray>()),
        DataType::BinaryView => Arc::new(values().collect::<BinaryViewArray>()),
        DataType::Dictionary(_, _) => {
            cast(&strings().collect::<StringArray>(), data_type).expect("a dictionary of text")
        }
        other => panic!("{other} is not text"),
    }
}

fn int(cell: &Cell) -> i128 {
    let Cell::Int(int) = cell else { panic!("{cell:?} is no integer") };
    *int
}

fn float(cell: &Cell) -> f64 {
    let Cell::Float(float) = cell else { panic!("{cell:?} is no float") };
    *float
}

fn bytes(cell: &Cell) -> &[u8] {
    let Cell::Bytes(bytes) = cell else { panic!("{cell:?} is no text") };
    bytes
}

fn list(cell: &Cell) -> &[Option<Cell>] {
    let Cell::List(list) = cell else { panic!("{cell:?} is no list") };
    list
}

fn small_int(cell: &Option<Cell>) -> Option<i32> {
    cell.as_ref().map(|cell| i32::try_from(int(cell)).expect("small"))
}

fn narrow(int: i128) -> i64 {
    i64::try_from(int).expect("64 bits")
}

/// Two halves that sort as the whole does.
fn split(int: i128) -> (i32, i32) {
    let half = |half: i128| i32::try_from(half).expect("small");
    (half(int.div_euclid(4)), half(int.rem_euclid(4)))
}
