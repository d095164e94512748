//! Random columns for the tests of this crate: seeded, of any type, with nulls, NaN, -0.0, short and long texts.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::{cast, take};
use arrow::datatypes::*;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// SplitMix64: tests need the same numbers on every run, not good ones.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A number of random magnitude, so that ranges of all widths occur.
    pub(crate) fn number(&mut self) -> i64 {
        let shift = self.below(64) as u32;
        (self.next() as i64) >> shift
    }

    fn text(&mut self) -> String {
        let length = match self.below(4) {
            0 => self.below(4),
            1 => self.below(8),
            2 => self.below(13),
            _ => self.below(40),
        };
        (0..length).map(|_| (b'a' + self.below(3) as u8) as char).collect()
    }

    fn float(&mut self) -> f64 {
        match self.below(8) {
            0 => f64::NAN,
            1 => -0.0,
            2 => 0.0,
            3 => -f64::NAN,
            4 => f64::INFINITY,
            _ => self.number() as f64 / 8.0,
        }
    }

    /// A column of `rows` values drawn from `distinct` ones, a share of them null.
    pub(crate) fn column(&mut self, data_type: &DataType, rows: usize, distinct: usize) -> ArrayRef {
        if let DataType::Dictionary(_, values) = data_type {
            let values = self.column(values, rows, distinct.min(100));
            return cast(&values, data_type).unwrap();
        }
        let pool = self.pool(data_type, distinct.max(1));
        let null_share = [0, 0, 10, 60][self.below(4)];
        let indices: UInt32Array = (0..rows)
            .map(|_| (self.below(100) >= null_share).then(|| self.below(pool.len()) as u32))
            .collect();
        take(&pool, &indices, None).unwrap()
    }

    fn pool(&mut self, data_type: &DataType, n: usize) -> ArrayRef {
        match data_type {
            DataType::Boolean => Arc::new((0..n).map(|_| Some(self.below(2) == 0)).collect::<BooleanArray>()),
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::BinaryView => {
                let texts: StringArray = (0..n).map(|_| Some(self.text())).collect();
                cast(&texts, data_type).unwrap()
            }
            DataType::FixedSizeBinary(width) => {
                let values = (0..n).map(|_| vec![self.below(3) as u8; *width as usize]);
                Arc::new(FixedSizeBinaryArray::try_from_iter(values).unwrap())
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                let floats: Float64Array = (0..n).map(|_| Some(self.float())).collect();
                cast(&floats, data_type).unwrap()
            }
            DataType::Decimal128(p, s) => {
                let values: Decimal128Array =
                    (0..n).map(|_| Some(i128::from(self.number() % 1000))).collect();
                Arc::new(values.with_precision_and_scale(*p, *s).unwrap())
            }
            DataType::Decimal256(p, s) => {
                let values = (0..n).map(|_| Some(i256::from_i128(i128::from(self.number() % 1000))));
                let values: Decimal256Array = values.collect();
                Arc::new(values.with_precision_and_scale(*p, *s).unwrap())
            }
            DataType::List(field) => {
                let lengths: Vec<usize> = (0..n).map(|_| self.below(4)).collect();
                let values = self.column(field.data_type(), lengths.iter().sum(), n);
                let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
                Arc::new(ListArray::new(Arc::clone(field), offsets, values, None))
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().map(|field| self.column(field.data_type(), n, n)).collect();
                Arc::new(StructArray::new(fields.clone(), columns, None))
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let values = (0..n).map(|_| {
                    let (months, days) = (self.below(5) as i32, self.below(5) as i32);
                    Some(IntervalMonthDayNano::new(months, days, self.number()))
                });
                Arc::new(values.collect::<IntervalMonthDayNanoArray>())
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let values =
                    (0..n).map(|_| Some(IntervalDayTime::new(self.below(5) as i32, self.below(9) as i32)));
                Arc::new(values.collect::<IntervalDayTimeArray>())
            }
            DataType::Null => Arc::new(NullArray::new(n)),
            integer => {
                let width = integer.primitive_width().unwrap() as u32 * 8;
                let narrow = Int64Array::from_iter_values((0..n).map(|_| self.number() >> (64 - width)));
                let raw = match width {
                    8 => cast(&narrow, &DataType::Int8).unwrap(),
                    16 => cast(&narrow, &DataType::Int16).unwrap(),
                    32 => cast(&narrow, &DataType::Int32).unwrap(),
                    _ => Arc::new(narrow),
                };
                make_array(raw.to_data().into_builder().data_type(integer.clone()).build().unwrap())
            }
        }
    }
}

/// Types that keys and most aggregates take, of every kind.
pub(crate) fn many_types() -> Vec<DataType> {
    let text = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let float = Field::new("f", DataType::Float64, true);
    let mut types = flat_types();
    types.extend([
        DataType::List(text),
        DataType::Struct(vec![float, Field::new("t", DataType::Utf8View, true)].into()),
        DataType::Null,
    ]);
    types
}

/// [`many_types`] without nested ones.
pub(crate) fn flat_types() -> Vec<DataType> {
    let dictionary = |values: DataType| DataType::Dictionary(Box::new(DataType::Int16), Box::new(values));
    vec![
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(TimeUnit::Second),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Duration(TimeUnit::Millisecond),
        DataType::Interval(IntervalUnit::DayTime),
        DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Decimal32(9, 1),
        DataType::Decimal64(18, 2),
        DataType::Decimal128(20, 2),
        DataType::Decimal256(50, 3),
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::BinaryView,
        DataType::FixedSizeBinary(5),
        dictionary(DataType::Utf8),
        dictionary(DataType::Int32),
    ]
}

/// Each row as text that is equal if and only if the values are equal as keys.
pub(crate) fn shown(column: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL").with_display_error(true);
    // Date64 and the like print as dates when they can: their numbers are what makes them equal.
    let column = match column.data_type() {
        DataType::Date64
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_) => {
            let width = column.data_type().primitive_width().unwrap();
            let integer = if width == 4 { DataType::Int32 } else { DataType::Int64 };
            make_array(column.to_data().into_builder().data_type(integer).build().unwrap())
        }
        _ => Arc::clone(column),
    };
    let formatter = ArrayFormatter::try_new(&column, &options).unwrap();
    let nulls = column.logical_nulls();
    (0..column.len())
        .map(|row| match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            true => "<null>".to_owned(),
            // A list of one empty text prints as an empty list does.
            false => match column.as_list_opt::<i32>() {
                Some(list) => format!(
                    "{}{}",
                    list.value_length(row),
                    without_minus_zero(formatter.value(row).to_string())
                ),
                None => without_minus_zero(formatter.value(row).to_string()),
            },
        })
        .collect()
}

/// -0.0 equals 0.0 as a key, alone and within a struct or list.
fn without_minus_zero(text: String) -> String {
    match text.as_str() {
        "-0.0" | "-0" => text[1..].to_owned(),
        _ => text.replace("-0.0,", "0.0,").replace("-0.0}", "0.0}").replace("-0.0]", "0.0]"),
    }
}
