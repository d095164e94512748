//! Key columns of one batch in the few forms that keys are packed from: words, wide values, text.
//!
//! `field` packs these into keys and unpacks keys into these again.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryViewArray, BooleanArray, StringViewArray, make_array,
};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type, IntervalUnit, UInt32Type};
use half::f16;

use crate::plain::{as_views, canonical_f16, canonical_f32, canonical_f64, unpack_views, value_type};
use crate::{Error, Result};

/// How the values of a type are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// At most 64 bits: integers, floats, dates, booleans, small decimals.
    Word,
    /// This many words of 64 bits: large decimals, intervals.
    Wide(usize),
    /// Text and binary, as views.
    Text,
    /// Anything else, as the bytes of arrow's row format.
    Rows,
}

/// The shape of a (plain) type.
pub(super) fn shape(data_type: &DataType) -> Shape {
    match data_type {
        DataType::Decimal128(_, _) | DataType::Interval(IntervalUnit::MonthDayNano) => Shape::Wide(2),
        DataType::Decimal256(_, _) => Shape::Wide(4),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Shape::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Shape::Text,
        DataType::Null | DataType::Boolean => Shape::Word,
        other if other.primitive_width().is_some() => Shape::Word,
        _ => Shape::Rows,
    }
}

/// Values of at most 64 bits in their native width.
#[derive(Debug, Clone)]
pub(super) enum Words {
    I8(ScalarBuffer<i8>),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    F16(ScalarBuffer<f16>),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    Boolean(BooleanArray),
    None(usize),
}

impl Words {
    /// The values of `rows` as [`Words::load`] gives them; 64-bit integers without a copy.
    pub(super) fn get<'a>(&'a self, rows: Range<usize>, scratch: &'a mut Vec<i64>) -> &'a [i64] {
        if let Words::I64(values) = self {
            return &values[rows];
        }
        self.load(rows, scratch);
        scratch
    }

    /// Sign- or zero-extends the values of `rows` into `out`; floats by their canonical bits.
    pub(super) fn load(&self, rows: Range<usize>, out: &mut Vec<i64>) {
        out.clear();
        match self {
            Words::I8(values) => out.extend(values[rows].iter().map(|&v| i64::from(v))),
            Words::I16(values) => out.extend(values[rows].iter().map(|&v| i64::from(v))),
            Words::I32(values) => out.extend(values[rows].iter().map(|&v| i64::from(v))),
            Words::I64(values) => out.extend_from_slice(&values[rows]),
            Words::U8(values) => out.extend(values[rows].iter().map(|&v| i64::from(v))),
            Words::U16(values) => out.extend(values[rows].iter().map(|&v| i64::from(v))),
            Words::U32(values) => out.extend(values[rows].iter().map(|&v| i64::from(v))),
            Words::F16(values) => {
                out.extend(values[rows].iter().map(|&v| i64::from(canonical_f16(v).to_bits())));
            }
            Words::F32(values) => {
                out.extend(values[rows].iter().map(|&v| i64::from(canonical_f32(v).to_bits())));
            }
            Words::F64(values) => out.extend(values[rows].iter().map(|&v| canonical_f64(v).to_bits() as i64)),
            Words::Boolean(values) => out.extend(rows.map(|row| i64::from(values.value(row)))),
            Words::None(_) => out.resize(rows.len(), 0),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Words::I8(values) => values.len(),
            Words::I16(values) => values.len(),
            Words::I32(values) => values.len(),
            Words::I64(values) => values.len(),
            Words::U8(values) => values.len(),
            Words::U16(values) => values.len(),
            Words::U32(values) => values.len(),
            Words::F16(values) => values.len(),
            Words::F32(values) => values.len(),
            Words::F64(values) => values.len(),
            Words::Boolean(values) => values.len(),
            Words::None(rows) => *rows,
        }
    }
}

/// One key column of one batch, or of the groups found so far.
#[derive(Debug, Clone)]
pub(super) enum KeyColumn {
    Word(Words, Option<NullBuffer>),
    Wide(Vec<[u64; 4]>, Option<NullBuffer>),
    Text(ScalarBuffer<u128>, Arc<[Buffer]>, Option<NullBuffer>),
    /// Text as codes of a dictionary (of batches only).
    Coded(Coded),
    /// Codes of a field's own interner (of groups only).
    Codes(Vec<u32>),
}

/// Codes of a dictionary of texts, all of which are valid.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    pub(super) codes: ScalarBuffer<u32>,
    pub(super) nulls: Option<NullBuffer>,
    /// Tells dictionaries apart.
    pub(super) dictionary: ArrayRef,
    pub(super) views: ScalarBuffer<u128>,
    pub(super) buffers: Arc<[Buffer]>,
}

impl Coded {
    /// None for what is not a dictionary of views with codes of 32 bits.
    fn new(array: &ArrayRef) -> Option<Coded> {
        let array = array.as_dictionary_opt::<UInt32Type>()?;
        let dictionary = array.values();
        let (views, buffers, _) = match dictionary.data_type() {
            _ if dictionary.null_count() > 0 => return None,
            DataType::Utf8View => dictionary.as_string_view().clone().into_parts(),
            DataType::BinaryView => dictionary.as_binary_view().clone().into_parts(),
            _ => return None,
        };
        let (codes, nulls) = (array.keys().values().clone(), array.keys().nulls().cloned());
        Some(Coded { codes, nulls, dictionary: Arc::clone(dictionary), views, buffers })
    }
}

impl KeyColumn {
    /// Brings an array of a shape other than rows into its form.
    pub(super) fn new(array: &ArrayRef) -> Result<Self> {
        if let Some(coded) = Coded::new(array) {
            return Ok(KeyColumn::Coded(coded));
        }
        let array = &unpack_views(array)?;
        let nulls = array.nulls().cloned();
        Ok(match shape(array.data_type()) {
            Shape::Word => KeyColumn::Word(words_of(array)?, array.logical_nulls()),
            Shape::Wide(width) => KeyColumn::Wide(wide_of(array, width), nulls),
            Shape::Text => match as_views(array)? {
                text if *text.data_type() == DataType::Utf8View => {
                    let (views, buffers, nulls) = text.as_string_view().clone().into_parts();
                    KeyColumn::Text(views, buffers, nulls)
                }
                binary => {
                    let (views, buffers, nulls) = binary.as_binary_view().clone().into_parts();
                    KeyColumn::Text(views, buffers, nulls)
                }
            },
            Shape::Rows => return Err(Error::unsupported("packing keys", array.data_type())),
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            KeyColumn::Word(words, _) => words.len(),
            KeyColumn::Wide(values, _) => values.len(),
            KeyColumn::Text(views, _, _) => views.len(),
            KeyColumn::Coded(coded) => coded.codes.len(),
            KeyColumn::Codes(codes) => codes.len(),
        }
    }

    /// The array of type `data_type` (the declared type of the key) with these values.
    pub(super) fn into_array(self, data_type: &DataType) -> Result<ArrayRef> {
        let plain = value_type(data_type);
        let array = match self {
            KeyColumn::Word(words, nulls) => word_array(words, nulls, plain)?,
            KeyColumn::Wide(values, nulls) => {
                let width = if let Shape::Wide(width) = shape(plain) { width } else { 4 };
                let words: Vec<u64> =
                    values.iter().flat_map(|value| value[..width].iter().copied()).collect();
                primitive(plain, values.len(), Buffer::from_vec(words), nulls)?
            }
            KeyColumn::Text(views, buffers, nulls) => text_array(views, buffers, nulls, plain)?,
            KeyColumn::Coded(_) | KeyColumn::Codes(_) => {
                return Err(Error::invalid("codes were not resolved to their texts"));
            }
        };
        if array.data_type() == data_type { Ok(array) } else { Ok(cast(&array, data_type)?) }
    }
}

fn words_of(array: &ArrayRef) -> Result<Words> {
    macro_rules! raw {
        ($variant:ident) => {{
            let data = array.to_data();
            let values = data.buffers().first().cloned().unwrap_or_default();
            Words::$variant(ScalarBuffer::new(values, data.offset(), data.len()))
        }};
    }
    Ok(match array.data_type() {
        DataType::Null => Words::None(array.len()),
        DataType::Boolean => Words::Boolean(array.as_boolean().clone()),
        DataType::Float16 => Words::F16(array.as_primitive::<Float16Type>().values().clone()),
        DataType::Float32 => Words::F32(array.as_primitive::<Float32Type>().values().clone()),
        DataType::Float64 => Words::F64(array.as_primitive::<Float64Type>().values().clone()),
        DataType::UInt8 => raw!(U8),
        DataType::UInt16 => raw!(U16),
        DataType::UInt32 => raw!(U32),
        // Intervals of days and milliseconds have two 32-bit halves: two halves of 8 bytes, aligned to 4.
        DataType::Interval(IntervalUnit::DayTime) => {
            let values = array.as_primitive::<arrow::datatypes::IntervalDayTimeType>().values();
            let pair = |v: &arrow::datatypes::IntervalDayTime| {
                i64::from_ne_bytes(
                    [v.days.to_ne_bytes(), v.milliseconds.to_ne_bytes()]
                        .concat()
                        .try_into()
                        .unwrap_or_default(),
                )
            };
            Words::I64(values.iter().map(pair).collect())
        }
        other => match other.primitive_width() {
            Some(1) => raw!(I8),
            Some(2) => raw!(I16),
            Some(4) => raw!(I32),
            Some(8) => raw!(I64),
            _ => return Err(Error::unsupported("packing keys", other)),
        },
    })
}

fn wide_of(array: &ArrayRef, width: usize) -> Vec<[u64; 4]> {
    let data = array.to_data();
    let Some(buffer) = data.buffers().first() else { return Vec::new() };
    let bytes = &buffer.as_slice()[data.offset() * width * 8..(data.offset() + data.len()) * width * 8];
    let (words, _) = bytes.as_chunks::<8>();
    let mut out = vec![[0; 4]; array.len()];
    for (value, words) in out.iter_mut().zip(words.chunks_exact(width)) {
        for (to, from) in value.iter_mut().zip(words) {
            *to = u64::from_ne_bytes(*from);
        }
    }
    out
}

fn word_array(words: Words, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef> {
    let mut values = Vec::new();
    words.load(0..words.len(), &mut values);
    let rows = values.len();
    macro_rules! native {
        ($native:ty) => {
            Buffer::from_vec(values.iter().map(|&v| v as $native).collect::<Vec<_>>())
        };
    }
    let buffer = match data_type {
        DataType::Null => return Ok(Arc::new(arrow::array::NullArray::new(rows))),
        DataType::Boolean => {
            let values = values.iter().map(|&v| v != 0).collect();
            return Ok(Arc::new(BooleanArray::new(values, nulls)));
        }
        other => match other.primitive_width() {
            Some(1) => native!(u8),
            Some(2) => native!(u16),
            Some(4) => native!(u32),
            _ => Buffer::from_vec(values),
        },
    };
    primitive(data_type, rows, buffer, nulls)
}

fn primitive(
    data_type: &DataType,
    rows: usize,
    values: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let data =
        ArrayData::builder(data_type.clone()).len(rows).add_buffer(values).nulls(nulls).align_buffers(true);
    Ok(make_array(data.build()?))
}

/// An array of a text type of these views.
pub(crate) fn text_array(
    views: ScalarBuffer<u128>,
    buffers: Arc<[Buffer]>,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    // SAFETY: the views are copies of views of checked arrays: inline ones are kept as they were, and long
    // ones point to bytes that the interner copied whole and holds in `buffers`. Text stays text.
    let array: ArrayRef = unsafe {
        if is_text {
            Arc::new(StringViewArray::new_unchecked(views, buffers, nulls))
        } else {
            Arc::new(BinaryViewArray::new_unchecked(views, buffers, nulls))
        }
    };
    if array.data_type() == data_type { Ok(array) } else { Ok(cast(&array, data_type)?) }
}
