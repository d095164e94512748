//! Numbers of four or eight bytes, and what is stored as such.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{ArrowNativeType, ToByteSlice};

use super::super::bounds::{Bound, Bounds};
use super::Values;
use super::table::{Table, fold, make_room};

/// Numbers of a physical type.
pub(super) trait Number: Copy + Send + ArrowNativeType {
    fn bits(self) -> u64;
    fn bound(self) -> Bound;
    /// Neither less nor greater than anything.
    fn is_unordered(self) -> bool;
    fn is_less(self, other: Self) -> bool;
    /// Bounds as statistics want them: of the two zeros the outer one.
    fn outer(min: Self, max: Self) -> (Bound, Bound);
}

macro_rules! number {
    ($type:ty, $bound:ident, $bits:expr, $unordered:expr, $outer:expr) => {
        impl Number for $type {
            #[inline(always)]
            fn bits(self) -> u64 {
                $bits(self)
            }
            fn bound(self) -> Bound {
                Bound::$bound(self)
            }
            #[inline(always)]
            fn is_unordered(self) -> bool {
                $unordered(self)
            }
            #[inline(always)]
            fn is_less(self, other: Self) -> bool {
                self < other
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

/// Distinct numbers in the order in which they came, and the codes of all.
struct Dictionary<T> {
    table: Table,
    entries: Vec<T>,
    codes: Vec<u32>,
}

impl<T: Number> Dictionary<T> {
    fn extend(&mut self, values: &[T]) {
        let mut codes = std::mem::take(&mut self.codes);
        make_room(&mut codes, values.len());
        codes.extend(values.iter().map(|value| self.code(*value)));
        self.codes = codes;
    }

    #[inline(always)]
    fn code(&mut self, value: T) -> u32 {
        let Dictionary { table, entries, .. } = self;
        let hash = |value: T| fold(value.bits(), 0);
        let (code, new) = table.find(hash(value), |code| entries[code as usize].bits() == value.bits());
        if new {
            entries.push(value);
            table.grow(|code| hash(entries[code as usize]));
        }
        code
    }
}

pub(super) struct Fixed<T> {
    dictionary: Option<Dictionary<T>>,
    waiting: Vec<T>,
}

impl<T: Number> Fixed<T> {
    pub(super) fn new(dictionary: bool) -> Self {
        let empty = || Dictionary { table: Table::new(), entries: Vec::new(), codes: Vec::new() };
        Fixed { dictionary: dictionary.then(empty), waiting: Vec::new() }
    }

    fn push(&mut self, values: &[T]) {
        match &mut self.dictionary {
            Some(dictionary) => dictionary.extend(values),
            None => self.waiting.extend_from_slice(values),
        }
    }
}

impl<T: Number> Values for Fixed<T> {
    fn append(&mut self, array: &ArrayRef) {
        let data = array.to_data();
        let Some(buffer) = data.buffers().first() else { return };
        let values = &buffer.typed_data::<T>()[data.offset()..data.offset() + data.len()];
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => self.push(values),
            Some(nulls) => self.push(&nulls.valid_indices().map(|at| values[at]).collect::<Vec<_>>()),
        }
    }

    fn codes(&self) -> &[u32] {
        self.dictionary.as_ref().map_or(&[], |dictionary| &dictionary.codes)
    }

    fn distinct(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |dictionary| dictionary.entries.len())
    }

    fn dictionary(&self, out: &mut Vec<u8>) {
        if let Some(dictionary) = &self.dictionary {
            out.extend_from_slice(dictionary.entries.to_byte_slice());
        }
    }

    fn dictionary_bytes(&self) -> usize {
        self.distinct() * size_of::<T>()
    }

    fn plain_bytes_of_codes(&self) -> usize {
        self.codes().len() * size_of::<T>()
    }

    fn plain_of(&self, codes: &[u32], out: &mut Vec<u8>) {
        if let Some(Dictionary { entries, .. }) = &self.dictionary {
            let values: Vec<T> = codes.iter().map(|&code| entries[code as usize]).collect();
            out.extend_from_slice(values.to_byte_slice());
        }
    }

    fn bounds_of(&self, seen: &[bool]) -> Bounds {
        let Dictionary { entries, .. } = self.dictionary.as_ref()?;
        bounds_of_numbers(entries.iter().zip(seen).filter(|(_, seen)| **seen).map(|(entry, _)| *entry))
    }

    fn turn_plain(&mut self) {
        self.dictionary = None;
    }

    fn waiting_bytes(&self) -> usize {
        size_of_val(self.waiting.as_slice())
    }

    fn take_waiting(&mut self, out: &mut Vec<u8>) -> Bounds {
        out.extend_from_slice(self.waiting.to_byte_slice());
        let bounds = bounds_of_numbers(self.waiting.iter().copied());
        self.waiting.clear();
        bounds
    }

    fn sample(&self) -> Bound {
        T::default().bound()
    }

    fn float_width(&self) -> Option<usize> {
        matches!(self.sample(), Bound::F32(_) | Bound::F64(_)).then_some(size_of::<T>())
    }
}
