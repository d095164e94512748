//! Questions that look at one row at a time: filters, expressions, nulls, casts, text.

use partita::prelude::*;

use super::questions;

fn only(frame: &PartitionedFrame, names: &[&str]) -> PartitionedFrame {
    frame.select(names.iter().map(col))
}

questions! {
    filter_very_late(t) {
        let late = t.flights.filter(col("origin").eq("JFK") & col("dep_delay").gt(300));
        only(&late, &["month", "day", "carrier", "flight", "dep_delay"])
    }

    filter_is_in_between_null(t) {
        let kept = t
            .flights
            .filter(col("carrier").is_in(["HA", "OO", "F9"]) & col("distance").between(200, 1700))
            .filter(col("arr_delay").is_null() | col("arr_delay").gt(120));
        only(&kept, &["month", "day", "carrier", "flight", "distance", "arr_delay"])
    }

    kleene(t) {
        let early = !(col("dep_delay").gt(0) | col("arr_delay").gt(0));
        t.flights.groupby([early.alias("early")]).sort(true).agg([size().alias("flights")])
    }

    derived_numbers(t) {
        let first = t.flights.filter(col("month").eq(2) & col("day").eq(1)).head(60);
        first.assign([(col("dep_delay") - col("arr_delay")).alias("gain")]).select([
            col("carrier"),
            col("flight"),
            col("gain"),
            (col("distance") / (col("air_time") / 60)).alias("miles_per_hour"),
            col("dep_time").floor_div(100).alias("dep_hour"),
            (col("dep_time") % 100).alias("dep_minute"),
            (-col("gain")).alias("loss"),
            (col("gain") * 2 + 1).alias("twice"),
        ])
    }

    floor_division(t) {
        t.flights.filter(col("carrier").eq("UA") & col("flight").eq(1545)).select([
            col("arr_delay"),
            col("arr_delay").floor_div(7).alias("weeks"),
            (col("arr_delay") % 7).alias("days"),
        ])
    }

    when_then(t) {
        let kind = when(col("dep_delay").is_null())
            .then("cancelled")
            .when(col("dep_delay").lt(0))
            .then("early")
            .when(col("dep_delay").le(15))
            .then("on time")
            .otherwise("late");
        t.flights.assign([kind.alias("kind")]).groupby(["kind"]).sort(true).agg([size().alias("flights")])
    }

    fill_and_coalesce(t) {
        t.planes
            .filter(col("engines").le(2) & col("year").fill_null(0).lt(1970))
            .fillna([("year", 0)])
            .rename([("year", "built"), ("type", "kind")])
            .select([col("tailnum"), col("built"), coalesce([col("speed"), col("seats")]).alias("figure"), col("kind")])
    }

    dropna_and_drop(t) {
        t.planes.dropna(["year", "speed"]).drop(["model", "engine"])
    }

    casts(t) {
        let first = only(&t.airports.head(20), &["faa", "alt", "tz", "lat"]);
        first.astype([("alt", DataType::Float64), ("tz", DataType::Utf8View), ("lat", DataType::Int64)])
    }

    text_functions(t) {
        let name = || col("name").str();
        t.airlines.select([
            col("carrier"),
            name().upper().alias("upper"),
            name().len().alias("length"),
            name().slice(0, 5).alias("head"),
            name().contains("Air").alias("air"),
            name().replace("Inc.", "-").alias("short"),
            name().ends_with("Inc.").alias("ends"),
            col("carrier").str().pad_start(4, "*").alias("padded"),
        ])
    }

    text_groups(t) {
        t.flights
            .filter(col("tailnum").str().matches("[A-Z]{2}$"))
            .assign([col("tailnum").str().slice(-2, 2).alias("ends")])
            .groupby(["ends"])
            .agg([size().alias("flights")])
            .sort_values([col("flights").desc(), col("ends").asc()])
            .head(20)
    }

    time_parts(t) {
        t.flights
            .assign([
                col("time_hour").dt().weekday().alias("weekday"),
                col("time_hour").dt().hour().lt(12).alias("morning"),
            ])
            .groupby(["weekday", "morning"])
            .sort(true)
            .agg([size().alias("flights"), col("dep_delay").mean().alias("mean_delay")])
    }

    dates(t) {
        let hour = || col("time_hour");
        t.flights
            .filter(hour().dt().month().eq(7) & hour().dt().year().eq(2013))
            .groupby([hour().dt().date().alias("date")])
            .sort(true)
            .agg([size().alias("flights"), hour().min().alias("first"), hour().max().alias("last")])
    }
}
