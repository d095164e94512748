//! Dates, times and timestamps from text, in the fixed shapes of ISO 8601.
//!
//! A date is `YYYY-MM-DD`. A time is `HH:MM:SS` with up to nine digits of fraction. A timestamp is a date,
//! `T` or a space, a time whose seconds may be missing, and for an instant `Z` or an offset
//! (`+02:00`, `+0200`, `+02`). Leap seconds and `24:00` are not accepted.

use super::number::sixteen;

/// A local or absolute point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Seconds since 1970-01-01, of the UTC clock if there is an offset.
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
    /// Whether an offset or `Z` was given.
    pub(crate) has_offset: bool,
}

/// The days since 1970-01-01 of a proleptic Gregorian date that exists.
#[inline(always)]
fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u8; 16] = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];
    if month > 15 || day == 0 || day > u32::from(LENGTHS[month as usize]) {
        return None;
    }
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if month == 2 && day == 29 && !is_leap {
        return None;
    }
    // Years begin in March here, so that the leap day is the last; 400 more years keep them positive.
    let year = year + 400 - u32::from(month < 3);
    let month = if month < 3 { month + 9 } else { month - 3 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_number = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    Some(day_number.cast_signed() - 719_468 - 146_097)
}

const DATE: u128 = u128::from_le_bytes(*b"0000-00-00\0\0\0\0\0\0");
const DATE_INSIDE: u128 = (1 << 80) - 1;
/// Added to a byte, sets its high bit if a digit is above 9 or a separator is not itself.
const DATE_LIMITS: u128 =
    u128::from_le_bytes([0x76, 0x76, 0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76, 0, 0, 0, 0, 0, 0]);
const HIGHS: u128 = u128::from_le_bytes([0x80; 16]);

/// The date in `bytes[start..end]`.
#[inline(always)]
pub(crate) fn date(bytes: &[u8], start: usize, end: usize) -> Option<i32> {
    if end.wrapping_sub(start) != 10 {
        return None;
    }
    date_of(sixteen(bytes, start))
}

#[inline(always)]
fn date_of(word: u128) -> Option<i32> {
    let values = (word ^ DATE) & DATE_INSIDE;
    if (values.wrapping_add(DATE_LIMITS) | values) & HIGHS != 0 {
        return None;
    }
    let two = |at: u32| {
        let pair = (values >> (8 * at)) as u32;
        (pair & 0xf) * 10 + (pair >> 8 & 0xf)
    };
    days(two(0) * 100 + two(2), two(5), two(8))
}

/// The timestamp in `text`.
#[inline]
pub(crate) fn timestamp(text: &[u8]) -> Option<Moment> {
    if !matches!(text.get(10)?, b'T' | b' ' | b't') {
        return None;
    }
    let day = date_of(sixteen(text, 0))?;
    let (clock, rest) = clock(&text[11..], false)?;
    let offset = offset(rest)?;
    Some(Moment {
        seconds: i64::from(day) * 86_400 + i64::from(clock.seconds) - i64::from(offset.unwrap_or(0)),
        nanoseconds: clock.nanoseconds,
        has_offset: offset.is_some(),
    })
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) seconds: u32,
    pub(crate) nanoseconds: u32,
}

/// The time of day in `text`; its seconds may be missing only if `lenient`.
pub(crate) fn time(text: &[u8], lenient: bool) -> Option<Clock> {
    let (clock, rest) = clock(text, !lenient)?;
    rest.is_empty().then_some(clock)
}

#[inline(always)]
fn two_digits(text: &[u8]) -> Option<u32> {
    let (tens, ones) = (text.first()?.wrapping_sub(b'0'), text.get(1)?.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

#[inline(always)]
fn clock(text: &[u8], needs_seconds: bool) -> Option<(Clock, &[u8])> {
    let (hour, minute) = (two_digits(text)?, two_digits(text.get(3..)?)?);
    if text[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let mut seconds = hour * 3_600 + minute * 60;
    let rest = &text[5..];
    let Some(rest) = rest.strip_prefix(b":") else {
        return (!needs_seconds).then_some((Clock { seconds, nanoseconds: 0 }, rest));
    };
    let second = two_digits(rest)?;
    if second > 59 {
        return None;
    }
    seconds += second;
    let rest = &rest[2..];
    let Some(rest) = rest.strip_prefix(b".") else {
        return Some((Clock { seconds, nanoseconds: 0 }, rest));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let fraction = rest[..count].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    let nanoseconds = fraction * 10u32.pow(9 - count as u32);
    Some((Clock { seconds, nanoseconds }, &rest[count..]))
}

/// The offset in seconds that ends a timestamp; `Some(None)` if there is none.
#[inline(always)]
fn offset(text: &[u8]) -> Option<Option<i32>> {
    let (sign, rest) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let hours = two_digits(rest)?;
    let minutes = match &rest[2..] {
        [] => 0,
        [b':', minutes @ ..] | minutes if minutes.len() == 2 => two_digits(minutes)?,
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(Some(sign * (hours * 3_600 + minutes * 60).cast_signed()))
}
