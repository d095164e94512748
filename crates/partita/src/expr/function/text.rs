//! Functions of text, under `.str()`. Positions and lengths are in characters, as in pandas.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, ListBuilder, StringViewArray,
    StringViewBuilder, TimestampMicrosecondArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::comparison::{contains, ends_with, starts_with};
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit};
use chrono::{NaiveDate, NaiveTime};
use partita_kernels::text::{slice, slice_texts};
use regex::Regex;

use super::format::{format_argument, parsed};
use super::like::Like;
use super::macros::functions;
use super::{Call, Returns};
use crate::Result;
#[cfg(test)]
use crate::expr::lit;
use crate::expr::tree::Expr;
use crate::expr::types::is_text;
use crate::expr::value::{Evaluated, Fault, Value, row_count};

/// The functions of text: `col("name").str().upper()`.
#[derive(Clone, Debug)]
#[must_use = "a namespace does nothing; call one of its methods"]
pub struct Text(Expr);

impl From<Text> for Expr {
    fn from(text: Text) -> Expr {
        text.0
    }
}

impl Expr {
    /// The functions of text.
    pub fn str(self) -> Text {
        Text(self)
    }
}

functions! {
    for Text, examples text_examples;

    /// How many characters there are.
    len() = "str.len", lit("héé").str().len() => "3", |call| counted(call, |text| text.chars().count() as i64);
    /// How many bytes the text takes in UTF-8.
    len_bytes() = "str.len_bytes", lit("héé").str().len_bytes() => "5", |call| counted(call, |text| text.len() as i64);
    /// In upper case.
    upper() = "str.upper", lit("straße").str().upper() => "STRASSE", |call| mapped(call, |text| text.to_uppercase().into());
    /// In lower case.
    lower() = "str.lower", lit("ÀB").str().lower() => "àb", |call| mapped(call, |text| text.to_lowercase().into());
    /// The first character in upper case, the others in lower case.
    capitalize() = "str.capitalize", lit("new YORK").str().capitalize() => "New york", |call| mapped(call, capitalize);
    /// Without white space at both ends.
    strip() = "str.strip", lit(" a b ").str().strip() => "a b", |call| mapped(call, |text| text.trim().into());
    /// Without white space at the start.
    lstrip() = "str.lstrip", lit("  a").str().lstrip() => "a", |call| mapped(call, |text| text.trim_start().into());
    /// Without white space at the end.
    rstrip() = "str.rstrip", lit("a  ").str().rstrip() => "a", |call| mapped(call, |text| text.trim_end().into());
    /// Without any of the characters of `characters` at both ends.
    strip_chars(characters) = "str.strip_chars", lit("--a-").str().strip_chars("-") => "a", |call| {
        let set = literal(call, 1)?;
        mapped(call, move |text| text.trim_matches(|c| set.contains(c)).into())
    };
    /// Without any of the characters of `characters` at the start.
    lstrip_chars(characters) = "str.lstrip_chars", lit("--a-").str().lstrip_chars("-") => "a-", |call| {
        let set = literal(call, 1)?;
        mapped(call, move |text| text.trim_start_matches(|c| set.contains(c)).into())
    };
    /// Without any of the characters of `characters` at the end.
    rstrip_chars(characters) = "str.rstrip_chars", lit("--a-").str().rstrip_chars("-") => "--a", |call| {
        let set = literal(call, 1)?;
        mapped(call, move |text| text.trim_end_matches(|c| set.contains(c)).into())
    };
    /// Without `prefix`, if the text starts with it.
    remove_prefix(prefix) = "str.remove_prefix", lit("N123").str().remove_prefix("N") => "123", |call| {
        let prefix = literal(call, 1)?;
        mapped(call, move |text| text.strip_prefix(prefix.as_str()).unwrap_or(text).into())
    };
    /// Without `suffix`, if the text ends with it.
    remove_suffix(suffix) = "str.remove_suffix", lit("a.csv").str().remove_suffix(".csv") => "a", |call| {
        let suffix = literal(call, 1)?;
        mapped(call, move |text| text.strip_suffix(suffix.as_str()).unwrap_or(text).into())
    };
    /// Whether `part` occurs, taken literally; for patterns see [`Text::matches`].
    contains(part) = "str.contains", lit("abc").str().contains("b") => "true", |call| tested(call, contains);
    /// Whether the text starts with `part`.
    starts_with(part) = "str.starts_with", lit("abc").str().starts_with("ab") => "true",
        |call| tested(call, starts_with);
    /// Whether the text ends with `part`.
    ends_with(part) = "str.ends_with", lit("abc").str().ends_with("bc") => "true", |call| tested(call, ends_with);
    /// Whether the regular expression `pattern` matches anywhere; anchor it with `^` and `$` for the whole text.
    matches(pattern) = "str.matches", lit("AA11").str().matches("[0-9]+$") => "true", |call| {
        let pattern = regex(call)?;
        searched(call, move |text| pattern.is_match(text))
    };
    /// Whether the whole text is as `pattern` says, in SQL's way: `%` stands for any text, `_` for one character, and
    /// `\` takes the next character literally.
    like(pattern) = "str.like", lit("abcd").str().like("a%c_") => "true", |call| {
        let pattern = Like::new(&literal(call, 1)?).map_err(|error| call.clash(error))?;
        searched(call, move |text| pattern.is_match(text))
    };
    /// Every `from` replaced by `to`, both taken literally.
    replace(from, to) = "str.replace", lit("a-b-c").str().replace("-", "") => "abc", |call| {
        let (from, to) = (literal(call, 1)?, literal(call, 2)?);
        mapped(call, move |text| if text.contains(from.as_str()) { text.replace(from.as_str(), &to).into() } else { text.into() })
    };
    /// Every match of the regular expression replaced by `to`, in which `$1` or `${name}` is a group.
    replace_regex(pattern, to) = "str.replace_regex", lit("a1b22").str().replace_regex("[0-9]+", "#") => "a#b#", |call| {
        let (pattern, to) = (regex(call)?, literal(call, 2)?);
        mapped(call, move |text| pattern.replace_all(text, to.as_str()))
    };
    /// What group number `group` of the first match of a regular expression holds; 0 is the whole match. Null
    /// without a match.
    extract(pattern, group) = "str.extract", lit("N123AA").str().extract("([0-9]+)", 1) => "123", |call| {
        let (pattern, group) = (regex(call)?, call.literal_integer(2)?);
        let Some(group) = usize::try_from(group).ok().filter(|group| *group < pattern.captures_len()) else {
            return Err(call.clash(format!(
                "the pattern has groups 0 to {}, and {group} is none of them", pattern.captures_len() - 1
            )));
        };
        call.text(0)?;
        call.keep(1);
        Ok(Returns::new(DataType::Utf8View, move |arguments| {
            let texts = arguments[0].array().as_string_view();
            let found: StringViewArray = texts.iter()
                .map(|text| pattern.captures(text?)?.get(group).map(|found| found.as_str()))
                .collect();
            Ok(Arc::new(found))
        }).with_nullable(true))
    };
    /// `length` characters from character `start` on; a negative `start` counts from the end, and a null length
    /// takes all that follow.
    slice(start, length) = "str.slice", lit("héllo").str().slice(-4, 2) => "él", |call| {
        call.text(0)?;
        call.integer(1)?;
        let open = call.data_type(2) == &DataType::Null;
        call.integer(2)?;
        let returns = Returns::new(DataType::Utf8View, move |arguments| {
            let bounds = |row| {
                let length = integer_at(&arguments[2], row).or(open.then_some(i64::MAX));
                integer_at(&arguments[1], row).zip(length)
            };
            if arguments[1].is_scalar() && arguments[2].is_scalar() && let Some((start, length)) = bounds(0) {
                return Ok(Arc::new(slice_texts(arguments[0].array().as_string_view(), start, length)));
            }
            by_row(arguments, |row| {
                let (text, (start, length)) = (text_at(&arguments[0], row)?, bounds(row)?);
                Some(slice(text, start, length).into())
            })
        });
        let nullable = call.nullable(0) || call.nullable(1) || call.nullable(2) && !open;
        Ok(returns.with_nullable(nullable))
    };
    /// The pieces between every `separator`, as a list.
    split(separator) = "str.split", lit("a,b").str().split(",") => "[a, b]", |call| {
        let separator = separator_argument(call)?;
        call.text(0)?;
        call.keep(1);
        let item = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        Ok(Returns::new(DataType::List(item), move |arguments| {
            let mut lists = ListBuilder::new(StringViewBuilder::new());
            for text in arguments[0].array().as_string_view() {
                match text {
                    None => lists.append(false),
                    Some(text) => {
                        text.split(separator.as_str()).for_each(|piece| lists.values().append_value(piece));
                        lists.append(true);
                    }
                }
            }
            Ok(Arc::new(lists.finish()))
        }))
    };
    /// Piece number `index` between every `separator`, from 0, or from the end if negative; null if there is none.
    split_part(separator, index) = "str.split_part", lit("a,b,c").str().split_part(",", -1) => "c", |call| {
        let separator = separator_argument(call)?;
        call.text(0)?;
        call.integer(2)?;
        Ok(Returns::new(DataType::Utf8View, move |arguments| {
            by_row(arguments, |row| {
                let (text, index) = (text_at(&arguments[0], row)?, integer_at(&arguments[2], row)?);
                let piece = match usize::try_from(index) {
                    Ok(index) => text.split(separator.as_str()).nth(index),
                    Err(_) => text.rsplit(separator.as_str()).nth(usize::try_from(-(index + 1)).ok()?),
                };
                piece.map(Cow::Borrowed)
            })
        }).with_nullable(true))
    };
    /// Filled up at the start to `width` characters with `fill`, one character.
    pad_start(width, fill) = "str.pad_start", lit("7").str().pad_start(3, "0") => "007", |call| padded(call, true);
    /// Filled up at the end to `width` characters with `fill`, one character.
    pad_end(width, fill) = "str.pad_end", lit("ab").str().pad_end(4, ".") => "ab..", |call| padded(call, false);
    /// Filled up with zeros to `width` characters, after the sign if there is one.
    zfill(width) = "str.zfill", lit("-7").str().zfill(4) => "-007", |call| {
        let width = width_argument(call)?;
        mapped(call, move |text| {
            let missing = width.saturating_sub(text.chars().count());
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            format!("{sign}{}{digits}", "0".repeat(missing)).into()
        })
    };
    /// This text and then `other`; null if either is. For more than two see `concat_str`.
    concat(other) = "str.concat", lit("a").str().concat("b") => "ab", |call| {
        call.text(0)?;
        call.text(1)?;
        Ok(Returns::new(DataType::Utf8View, |arguments| {
            by_row(arguments, |row| {
                Some([text_at(&arguments[0], row)?, text_at(&arguments[1], row)?].concat().into())
            })
        }))
    };
    /// The number of characters before the first `part`, or -1 if it does not occur.
    find(part) = "str.find", lit("héllo").str().find("l") => "2", |call| {
        let part = literal(call, 1)?;
        counted(call, move |text| text.find(part.as_str()).map_or(-1, |at| text[..at].chars().count() as i64))
    };
    /// How often `part` occurs, without overlaps.
    count(part) = "str.count", lit("banana").str().count("an") => "2", |call| {
        let part = literal(call, 1)?;
        counted(call, move |text| text.matches(part.as_str()).count() as i64)
    };
    /// The characters in reverse order.
    reverse() = "str.reverse", lit("abc").str().reverse() => "cba",
        |call| mapped(call, |text| text.chars().rev().collect::<String>().into());
    /// `count` times over; empty for zero or less.
    repeat(count) = "str.repeat", lit("ab").str().repeat(2) => "abab", |call| {
        call.text(0)?;
        call.integer(1)?;
        Ok(Returns::new(DataType::Utf8View, |arguments| {
            for row in 0..row_count(arguments) {
                let (text, count) = (text_at(&arguments[0], row), integer_at(&arguments[1], row));
                if let (Some(text), Some(count)) = (text, count)
                    && (text.len() as i64).checked_mul(count).is_none_or(|bytes| bytes > LONGEST)
                {
                    return Err(Fault::value(format!("a text repeated {count} times is longer than {LONGEST} bytes")));
                }
            }
            by_row(arguments, |row| {
                let (text, count) = (text_at(&arguments[0], row)?, integer_at(&arguments[1], row)?);
                Some(text.repeat(usize::try_from(count).unwrap_or(0)).into())
            })
        }).raising())
    };
    /// The date that the text is by a format such as `"%d.%m.%Y"`; text that is none is an error.
    to_date(format) = "str.to_date", lit("31.01.2013").str().to_date("%d.%m.%Y") => "2013-01-31", |call| {
        let format = format_argument(call)?;
        call.text(0)?;
        call.keep(1);
        Ok(Returns::new(DataType::Date32, move |arguments| {
            let dates = parsed(arguments, |text| {
                let date = format.read(text)?.to_naive_date().ok()?;
                i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
            }, "date", &format.text)?;
            Ok(Arc::new(Date32Array::from(dates)))
        }).raising())
    };
    /// The timestamp that the text is by a format such as `"%d.%m.%Y %H:%M"`, without a zone; with `%z` it is
    /// brought to UTC. Text that is none is an error.
    to_timestamp(format) = "str.to_timestamp",
        lit("31.01.2013 17:05").str().to_timestamp("%d.%m.%Y %H:%M") => "2013-01-31T17:05:00", |call| {
        let format = format_argument(call)?;
        call.text(0)?;
        call.keep(1);
        Ok(Returns::new(DataType::Timestamp(TimeUnit::Microsecond, None), move |arguments| {
            let times = parsed(arguments, |text| {
                let parsed = format.read(text)?;
                let offset = i64::from(parsed.offset().unwrap_or(0));
                let local = match parsed.to_naive_datetime_with_offset(offset as i32) {
                    Ok(local) => local,
                    Err(_) => parsed.to_naive_date().ok()?.and_time(NaiveTime::MIN),
                };
                local.and_utc().timestamp_micros().checked_sub(offset * 1_000_000)
            }, "timestamp", &format.text)?;
            Ok(Arc::new(TimestampMicrosecondArray::from(times)))
        }).raising())
    };
}

impl Text {
    /// The number that the text is, as float64; text that is none is an error.
    pub fn to_number(self) -> Expr {
        self.0.cast(DataType::Float64)
    }
}

/// No text made by repeating or padding may be longer.
const LONGEST: i64 = 1 << 26;

/// A literal argument, taken out of the call before the kernel runs.
fn literal(call: &Call<'_, '_>, index: usize) -> Result<String> {
    call.literal_text(index)
}

fn separator_argument(call: &Call<'_, '_>) -> Result<String> {
    let separator = call.literal_text(1)?;
    if separator.is_empty() {
        return Err(call.clash("an empty separator splits nothing"));
    }
    Ok(separator)
}

fn regex(call: &Call<'_, '_>) -> Result<Regex> {
    let pattern = call.literal_text(1)?;
    Regex::new(&pattern).map_err(|error| {
        // The last line says what is wrong; those before draw the place.
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        call.clash(format!("{pattern:?} is no regular expression: {reason}"))
    })
}

fn width_argument(call: &Call<'_, '_>) -> Result<usize> {
    let width = call.literal_integer(1)?;
    match usize::try_from(width) {
        Ok(fits) if width <= LONGEST => Ok(fits),
        _ => Err(call.clash(format!("a width is between 0 and {LONGEST}, not {width}"))),
    }
}

/// Text from text. Only the first argument is left to the kernel.
fn mapped(
    call: &mut Call<'_, '_>,
    f: impl for<'t> Fn(&'t str) -> Cow<'t, str> + Send + Sync + 'static,
) -> Result<Returns> {
    call.text(0)?;
    call.keep(1);
    Ok(Returns::new(DataType::Utf8View, move |arguments| {
        by_row(arguments, |row| text_at(&arguments[0], row).map(&f))
    }))
}

/// A number from text.
fn counted(call: &mut Call<'_, '_>, f: impl Fn(&str) -> i64 + Send + Sync + 'static) -> Result<Returns> {
    call.text(0)?;
    call.keep(1);
    Ok(Returns::new(DataType::Int64, move |arguments| {
        let texts = arguments[0].array().as_string_view();
        let counts: Vec<i64> =
            (0..texts.len()).map(|row| if texts.is_valid(row) { f(texts.value(row)) } else { 0 }).collect();
        Ok(Arc::new(Int64Array::new(counts.into(), texts.nulls().cloned())))
    }))
}

/// One of arrow's searches, which know scalar patterns. A dictionary's values are searched once each.
fn tested(
    call: &mut Call<'_, '_>,
    search: fn(
        &dyn arrow::array::Datum,
        &dyn arrow::array::Datum,
    ) -> std::result::Result<BooleanArray, arrow::error::ArrowError>,
) -> Result<Returns> {
    let plain = matches!(call.data_type(0), found if is_text(found));
    if plain && call.weak(1).is_some() {
        // The pattern takes the column's kind of text, which then needs no cast.
        let kind = call.data_type(0).clone();
        call.coerce(1, &kind)?;
    } else {
        call.text(0)?;
        call.text(1)?;
    }
    Ok(Returns::new(DataType::Boolean, move |arguments| Ok(Arc::new(search(&arguments[0], &arguments[1])?))))
}

/// Whether each text is one that `f` accepts. Only the first argument is left to the kernel.
fn searched(call: &mut Call<'_, '_>, f: impl Fn(&str) -> bool + Send + Sync + 'static) -> Result<Returns> {
    call.text(0)?;
    call.keep(1);
    Ok(Returns::new(DataType::Boolean, move |arguments| {
        let texts = arguments[0].array().as_string_view();
        let found =
            BooleanBuffer::collect_bool(texts.len(), |row| texts.is_valid(row) && f(texts.value(row)));
        Ok(Arc::new(BooleanArray::new(found, texts.nulls().cloned())))
    }))
}

fn padded(call: &mut Call<'_, '_>, start: bool) -> Result<Returns> {
    let (width, fill) = (width_argument(call)?, call.literal_text(2)?);
    if fill.chars().count() != 1 {
        return Err(call.clash(format!("the fill is one character, not {fill:?}")));
    }
    mapped(call, move |text| {
        let missing = fill.repeat(width.saturating_sub(text.chars().count()));
        if missing.is_empty() {
            text.into()
        } else if start {
            format!("{missing}{text}").into()
        } else {
            format!("{text}{missing}").into()
        }
    })
}

fn capitalize(text: &str) -> Cow<'_, str> {
    let mut characters = text.chars();
    match characters.next() {
        None => text.into(),
        Some(first) => {
            first.to_uppercase().chain(characters.flat_map(char::to_lowercase)).collect::<String>().into()
        }
    }
}

pub(super) fn text_at(value: &Value, row: usize) -> Option<&str> {
    let (texts, row) = (value.array().as_string_view(), value.row(row));
    texts.is_valid(row).then(|| texts.value(row))
}

pub(super) fn integer_at(value: &Value, row: usize) -> Option<i64> {
    let (numbers, row) = (value.array().as_primitive::<Int64Type>(), value.row(row));
    numbers.is_valid(row).then(|| numbers.value(row))
}

/// Text made row by row.
fn by_row<'t>(arguments: &'t [Value], f: impl Fn(usize) -> Option<Cow<'t, str>>) -> Evaluated<ArrayRef> {
    let rows = row_count(arguments);
    let mut built = StringViewBuilder::with_capacity(rows);
    for row in 0..rows {
        match f(row) {
            Some(text) => built.append_value(text.as_ref()),
            None => built.append_null(),
        }
    }
    Ok(Arc::new(built.finish()))
}
