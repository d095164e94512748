//! Functions of dates, timestamps and times, under `.dt()`. A timestamp with a zone is read in its zone.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{AsArray, Date32Array, Int64Array, PrimitiveArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::compute::kernels::arity::unary;
use arrow::compute::kernels::temporal::{DatePart, date_part};
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimeUnit};
#[cfg(test)]
use chrono::TimeDelta;
use chrono::format::DelayedFormat;
use chrono::{Datelike, Days, Months, NaiveDateTime, TimeZone};

use super::format::format_argument;
use super::macros::functions;
use super::text::integer_at;
use super::{Call, Returns};
use crate::Result;
use crate::error::type_name;
#[cfg(test)]
use crate::expr::lit;
use crate::expr::local_time::{DAY, Points, Unit, add_months, day_number, from_raw, raw};
use crate::expr::tree::Expr;
use crate::expr::types::{is_date, is_temporal, per_second, value_type};
use crate::expr::value::{Evaluated, Fault, Value, row_count};

/// The functions of dates and times: `col("time_hour").dt().hour()`.
#[derive(Clone, Debug)]
#[must_use = "a namespace does nothing; call one of its methods"]
pub struct Date(Expr);

impl From<Date> for Expr {
    fn from(date: Date) -> Expr {
        date.0
    }
}

impl Expr {
    /// The functions of dates, timestamps and times.
    pub fn dt(self) -> Date {
        Date(self)
    }
}

#[cfg(test)]
fn example(text: &str) -> Date {
    lit(text).cast(DataType::Timestamp(TimeUnit::Microsecond, None)).dt()
}

functions! {
    for Date, examples date_examples;

    /// The year.
    year() = "dt.year", example("2013-01-31").year() => "2013", |call| part(call, DatePart::Year);
    /// The quarter, 1 to 4.
    quarter() = "dt.quarter", example("2013-05-31").quarter() => "2", |call| part(call, DatePart::Quarter);
    /// The month, 1 to 12.
    month() = "dt.month", example("2013-05-31").month() => "5", |call| part(call, DatePart::Month);
    /// The week of the ISO year, 1 to 53.
    week() = "dt.week", example("2013-01-01").week() => "1", |call| part(call, DatePart::WeekISO);
    /// The year that the ISO week belongs to.
    iso_year() = "dt.iso_year", example("2012-12-31").iso_year() => "2013", |call| part(call, DatePart::YearISO);
    /// The day of the month, 1 to 31.
    day() = "dt.day", example("2013-01-31").day() => "31", |call| part(call, DatePart::Day);
    /// The day of the week: Monday is 0, as in pandas.
    weekday() = "dt.weekday", example("2013-01-31").weekday() => "3", |call| part(call, DatePart::DayOfWeekMonday0);
    /// The day of the year, 1 to 366.
    day_of_year() = "dt.day_of_year", example("2013-02-01").day_of_year() => "32", |call| part(call, DatePart::DayOfYear);
    /// The hour, 0 to 23.
    hour() = "dt.hour", example("2013-01-31 17:05:09").hour() => "17", |call| part(call, DatePart::Hour);
    /// The minute, 0 to 59.
    minute() = "dt.minute", example("2013-01-31 17:05:09").minute() => "5", |call| part(call, DatePart::Minute);
    /// The second, 0 to 59.
    second() = "dt.second", example("2013-01-31 17:05:09").second() => "9", |call| part(call, DatePart::Second);
    /// The milliseconds since the last full second.
    millisecond() = "dt.millisecond", example("2013-01-31 17:05:09.25").millisecond() => "250",
        |call| part(call, DatePart::Millisecond);
    /// The microseconds since the last full second.
    microsecond() = "dt.microsecond", example("2013-01-31 17:05:09.25").microsecond() => "250000",
        |call| part(call, DatePart::Microsecond);
    /// The nanoseconds since the last full second.
    nanosecond() = "dt.nanosecond", example("2013-01-31 17:05:09.25").nanosecond() => "250000000",
        |call| part(call, DatePart::Nanosecond);
    /// The date, without the time of day.
    date() = "dt.date", example("2013-01-31 17:05:09").date() => "2013-01-31", |call| {
        point(call)?;
        let points = Points::of(call.data_type(0))?;
        Ok(Returns::new(DataType::Date32, move |arguments| {
            let days = points.each(&arguments[0], |local| i32::try_from(day_number(local.date())).ok())?;
            Ok(Arc::new(Date32Array::from(days)))
        }).raising())
    };
    /// The last day of the month, as a date.
    month_end() = "dt.month_end", example("2012-02-03").month_end() => "2012-02-29", |call| {
        point(call)?;
        let points = Points::of(call.data_type(0))?;
        Ok(Returns::new(DataType::Date32, move |arguments| {
            let days = points.each(&arguments[0], |local| {
                let next = local.date().with_day(1)?.checked_add_months(Months::new(1))?;
                i32::try_from(day_number(next) - 1).ok()
            })?;
            Ok(Arc::new(Date32Array::from(days)))
        }).raising())
    };
    /// Cut down to the start of its `"year"`, `"quarter"`, `"month"`, `"week"` (Monday), `"day"`, `"hour"`,
    /// `"minute"`, `"second"`, `"millisecond"` or `"microsecond"`.
    truncate(unit) = "dt.truncate", example("2013-05-31 17:05:00").truncate("quarter") => "2013-04-01T00:00:00", |call| {
        let unit = unit_argument(call, 1)?;
        moved(call, move |local, _| unit.start(local), 1)
    };
    /// Written by a format such as `"%d.%m.%Y %H:%M"`.
    strftime(format) = "dt.strftime", example("2013-01-31").strftime("%d.%m.%y") => "31.01.13", |call| {
        let format = format_argument(call)?;
        point(call)?;
        let points = Points::of(call.data_type(0))?;
        call.keep(1);
        Ok(Returns::new(DataType::Utf8View, move |arguments| {
            let mut built = StringViewBuilder::with_capacity(row_count(arguments));
            let mut text = String::new();
            for local in points.each(&arguments[0], Some)? {
                let Some(local) = local else {
                    built.append_null();
                    continue;
                };
                text.clear();
                let offset = points.offset(local);
                let items = format.items().iter();
                let shown = DelayedFormat::new_with_offset(Some(local.date()), Some(local.time()), &offset, items);
                write!(text, "{shown}").map_err(|_| {
                    Fault::value(format!("the format {:?} asks for what a date does not have", format.text))
                })?;
                built.append_value(&text);
            }
            Ok(Arc::new(built.finish()))
        }).raising())
    };
    /// So many days on (back if negative), at the same time of day.
    add_days(count) = "dt.add_days", example("2013-01-31").add_days(1) => "2013-02-01T00:00:00", |call| {
        call.integer(1)?;
        moved(call, |local, count| match count {
            0.. => local.checked_add_days(Days::new(count as u64)),
            _ => local.checked_sub_days(Days::new(count.unsigned_abs())),
        }, 2)
    };
    /// So many months on (back if negative); a day that the month does not have becomes its last.
    add_months(count) = "dt.add_months", example("2013-01-31").add_months(1) => "2013-02-28T00:00:00", |call| {
        call.integer(1)?;
        moved(call, add_months, 2)
    };
    /// So many years on (back if negative); 29 February becomes the 28th where there is none.
    add_years(count) = "dt.add_years", example("2012-02-29").add_years(1) => "2013-02-28T00:00:00", |call| {
        call.integer(1)?;
        moved(call, |local, count| add_months(local, count.checked_mul(12)?), 2)
    };
    /// How many full units (see [`Date::truncate`]; from `"week"` down) lie between `earlier` and this.
    since(earlier, unit) = "dt.since", example("2013-01-31").since(lit("2013-01-01"), "day") => "30", since;
    /// Seconds since 1970 in UTC, rounded down.
    epoch_seconds() = "dt.epoch_seconds", example("1970-01-02").epoch_seconds() => "86400",
        |call| counts(call, |data_type| matches!(data_type, DataType::Timestamp(..)) || is_date(data_type), 1, 1);
    /// Milliseconds since 1970 in UTC, rounded down.
    epoch_milliseconds() = "dt.epoch_milliseconds", example("1970-01-02").epoch_milliseconds() => "86400000",
        |call| counts(call, |data_type| matches!(data_type, DataType::Timestamp(..)) || is_date(data_type), 1, 1_000);
    /// The full seconds of a duration, rounded down.
    total_seconds() = "dt.total_seconds", lit(TimeDelta::minutes(2)).dt().total_seconds() => "120",
        |call| counts(call, |data_type| matches!(data_type, DataType::Duration(_)), 1, 1);
    /// The full days of a duration, rounded down.
    total_days() = "dt.total_days", lit(TimeDelta::hours(49)).dt().total_days() => "2",
        |call| counts(call, |data_type| matches!(data_type, DataType::Duration(_)), 86_400, 1);
    /// A timestamp without a zone as one of the time zone `zone`, at the same local time. A local time that the
    /// zone skips is an error; of two, the earlier is taken.
    to_zone(zone) = "dt.to_zone", example("2013-07-01 12:00:00").to_zone("Europe/Berlin") => "2013-07-01T12:00:00+02:00",
        to_zone;
    /// A timestamp with a zone as the same moment in the time zone `zone`.
    convert_zone(zone) = "dt.convert_zone",
        example("2013-07-01 12:00:00").to_zone("UTC").dt().convert_zone("Asia/Tokyo") => "2013-07-01T21:00:00+09:00",
        |call| {
            let (name, _) = zone_argument(call)?;
            let DataType::Timestamp(unit, Some(_)) = value_type(call.data_type(0)) else {
                return Err(call.clash("only a timestamp with a zone can be converted to another; use `to_zone` first"));
            };
            let to = DataType::Timestamp(*unit, Some(name));
            call.coerce(0, &to)?;
            call.keep(1);
            Ok(Returns::new(to, |arguments| Ok(Arc::clone(arguments[0].array()))))
        };
    /// A timestamp with a zone as one without, at the same local time.
    local() = "dt.local",
        example("2013-07-01 12:00:00").to_zone("Europe/Berlin").dt().local() => "2013-07-01T12:00:00", |call| {
            let DataType::Timestamp(unit, _) = *value_type(call.data_type(0)) else {
                let found = type_name(call.data_type(0));
                return Err(call.clash(format!("{} takes timestamps, not {found}", call.name())));
            };
            let points = Points::of(value_type(call.data_type(0)))?;
            let to = DataType::Timestamp(unit, None);
            let target = to.clone();
            Ok(Returns::new(to, move |arguments| {
                let values = points.each(&arguments[0], |local| raw(local, unit))?;
                from_raw(values, &target)
            }).raising())
        };
}

/// A part of a date or time.
fn part(call: &mut Call<'_, '_>, part: DatePart) -> Result<Returns> {
    let found = value_type(call.data_type(0)).clone();
    let of_time = matches!(found, DataType::Time32(_) | DataType::Time64(_))
        && matches!(
            part,
            DatePart::Hour
                | DatePart::Minute
                | DatePart::Second
                | DatePart::Millisecond
                | DatePart::Microsecond
                | DatePart::Nanosecond
        );
    if !of_time {
        point(call)?;
    }
    Ok(Returns::new(DataType::Int32, move |arguments| Ok(date_part(arguments[0].array(), part)?)))
}

/// Demands a date or timestamp.
fn point(call: &mut Call<'_, '_>) -> Result<()> {
    let found = value_type(call.data_type(0)).clone();
    match &found {
        DataType::Null => call.coerce(0, &DataType::Date32),
        DataType::Date64 => call.coerce(0, &DataType::Date32),
        other if is_temporal(other) => call.coerce(0, &found),
        other => Err(call.clash(format!(
            "{} takes dates and timestamps, not {}; cast it first",
            call.name(),
            type_name(other)
        ))),
    }
}

/// A date or timestamp from each local time and, if there are two arguments, an integer.
fn moved(
    call: &mut Call<'_, '_>,
    f: impl Fn(NaiveDateTime, i64) -> Option<NaiveDateTime> + Send + Sync + 'static,
    arguments: usize,
) -> Result<Returns> {
    point(call)?;
    call.keep(arguments);
    let to = call.data_type(0).clone();
    let (points, target) = (Points::of(&to)?, to.clone());
    Ok(Returns::new(to, move |arguments| {
        let rows = row_count(arguments);
        let count = |row| match arguments.get(1) {
            Some(counts) => integer_at(counts, row),
            None => Some(0),
        };
        let values = points.each_row(&arguments[0], rows, |local, row| match count(row) {
            None => Some(None),
            Some(count) => f(local, count).and_then(|local| points.back(local)).map(Some),
        })?;
        from_raw(values.into_iter().map(Option::flatten).collect(), &target)
    })
    .raising())
}

fn unit_argument(call: &Call<'_, '_>, index: usize) -> Result<Unit> {
    let text = call.literal_text(index)?;
    Ok(match text.strip_suffix('s').unwrap_or(&text) {
        "year" => Unit::Year,
        "quarter" => Unit::Quarter,
        "month" => Unit::Month,
        "week" => Unit::Week,
        "day" => Unit::Fixed(DAY),
        "hour" => Unit::Fixed(3_600_000_000_000),
        "minute" => Unit::Fixed(60_000_000_000),
        "second" => Unit::Fixed(1_000_000_000),
        "millisecond" => Unit::Fixed(1_000_000),
        "microsecond" => Unit::Fixed(1_000),
        _ => {
            return Err(call.clash(format!(
                "{text:?} is no unit; units are year, quarter, month, week, day, hour, minute, second, millisecond, microsecond"
            )));
        }
    })
}

/// Full units between two points, by their difference in nanoseconds or coarser.
fn since(call: &mut Call<'_, '_>) -> Result<Returns> {
    let nanoseconds = match unit_argument(call, 2)? {
        Unit::Fixed(nanoseconds) => nanoseconds,
        Unit::Week => 7 * DAY,
        _ => {
            return Err(
                call.clash("months, quarters and years differ in length; count in weeks or shorter units")
            );
        }
    };
    call.keep(2);
    point(call)?;
    let met = value_type(&call.meet([0, 1])?).clone();
    call.coerce(0, &met)?;
    call.coerce(1, &met)?;
    let tick = match met {
        DataType::Timestamp(unit, _) => 1_000_000_000 / per_second(unit),
        _ => DAY,
    };
    Ok(Returns::new(DataType::Int64, move |arguments| {
        let raws = |index: usize| -> Evaluated<Value> {
            let value: &Value = &arguments[index];
            let array =
                if tick == DAY { cast(value.array(), &DataType::Int32)? } else { Arc::clone(value.array()) };
            let array = cast(&array, &DataType::Int64)?;
            Ok(if value.is_scalar() { Value::Scalar(array) } else { Value::Array(array) })
        };
        let (later, earlier) = (raws(0)?, raws(1)?);
        let count = |row: usize| {
            let (a, b) = (integer_at(&later, row)?, integer_at(&earlier, row)?);
            let units = (i128::from(a) - i128::from(b)) * i128::from(tick) / i128::from(nanoseconds);
            i64::try_from(units).ok()
        };
        let counts: Int64Array = (0..row_count(arguments)).map(count).collect();
        Ok(Arc::new(counts))
    }))
}

/// The raw value in units of `seconds / parts` seconds, rounded down.
fn counts(
    call: &mut Call<'_, '_>,
    takes: fn(&DataType) -> bool,
    seconds: i64,
    parts: i64,
) -> Result<Returns> {
    let found = value_type(call.data_type(0)).clone();
    if !takes(&found) {
        return Err(call.clash(format!("{} has no meaning for {}", call.name(), type_name(&found))));
    }
    let found = if found == DataType::Date64 { DataType::Date32 } else { found };
    call.coerce(0, &found)?;
    let (times, by) = match found {
        DataType::Timestamp(unit, _) | DataType::Duration(unit) => (parts, per_second(unit) * seconds),
        _ => (86_400 * parts, seconds),
    };
    Ok(Returns::new(DataType::Int64, move |arguments| {
        let array = arguments[0].array();
        let counts: PrimitiveArray<Int64Type> = match array.as_primitive_opt::<Date32Type>() {
            Some(days) => unary(days, |day| i64::from(day) * times / by),
            None => unary(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>(), |raw: i64| {
                (i128::from(raw) * i128::from(times)).div_euclid(i128::from(by)) as i64
            }),
        };
        Ok(Arc::new(counts))
    }))
}

fn zone_argument(call: &Call<'_, '_>) -> Result<(Arc<str>, Tz)> {
    let name = call.literal_text(1)?;
    match name.parse::<Tz>() {
        Ok(zone) => Ok((name.into(), zone)),
        Err(_) => {
            Err(call
                .clash(format!("{name:?} is no time zone; write it like \"Europe/Berlin\" or \"+02:00\"")))
        }
    }
}

fn to_zone(call: &mut Call<'_, '_>) -> Result<Returns> {
    let (name, zone) = zone_argument(call)?;
    let unit = match value_type(call.data_type(0)) {
        DataType::Timestamp(unit, None) => *unit,
        DataType::Timestamp(_, Some(own)) => {
            return Err(call.clash(format!("the timestamp has the zone {own} already; use `convert_zone`")));
        }
        other if is_date(other) => TimeUnit::Microsecond,
        other => {
            return Err(call.clash(format!("{} takes timestamps, not {}", call.name(), type_name(other))));
        }
    };
    call.coerce(0, &DataType::Timestamp(unit, None))?;
    call.keep(1);
    let to = DataType::Timestamp(unit, Some(Arc::clone(&name)));
    let (points, target) = (Points { unit: Some(unit), zone: None }, to.clone());
    Ok(Returns::new(to, move |arguments| {
        let moments = points.each(&arguments[0], |local| {
            Some(zone.from_local_datetime(&local).earliest().map(|moment| moment.naive_utc()).ok_or(local))
        })?;
        let values = moments
            .into_iter()
            .map(|moment| match moment {
                None => Ok(None),
                Some(Ok(utc)) => Ok(raw(utc, unit)),
                Some(Err(local)) => {
                    Err(Fault::value(format!("{local} does not exist in {name}: its clocks skip it")))
                }
            })
            .collect::<Evaluated<Vec<_>>>()?;
        from_raw(values, &target)
    })
    .raising())
}
