//! [`NumberedTexts`]: texts of at most 12 bytes that begin alike and end in a number, such as `id0000012345` or `A-17`, kept
//! as that number. Its digits are read and written eight at a time (Lemire, "Quickly parsing eight digits", 2018; Khuong,
//! "How to print integers really fast", 2017).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewArray, StringViewArray, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::max;
use arrow::datatypes::DataType;

use super::notation::numbers_of;
use super::short::views_of;

/// All numbers of so many digits have 32 bits.
const DIGITS: u32 = 9;
/// The first number of as many.
const HUNDRED_MILLION: u32 = 100_000_000;
/// Digits that are read and written at once.
const AT_ONCE: u32 = 8;
/// Texts that differ in fewer bytes take no more as texts, and come back faster.
const FEWEST: u32 = 5;
/// Bytes of text that lie in a view.
const INLINE: u32 = 12;
/// Bytes of a view before its text.
const LENGTH: u32 = 4;
/// A zero as a text, in each byte of a word.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Texts of some bytes and a number behind them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NumberedTexts {
    data_type: DataType,
    /// The view of the bytes that come before each number.
    prefix: u128,
    /// If all texts have one length, how many digits each number has; else none begins with a zero, unless it is one.
    digits: Option<u32>,
}

impl NumberedTexts {
    /// What all texts have in common, and their numbers.
    pub(super) fn of(parts: &[ArrayRef]) -> Option<(NumberedTexts, Vec<ArrayRef>)> {
        let data_type = parts.first()?.data_type();
        let texts = NumberedTexts { data_type: data_type.clone(), ..NumberedTexts::alike(parts)? };
        let numbers: Option<Vec<ArrayRef>> = parts.iter().map(|part| texts.numbers(part)).collect();
        Some((texts, numbers?))
    }

    /// What all texts would begin with if they were numbered, and how many digits they would have.
    fn alike(parts: &[ArrayRef]) -> Option<NumberedTexts> {
        let parts: Option<Vec<_>> = parts.iter().map(views_of).collect();
        let parts = parts?;
        let is_valid = |nulls: Option<&NullBuffer>, row| nulls.is_none_or(|nulls| nulls.is_valid(row));
        let first = parts.iter().find_map(|(views, nulls)| {
            views.iter().enumerate().find(|(row, _)| is_valid(*nulls, *row)).map(|(_, view)| *view)
        })?;
        let number_from = number_start(first)?;
        let (mut differing, mut longest) = (0, 0);
        for (views, nulls) in parts {
            // Most columns of other texts give that away at once.
            const TRIAL: usize = 64;
            let trial = TRIAL.min(views.len());
            for rows in [0..trial, trial..views.len()] {
                let of_rows = match nulls {
                    None => seen(&views[rows], first, |_| true),
                    Some(nulls) => seen(&views[rows.clone()], first, |row| nulls.is_valid(rows.start + row)),
                };
                (differing, longest) = (differing | of_rows.0, longest.max(of_rows.1));
                if first_byte(differing) < number_from {
                    return None;
                }
            }
        }
        let have_one_length = differing as u32 == 0;
        let from = if have_one_length { first_byte(differing).min(longest) } else { number_from };
        let (digits, most) = (longest - from, if have_one_length { AT_ONCE } else { DIGITS });
        let pays = (FEWEST..=most).contains(&digits);
        let digits = have_one_length.then_some(digits);
        pays.then(|| NumberedTexts { data_type: DataType::Null, prefix: prefix(first, from), digits })
    }

    fn numbers(&self, part: &ArrayRef) -> Option<ArrayRef> {
        let (views, _) = views_of(part)?;
        match self.digits {
            Some(digits) => read(views, part, padded(self.prefix as u32 + digits, digits)),
            None => read(views, part, unpadded(self.prefix as u32)),
        }
    }

    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The texts of numbers.
    pub(super) fn values(&self, numbers: &UInt32Array) -> ArrayRef {
        let has_nine = max(numbers) >= Some(HUNDRED_MILLION);
        let views = match self.digits {
            Some(digits) => self.views(numbers, digits, |number| last_of(eight_of(number), digits)),
            None if has_nine => self.views(numbers, DIGITS, |number| {
                let (first, eight) = (number / HUNDRED_MILLION, eight_of(number % HUNDRED_MILLION));
                match first {
                    0 => without_zeros(eight),
                    _ => (u128::from(eight | ZEROS) << 8 | u128::from(first + u32::from(b'0')), DIGITS),
                }
            }),
            None => self.views(numbers, AT_ONCE, |number| without_zeros(eight_of(number))),
        };
        let (views, nulls) = (ScalarBuffer::from(views), numbers.nulls().cloned());
        // SAFETY: each view is of at most 12 bytes, which lie in it with zeros behind them: those before the first digit of a
        // text of the column, and then digits. They are UTF-8 if the column was of texts.
        unsafe {
            match self.data_type {
                DataType::Utf8View => Arc::new(StringViewArray::new_unchecked(views, [], nulls)),
                _ => Arc::new(BinaryViewArray::new_unchecked(views, [], nulls)),
            }
        }
    }

    /// The texts' views, from the digits of each number, the first in the lowest byte, and how many of at most so many there
    /// are.
    fn views(&self, numbers: &UInt32Array, most: u32, digits: impl Fn(u32) -> (u128, u32)) -> Vec<u128> {
        let (length, prefix) = (self.prefix as u32, self.prefix >> u32::BITS << u32::BITS);
        let most = 10u32.pow(most.min(INLINE - length)) - 1;
        let view = |number: &u32| {
            // Numbers of nulls may be any.
            let (text, digits) = digits((*number).min(most));
            prefix | text << (8 * (LENGTH + length)) | u128::from(length + digits)
        };
        numbers.values().iter().map(view).collect()
    }
}

/// Where the digits begin with which a short text ends; `None` if it ends in none.
fn number_start(view: u128) -> Option<u32> {
    let length = view as u32;
    if length > INLINE {
        return None;
    }
    let bytes = view.to_le_bytes();
    let text = &bytes[4..][..length as usize];
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count() as u32;
    (digits > 0).then_some(length - digits)
}

/// The bits in which views that are there differ from one, and the length of the longest text.
fn seen(views: &[u128], from: u128, is_valid: impl Fn(usize) -> bool) -> (u128, u32) {
    let valid = views.iter().enumerate().filter(|(row, _)| is_valid(*row));
    valid.fold((0, 0), |(differing, longest), (_, view)| (differing | view ^ from, longest.max(*view as u32)))
}

/// The first byte of text in which there are bits.
fn first_byte(differing: u128) -> u32 {
    ((differing >> u32::BITS).trailing_zeros() / 8).min(INLINE)
}

/// The view of the first bytes of a text.
fn prefix(view: u128, bytes: u32) -> u128 {
    let mask = !(u128::MAX << (8 * bytes)) << u32::BITS;
    view & mask | u128::from(bytes)
}

/// The number of each text, if there is one: `number` gives it, and zero for a text that has one.
fn read(views: &[u128], part: &ArrayRef, number: impl Fn(u128) -> (u64, u64) + Copy) -> Option<ArrayRef> {
    let all = |views: &[u128], numbers: &mut Vec<u32>| {
        let mut wrong = 0;
        numbers.extend(views.iter().map(|view| {
            let (number, is_none) = number(*view);
            wrong |= is_none;
            number as u32
        }));
        wrong == 0
    };
    numbers_of(views, part, all, |view| {
        let (number, is_none) = number(view);
        (is_none == 0).then_some(number as u32)
    })
}

/// The number of a text of some length with so many digits, eight at most, at its end.
fn padded(length: u32, digits: u32) -> impl Fn(u128) -> (u64, u64) + Copy {
    let (end, before) = (8 * (LENGTH + length) - u64::BITS, u64::BITS - 8 * digits);
    move |view| {
        let values = ((view >> end) as u64 ^ ZEROS) >> before << before;
        (eight_digits(values), no_digits(values) | u64::from(view as u32 ^ length))
    }
}

/// The number of a text that has it, and no zero before it, behind so many bytes.
fn unpadded(prefix: u32) -> impl Fn(u128) -> (u64, u64) + Copy {
    let (start, most) = (8 * (LENGTH + prefix), DIGITS.min(INLINE - prefix));
    move |view| {
        let (digits, text) = ((view as u32).wrapping_sub(prefix), view >> start);
        let values = (text as u64 ^ ZEROS) << (u64::BITS.wrapping_sub(8 * digits.min(AT_ONCE)) % u64::BITS);
        let (number, last) = (eight_digits(values), u64::from((text >> u64::BITS) as u8 ^ b'0'));
        let has_nine = digits == DIGITS;
        let is_wrong = (digits.wrapping_sub(1) >= most)
            | ((text as u8 == b'0') & (digits > 1))
            | (has_nine & (last > 9));
        (if has_nine { 10 * number + last } else { number }, no_digits(values) | u64::from(is_wrong))
    }
}

/// Zero if each byte is less than ten.
#[inline(always)]
fn no_digits(bytes: u64) -> u64 {
    ((bytes & 0x7F7F_7F7F_7F7F_7F7F).wrapping_add(0x7676_7676_7676_7676) | bytes) & 0x8080_8080_8080_8080
}

/// The number of eight digits, the first in the lowest byte.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let (first, second) = (pairs & 0x0000_00FF_0000_00FF, (pairs >> 16) & 0x0000_00FF_0000_00FF);
    let sum =
        first.wrapping_mul(100 + (1_000_000 << 32)).wrapping_add(second.wrapping_mul(1 + (10_000 << 32)));
    sum >> 32
}

/// The eight digits of a number, the first in the lowest byte.
#[inline(always)]
fn eight_of(number: u32) -> u64 {
    let number = u64::from(number);
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let pairs = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | (pairs - 10 * tens) << 8
}

/// The last of eight digits as a text, and how many they are.
#[inline(always)]
fn last_of(eight: u64, digits: u32) -> (u128, u32) {
    (u128::from((eight | ZEROS) >> (u64::BITS - 8 * digits)), digits)
}

/// The same from the first that is not zero.
#[inline(always)]
fn without_zeros(eight: u64) -> (u128, u32) {
    last_of(eight, AT_ONCE - (eight.trailing_zeros() / 8).min(AT_ONCE - 1))
}
