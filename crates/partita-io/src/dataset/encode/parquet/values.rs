//! The values of one column chunk while its rows come in: a dictionary and codes for as long as that pays,
//! then plain.
//!
//! Each value is looked up once in an open-addressing table. If most of the first values are distinct, or
//! the dictionary grows too large, the chunk turns to plain, codes so far included.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use super::bounds::{Bound, Bounds};

/// A dictionary beyond this is slower to read than what it saves.
const DICTIONARY_BYTES_MAX: usize = 2 << 20;
/// From so many values on it is seen whether they repeat.
const SAMPLE: usize = 16 << 10;

/// Values without nulls.
pub(super) trait Values: Send {
    /// Appends the values of an array that are not null.
    fn append(&mut self, array: &ArrayRef);
    /// Codes of all values, empty once the chunk is plain.
    fn codes(&self) -> &[u32];
    /// Distinct values.
    fn distinct(&self) -> usize;
    /// The dictionary as a plain page.
    fn dictionary(&self) -> Vec<u8>;
    /// Bytes of the dictionary.
    fn dictionary_bytes(&self) -> usize;
    /// Bytes that the values of the codes take as plain.
    fn plain_bytes_of_codes(&self) -> usize;
    /// Appends the values of codes as plain.
    fn plain_of(&self, codes: &[u32], out: &mut Vec<u8>);
    /// Bounds of the values of codes, each of which is noted in `seen`.
    fn bounds_of(&self, codes: &mut dyn Iterator<Item = usize>) -> Bounds;
    /// Forgets dictionary and codes; what is appended from now on is plain.
    fn turn_plain(&mut self);
    /// Bytes of plain values that wait.
    fn waiting_bytes(&self) -> usize;
    /// Moves the plain values that wait to `out` and gives their bounds.
    fn take_waiting(&mut self, out: &mut Vec<u8>) -> Bounds;
    /// A value of the type.
    fn sample(&self) -> Bound;
    /// Whether the dictionary has stopped to pay.
    fn gives_up(&self) -> bool {
        let (values, distinct) = (self.codes().len(), self.distinct());
        self.dictionary_bytes() > DICTIONARY_BYTES_MAX || (values >= SAMPLE && distinct > values / 4 * 3)
    }
}

/// The values of columns of this type, if we encode them ourselves.
pub(super) fn values(data_type: &DataType, dictionary: bool) -> Option<Box<dyn Values>> {
    Some(match data_type {
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => Box::new(Fixed::<i32>::new(dictionary)),
        DataType::Int64 | DataType::Time64(_) | DataType::Duration(_) => {
            Box::new(Fixed::<i64>::new(dictionary))
        }
        DataType::Float32 => Box::new(Fixed::<f32>::new(dictionary)),
        DataType::Float64 => Box::new(Fixed::<f64>::new(dictionary)),
        // Seconds have no place in Parquet; the parquet crate converts them.
        DataType::Timestamp(unit, _) if *unit != arrow::datatypes::TimeUnit::Second => {
            Box::new(Fixed::<i64>::new(dictionary))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Box::new(Text::new(dictionary)),
        _ => return None,
    })
}

/// Where a hash begins its search in a table.
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b ^ 0xD1B5_4A32_D192_ED03);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Numbers of dictionary entries by hash, open addressing, at most half full. 0 is free, else code + 1.
struct Table {
    slots: Vec<u32>,
    used: usize,
}

impl Table {
    fn new() -> Self {
        Table { slots: vec![0; 1 << 10], used: 0 }
    }

    /// The code of the entry that `is_same`, or a new one; whether it is new.
    #[inline(always)]
    fn find(&mut self, hash: u64, is_same: impl Fn(u32) -> bool) -> (u32, bool) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                0 => {
                    self.used += 1;
                    self.slots[at] = self.used as u32;
                    return (self.used as u32 - 1, true);
                }
                entry if is_same(entry - 1) => return (entry - 1, false),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Makes room after an insertion.
    #[inline]
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        if self.used * 2 <= self.slots.len() {
            return;
        }
        let mask = self.slots.len() * 2 - 1;
        self.slots.clear();
        self.slots.resize(mask + 1, 0);
        for code in 0..self.used as u32 {
            let mut at = hash_of(code) as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = code + 1;
        }
    }
}

/// Numbers of a physical type of four or eight bytes.
trait Number: Copy + Send + arrow::datatypes::ArrowNativeType {
    fn bits(self) -> u64;
    fn bound(self) -> Bound;
    /// Neither less nor greater than anything.
    fn is_unordered(self) -> bool;
    fn is_less(self, other: Self) -> bool;
    fn write(values: &[Self], out: &mut Vec<u8>);
    /// Bounds as statistics want them: of the two zeros the outer one.
    fn outer(min: Self, max: Self) -> (Bound, Bound) {
        (min.bound(), max.bound())
    }
}

macro_rules! number {
    ($type:ty, $bound:ident, $bits:expr, $unordered:expr, $outer:expr) => {
        impl Number for $type {
            fn bits(self) -> u64 {
                $bits(self)
            }
            fn bound(self) -> Bound {
                Bound::$bound(self)
            }
            fn is_unordered(self) -> bool {
                $unordered(self)
            }
            fn is_less(self, other: Self) -> bool {
                self < other
            }
            fn write(values: &[Self], out: &mut Vec<u8>) {
                out.reserve(size_of_val(values));
                values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
            }
            fn outer(min: Self, max: Self) -> (Bound, Bound) {
                let (min, max): (Self, Self) = $outer(min, max);
                (min.bound(), max.bound())
            }
        }
    };
}

number!(i32, I32, |v: i32| u64::from(v as u32), |_| false, |min, max| (min, max));
number!(i64, I64, |v: i64| v as u64, |_| false, |min, max| (min, max));
number!(f32, F32, |v: f32| u64::from(v.to_bits()), f32::is_nan, |min, max| (
    if min == 0.0 { -0.0 } else { min },
    if max == 0.0 { 0.0 } else { max }
));
number!(f64, F64, f64::to_bits, f64::is_nan, |min, max| (
    if min == 0.0 { -0.0 } else { min },
    if max == 0.0 { 0.0 } else { max }
));

fn bounds_of_numbers<T: Number>(values: impl Iterator<Item = T>) -> Bounds {
    let mut ordered = values.filter(|value| !value.is_unordered());
    let first = ordered.next()?;
    let (min, max) = ordered.fold((first, first), |(min, max), value| {
        (if value.is_less(min) { value } else { min }, if max.is_less(value) { value } else { max })
    });
    Some(T::outer(min, max))
}

struct Fixed<T> {
    dictionary: Option<(Table, Vec<T>, Vec<u32>)>,
    waiting: Vec<T>,
}

impl<T: Number> Fixed<T> {
    fn new(dictionary: bool) -> Self {
        Fixed { dictionary: dictionary.then(|| (Table::new(), Vec::new(), Vec::new())), waiting: Vec::new() }
    }

    fn push(&mut self, values: impl Iterator<Item = T>) {
        let Some((table, entries, codes)) = &mut self.dictionary else {
            self.waiting.extend(values);
            return;
        };
        let hash = |value: T| fold(value.bits(), 0);
        for value in values {
            let (code, new) = table.find(hash(value), |code| entries[code as usize].bits() == value.bits());
            if new {
                entries.push(value);
                table.grow(|code| hash(entries[code as usize]));
            }
            codes.push(code);
        }
    }
}

impl<T: Number> Values for Fixed<T> {
    fn append(&mut self, array: &ArrayRef) {
        let data = array.to_data();
        let Some(buffer) = data.buffers().first() else { return };
        let values = &buffer.typed_data::<T>()[data.offset()..data.offset() + data.len()];
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => self.push(values.iter().copied()),
            Some(nulls) => self.push(nulls.valid_indices().map(|at| values[at])),
        }
    }
    fn codes(&self) -> &[u32] {
        self.dictionary.as_ref().map_or(&[], |(_, _, codes)| codes)
    }
    fn distinct(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |(_, entries, _)| entries.len())
    }
    fn dictionary(&self) -> Vec<u8> {
        let mut page = Vec::new();
        if let Some((_, entries, _)) = &self.dictionary {
            T::write(entries, &mut page);
        }
        page
    }
    fn dictionary_bytes(&self) -> usize {
        self.distinct() * size_of::<T>()
    }
    fn plain_bytes_of_codes(&self) -> usize {
        self.codes().len() * size_of::<T>()
    }
    fn plain_of(&self, codes: &[u32], out: &mut Vec<u8>) {
        if let Some((_, entries, _)) = &self.dictionary {
            let values: Vec<T> = codes.iter().map(|&code| entries[code as usize]).collect();
            T::write(&values, out);
        }
    }
    fn bounds_of(&self, codes: &mut dyn Iterator<Item = usize>) -> Bounds {
        let (_, entries, _) = self.dictionary.as_ref()?;
        bounds_of_numbers(codes.map(|code| entries[code]))
    }
    fn turn_plain(&mut self) {
        self.dictionary = None;
    }
    fn waiting_bytes(&self) -> usize {
        size_of_val(self.waiting.as_slice())
    }
    fn take_waiting(&mut self, out: &mut Vec<u8>) -> Bounds {
        T::write(&self.waiting, out);
        let bounds = bounds_of_numbers(self.waiting.iter().copied());
        self.waiting.clear();
        bounds
    }
    fn sample(&self) -> Bound {
        T::default().bound()
    }
}

/// Text up to this length is compared as one number, its length included.
const SHORT: usize = 12;

/// Distinct texts, as the dictionary page holds them: each with four bytes of length before it.
struct Texts {
    table: Table,
    page: Vec<u8>,
    /// Where the bytes of an entry begin in `page`.
    starts: Vec<usize>,
    /// Length and bytes of a short text, length and hash of a long one.
    keys: Vec<u128>,
    codes: Vec<u32>,
    plain_bytes: usize,
}

impl Texts {
    fn get(&self, code: usize) -> &[u8] {
        let start = self.starts[code];
        let end = self.starts.get(code + 1).map_or(self.page.len(), |&next| next - 4);
        &self.page[start..end]
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        let key = key(text);
        let hash = |key: u128| fold(key as u64, (key >> 64) as u64);
        let Texts { table, page, starts, keys, .. } = self;
        let (code, new) = table.find(hash(key), |code| {
            let at = code as usize;
            keys[at] == key && (text.len() <= SHORT || page[starts[at]..].starts_with(text))
        });
        if new {
            page.extend_from_slice(&(text.len() as u32).to_le_bytes());
            starts.push(page.len());
            page.extend_from_slice(text);
            keys.push(key);
            table.grow(|code| hash(keys[code as usize]));
        }
        self.codes.push(code);
        self.plain_bytes += 4 + text.len();
    }
}

/// Equal for equal texts; for short ones also different for different ones. Lengths are below 2^32.
#[inline]
fn key(text: &[u8]) -> u128 {
    let length = text.len() as u128;
    if text.len() <= SHORT {
        let mut bytes = [0; 16];
        bytes[4..4 + text.len()].copy_from_slice(text);
        return u128::from_le_bytes(bytes) | length;
    }
    let mut hash = length as u64;
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    for piece in text.chunks(16) {
        let (a, b) = piece.split_at(piece.len().min(8));
        hash = fold(hash ^ word(a), word(b));
    }
    length | u128::from(hash) << 64
}

struct Text {
    dictionary: Option<Texts>,
    waiting: Vec<u8>,
    waiting_bounds: Option<(Vec<u8>, Vec<u8>)>,
}

impl Text {
    fn new(dictionary: bool) -> Self {
        let texts = || Texts {
            table: Table::new(),
            page: Vec::new(),
            starts: Vec::new(),
            keys: Vec::new(),
            codes: Vec::new(),
            plain_bytes: 0,
        };
        Text { dictionary: dictionary.then(texts), waiting: Vec::new(), waiting_bounds: None }
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        if let Some(texts) = &mut self.dictionary {
            texts.push(text);
            return;
        }
        self.waiting.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.waiting.extend_from_slice(text);
        match &mut self.waiting_bounds {
            None => self.waiting_bounds = Some((text.to_vec(), text.to_vec())),
            Some((min, max)) => {
                if text < min.as_slice() {
                    min.clear();
                    min.extend_from_slice(text);
                } else if text > max.as_slice() {
                    max.clear();
                    max.extend_from_slice(text);
                }
            }
        }
    }

    fn push_valid<'a>(&mut self, array: &ArrayRef, text: impl Fn(usize) -> &'a [u8]) {
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => (0..array.len()).for_each(|at| self.push(text(at))),
            Some(nulls) => nulls.valid_indices().for_each(|at| self.push(text(at))),
        }
    }
}

impl Values for Text {
    fn append(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::Utf8View => {
                let texts = array.as_string_view();
                self.push_valid(array, |at| texts.value(at).as_bytes());
            }
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                self.push_valid(array, |at| texts.value(at).as_bytes());
            }
            _ => {
                let texts = array.as_string::<i64>();
                self.push_valid(array, |at| texts.value(at).as_bytes());
            }
        }
    }
    fn codes(&self) -> &[u32] {
        self.dictionary.as_ref().map_or(&[], |texts| &texts.codes)
    }
    fn distinct(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |texts| texts.starts.len())
    }
    fn dictionary(&self) -> Vec<u8> {
        self.dictionary.as_ref().map(|texts| texts.page.clone()).unwrap_or_default()
    }
    fn dictionary_bytes(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |texts| texts.page.len())
    }
    fn plain_bytes_of_codes(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |texts| texts.plain_bytes)
    }
    fn plain_of(&self, codes: &[u32], out: &mut Vec<u8>) {
        if let Some(texts) = &self.dictionary {
            for &code in codes {
                let text = texts.get(code as usize);
                out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                out.extend_from_slice(text);
            }
        }
    }
    fn bounds_of(&self, codes: &mut dyn Iterator<Item = usize>) -> Bounds {
        let texts = self.dictionary.as_ref()?;
        let first = texts.get(codes.next()?);
        let (min, max) = codes.fold((first, first), |(min, max), code| {
            let text = texts.get(code);
            (min.min(text), max.max(text))
        });
        Some((Bound::Text(min.to_vec()), Bound::Text(max.to_vec())))
    }
    fn turn_plain(&mut self) {
        self.dictionary = None;
    }
    fn waiting_bytes(&self) -> usize {
        self.waiting.len()
    }
    fn take_waiting(&mut self, out: &mut Vec<u8>) -> Bounds {
        out.extend_from_slice(&self.waiting);
        self.waiting.clear();
        self.waiting_bounds.take().map(|(min, max)| (Bound::Text(min), Bound::Text(max)))
    }
    fn sample(&self) -> Bound {
        Bound::Text(Vec::new())
    }
}
