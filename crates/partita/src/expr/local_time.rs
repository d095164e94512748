//! Dates and timestamps as local times and back, and the units of the calendar. `function/date.rs` computes with
//! them.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::{cast, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
};

use super::types::{STRICT, is_date, per_second};
use super::value::{Evaluated, Fault, Value};
use crate::Result;

/// How the raw values of a type are local times.
#[derive(Clone)]
pub(in crate::expr) struct Points {
    /// `None` for dates.
    pub(in crate::expr) unit: Option<TimeUnit>,
    pub(in crate::expr) zone: Option<Tz>,
}

impl Points {
    pub(in crate::expr) fn of(data_type: &DataType) -> Result<Points> {
        match data_type {
            DataType::Timestamp(unit, Some(zone)) => {
                Ok(Points { unit: Some(*unit), zone: Some(zone.parse::<Tz>()?) })
            }
            DataType::Timestamp(unit, None) => Ok(Points { unit: Some(*unit), zone: None }),
            _ => Ok(Points { unit: None, zone: None }),
        }
    }

    /// `f` of each local time.
    pub(in crate::expr) fn each<T>(
        &self,
        value: &Value,
        f: impl Fn(NaiveDateTime) -> Option<T>,
    ) -> Evaluated<Vec<Option<T>>> {
        self.each_row(value, value.array().len(), |local, _| f(local))
    }

    pub(in crate::expr) fn each_row<T>(
        &self,
        value: &Value,
        rows: usize,
        f: impl Fn(NaiveDateTime, usize) -> Option<T>,
    ) -> Evaluated<Vec<Option<T>>> {
        let raws =
            cast(value.array(), if self.unit.is_some() { &DataType::Int64 } else { &DataType::Int32 })?;
        let raws = cast(&raws, &DataType::Int64)?;
        let raws = raws.as_primitive::<Int64Type>();
        (0..rows)
            .map(|row| {
                let at = value.row(row);
                if raws.is_null(at) {
                    return Ok(None);
                }
                let result = self.local(raws.value(at)).and_then(|local| f(local, row));
                result.map(Some).ok_or_else(|| {
                    let shown =
                        arrow::util::display::array_value_to_string(value.array(), at).unwrap_or_default();
                    Fault::value(format!("{shown} leads out of the calendar"))
                })
            })
            .collect()
    }

    pub(in crate::expr) fn local(&self, raw: i64) -> Option<NaiveDateTime> {
        let utc = match self.unit {
            None => {
                NaiveDate::default().checked_add_signed(TimeDelta::try_days(raw)?)?.and_time(NaiveTime::MIN)
            }
            Some(unit) => {
                let per_second = per_second(unit);
                let nanoseconds = raw.rem_euclid(per_second) * (1_000_000_000 / per_second);
                DateTime::from_timestamp(raw.div_euclid(per_second), nanoseconds as u32)?.naive_utc()
            }
        };
        match &self.zone {
            None => Some(utc),
            Some(zone) => utc.checked_add_offset(zone.offset_from_utc_datetime(&utc).fix()),
        }
    }

    /// The raw value of a local time.
    pub(in crate::expr) fn back(&self, local: NaiveDateTime) -> Option<i64> {
        let utc = match &self.zone {
            None => local,
            // Of two moments with this local time the earlier; of none, as if the clock had not changed yet.
            Some(zone) => match zone.from_local_datetime(&local).earliest() {
                Some(moment) => moment.naive_utc(),
                None => {
                    let before =
                        zone.from_local_datetime(&local.checked_sub_signed(TimeDelta::try_hours(3)?)?);
                    local.checked_sub_offset(before.earliest()?.offset().fix())?
                }
            },
        };
        match self.unit {
            None => Some(day_number(utc.date())),
            Some(unit) => raw(utc, unit),
        }
    }

    pub(in crate::expr) fn offset(&self, local: NaiveDateTime) -> chrono::FixedOffset {
        match &self.zone {
            Some(zone) => match zone.offset_from_local_datetime(&local).earliest() {
                Some(offset) => offset.fix(),
                None => chrono::Utc.fix(),
            },
            None => chrono::Utc.fix(),
        }
    }
}

pub(in crate::expr) fn day_number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

pub(in crate::expr) fn raw(time: NaiveDateTime, unit: TimeUnit) -> Option<i64> {
    let per_second = per_second(unit);
    let time = time.and_utc();
    let part = i64::from(time.timestamp_subsec_nanos()) / (1_000_000_000 / per_second);
    time.timestamp().checked_mul(per_second)?.checked_add(part)
}

pub(in crate::expr) fn from_raw(values: Vec<Option<i64>>, to: &DataType) -> Evaluated<ArrayRef> {
    let array: ArrayRef = Arc::new(Int64Array::from(values));
    let array = if is_date(to) { cast(&array, &DataType::Int32)? } else { array };
    if let DataType::Timestamp(unit, Some(_)) = to {
        // Straight to a zone, arrow takes the numbers for local times.
        let utc = cast(&array, &DataType::Timestamp(*unit, Some("UTC".into())))?;
        return Ok(cast_with_options(&utc, to, &STRICT)?);
    }
    Ok(cast(&array, to)?)
}

pub(in crate::expr) fn add_months(local: NaiveDateTime, count: i64) -> Option<NaiveDateTime> {
    let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
    if count < 0 { local.checked_sub_months(months) } else { local.checked_add_months(months) }
}

/// A unit of the calendar.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::expr) enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    /// So many nanoseconds: a day or less.
    Fixed(i64),
}

pub(in crate::expr) const DAY: i64 = 86_400_000_000_000;

impl Unit {
    /// The start of the unit that a time lies in.
    pub(in crate::expr) fn start(self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = local.date();
        let date = match self {
            Unit::Year => date.with_day(1)?.with_month(1)?,
            Unit::Quarter => date.with_day(1)?.with_month(date.month0() / 3 * 3 + 1)?,
            Unit::Month => date.with_day(1)?,
            Unit::Week => {
                date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday())))?
            }
            Unit::Fixed(nanoseconds) => {
                let midnight = date.and_time(NaiveTime::MIN);
                let past = local.signed_duration_since(midnight).num_nanoseconds()?;
                return midnight.checked_add_signed(TimeDelta::nanoseconds(past - past % nanoseconds));
            }
        };
        Some(date.and_time(NaiveTime::MIN))
    }
}
