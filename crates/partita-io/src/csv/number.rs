//! Numbers from text: eight digits in three multiplications, and floats that are correctly rounded.
//!
//! Two grammars. The strict one is for inferred columns and accepts only what a number column should swallow:
//! no `+`, no leading zeros, no whole number that the type cannot hold exactly. The lenient one is for
//! columns whose type was given: leading zeros are fine and floats round.

/// Which spellings are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// For inferred columns.
    Strict,
    /// For given types.
    Lenient,
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// The powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Sixteen bytes from `start`, the first in the lowest byte; the buffer's end is padded with zeros.
#[inline(always)]
pub(crate) fn sixteen(bytes: &[u8], start: usize) -> u128 {
    match bytes.get(start..).and_then(|rest| rest.first_chunk::<16>()) {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => sixteen_at_end(bytes, start),
    }
}

#[cold]
fn sixteen_at_end(bytes: &[u8], start: usize) -> u128 {
    let mut padded = [0; 16];
    let rest = bytes.get(start..).unwrap_or_default();
    padded[..rest.len()].copy_from_slice(rest);
    u128::from_le_bytes(padded)
}

/// Up to eight digits, most significant in the lowest byte, each byte's value 0 to 9.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(2561) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(6_553_601) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(42_949_672_960_001) >> 32
}

#[inline(always)]
fn are_digits(values: u64) -> bool {
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080 == 0
}

/// The number written in the lowest `length` bytes, 1 to 16 of them.
#[inline(always)]
fn digits(word: u128, length: usize) -> Option<u64> {
    if length <= 8 {
        let values = (word as u64 ^ ZEROS) << (64 - 8 * length);
        return are_digits(values).then(|| eight_digits(values));
    }
    let high = word as u64 ^ ZEROS;
    let low = ((word >> 64) as u64 ^ ZEROS) << (128 - 8 * length);
    (are_digits(high) && are_digits(low)).then(|| eight_digits(high) * POWERS[length - 8] + eight_digits(low))
}

/// The integer in `bytes[start..end]`.
#[inline(always)]
pub(crate) fn integer(bytes: &[u8], start: usize, end: usize, grammar: Grammar) -> Option<i64> {
    let mut start = start;
    let negative = bytes.get(start) == Some(&b'-');
    start += usize::from(negative);
    let length = end.checked_sub(start)?;
    if length == 0 {
        return None;
    }
    if length > 16 {
        return long_integer(bytes.get(start..end)?, negative, grammar);
    }
    let word = sixteen(bytes, start);
    if grammar == Grammar::Strict && length > 1 && word as u8 == b'0' {
        return None;
    }
    let magnitude = digits(word, length)?.cast_signed();
    Some(if negative { -magnitude } else { magnitude })
}

#[cold]
fn long_integer(digits: &[u8], negative: bool, grammar: Grammar) -> Option<i64> {
    if grammar == Grammar::Strict && digits.first() == Some(&b'0') {
        return None;
    }
    let mut value: i64 = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards, because the least integer has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// The unsigned integer in `text`, for the type that `i64` does not cover.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for &digit in text {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!text.is_empty()).then_some(value)
}

/// The float in `bytes[start..end]`, correctly rounded.
#[inline(always)]
pub(crate) fn float(bytes: &[u8], start: usize, end: usize, grammar: Grammar) -> Option<f64> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let length = end.checked_sub(first)?;
    if length == 0 || length > 16 {
        return slow_float(bytes.get(start..end)?, grammar);
    }
    let word = sixteen(bytes, first);
    match simple_float(word, length, grammar) {
        Some(magnitude) => Some(if negative { -magnitude } else { magnitude }),
        None => slow_float(bytes.get(start..end)?, grammar),
    }
}

/// Digits with at most one point among them, so few that both they and the power of ten are exact doubles
/// and their quotient is rounded once.
#[inline(always)]
fn simple_float(word: u128, length: usize, grammar: Grammar) -> Option<f64> {
    let inside = u128::MAX >> (128 - 8 * length);
    let dots = point(word & inside);
    if dots >= length {
        if length > 15 || (grammar == Grammar::Strict && length > 1 && word as u8 == b'0') {
            return None;
        }
        return digits(word, length).map(|value| value as f64);
    }
    if length < 2 || (grammar == Grammar::Strict && dots > 1 && word as u8 == b'0') {
        return None;
    }
    let before = (1u128 << (8 * dots)) - 1;
    let without_point = (word & before) | (word >> 8 & !before);
    let value = digits(without_point, length - 1)?;
    Some(value as f64 / EXACT_POWERS[length - 1 - dots])
}

/// The number of bytes before the first point; 16 if there is none.
#[inline(always)]
fn point(word: u128) -> usize {
    const ONES: u128 = u128::from_le_bytes([1; 16]);
    const HIGHS: u128 = u128::from_le_bytes([0x80; 16]);
    let difference = word ^ (ONES * b'.' as u128);
    // The lowest set bit is exact; those above it need not be.
    let zeros = difference.wrapping_sub(ONES) & !difference & HIGHS;
    zeros.trailing_zeros() as usize / 8
}

#[cold]
fn slow_float(text: &[u8], grammar: Grammar) -> Option<f64> {
    match shape(text)? {
        Shape::Special => {}
        Shape::Whole if grammar == Grammar::Strict => {
            let value = integer(text, 0, text.len(), grammar)?;
            let rounded = value as f64;
            return (rounded as i128 == i128::from(value)).then_some(rounded);
        }
        Shape::Whole | Shape::Fraction => {
            let unsigned = text.strip_prefix(b"-").unwrap_or(text);
            let has_leading_zero =
                unsigned.first() == Some(&b'0') && unsigned.get(1).is_some_and(u8::is_ascii_digit);
            if grammar == Grammar::Strict && has_leading_zero {
                return None;
            }
        }
    }
    fast_float2::parse(text).ok()
}

/// The single-precision float in `text`, correctly rounded.
pub(crate) fn single_float(text: &[u8]) -> Option<f32> {
    shape(text)?;
    fast_float2::parse(text).ok()
}

enum Shape {
    Whole,
    Fraction,
    Special,
}

/// Whether a text is a number: digits with a point and an exponent, or `inf`, `infinity`, `nan` in any case.
fn shape(text: &[u8]) -> Option<Shape> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    if ["inf", "infinity", "nan"].iter().any(|special| text.eq_ignore_ascii_case(special.as_bytes())) {
        return Some(Shape::Special);
    }
    let (whole, rest) = leading_digits(text);
    let (fraction, rest, has_point) = match rest.strip_prefix(b".") {
        Some(rest) => {
            let (fraction, rest) = leading_digits(rest);
            (fraction, rest, true)
        }
        None => (0, rest, false),
    };
    if whole + fraction == 0 {
        return None;
    }
    let Some((b'e' | b'E', exponent)) = rest.split_first() else {
        let shape = if has_point { Shape::Fraction } else { Shape::Whole };
        return rest.is_empty().then_some(shape);
    };
    let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let (count, rest) = leading_digits(exponent);
    (count > 0 && rest.is_empty()).then_some(Shape::Fraction)
}

fn leading_digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, &text[count..])
}

/// The decimal in `text` as an integer of `10^-scale`; `None` if it has more digits than the type holds.
pub(crate) fn decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let negative = text.first() == Some(&b'-');
    let text = if negative { &text[1..] } else { text };
    let (whole, rest) = leading_digits(text);
    let fraction = rest.strip_prefix(b".").unwrap_or_default();
    let (count, tail) = leading_digits(fraction);
    if whole + count == 0 || !tail.is_empty() || (!rest.is_empty() && rest[0] != b'.') {
        return None;
    }
    let fraction = &fraction[..fraction.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1)];
    let mut value: i128 = 0;
    for &digit in text[..whole].iter().chain(fraction) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let shift = i32::from(scale) - i32::try_from(fraction.len()).ok()?;
    let power = 10i128.checked_pow(shift.unsigned_abs())?;
    let value = match shift {
        0.. => value.checked_mul(power)?,
        _ if fraction.is_empty() && value % power == 0 => value / power,
        _ => return None,
    };
    let fits = value < 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    fits.then_some(if negative { -value } else { value })
}
