//! Questions that need a second table.

use partita::Merge;
use partita::prelude::*;

use super::{Tables, questions};

/// The far destinations with their flights, and the airports out west: some have no partner on either side.
fn far_and_west(t: &Tables) -> (PartitionedFrame, PartitionedFrame) {
    let far = t.flights.filter(col("distance").gt(2400)).groupby(["dest"]).agg([size().alias("flights")]);
    (far, t.airports.filter(col("lon").lt(-155.0)))
}

fn far_with_west(t: &Tables, how: How) -> PartitionedFrame {
    let (far, west) = far_and_west(t);
    far.merge(&west, Merge::left_right(["dest"], ["faa"]).how(how))
        .select(["dest", "flights", "faa", "name"].map(col))
}

questions! {
    join_inner(t) {
        t.flights
            .merge(&t.planes, on(["tailnum"]))
            .groupby(["manufacturer"])
            .agg([size().alias("flights"), col("seats").mean().alias("seats")])
            .filter(col("flights").ge(1000))
            .sort_values([col("flights").desc(), col("manufacturer").asc()])
    }

    join_left(t) {
        t.flights
            .filter(col("month").eq(1) & col("day").eq(1) & col("sched_dep_time").lt(600))
            .merge(&t.airlines, on(["carrier"]).how(How::Left))
            .select(["carrier", "flight", "name"].map(col))
    }

    join_left_unmatched(t) {
        t.flights
            .merge(&t.airports, Merge::left_right(["dest"], ["faa"]).how(How::Left))
            .filter(col("faa").is_null())
            .groupby(["dest"])
            .sort(true)
            .agg([size().alias("flights")])
    }

    join_right(t) { far_with_west(t, How::Right) }

    join_outer(t) { far_with_west(t, How::Outer) }

    join_semi(t) {
        t.airports
            .merge(&t.flights, Merge::left_right(["faa"], ["dest"]).how(How::Semi))
            .groupby(["tzone"])
            .sort(true)
            .agg([size().alias("airports")])
    }

    join_anti(t) {
        t.flights
            .merge(&t.planes, on(["tailnum"]).how(How::Anti))
            .groupby(["carrier"])
            .sort(true)
            .agg([size().alias("flights"), col("tailnum").count().alias("named")])
    }

    join_two_keys(t) {
        t.flights
            .merge(&t.weather, on(["origin", "time_hour"]))
            .groupby([col("origin"), col("visib").lt(2).alias("murky")])
            .sort(true)
            .agg([
                size().alias("flights"),
                col("dep_delay").mean().alias("delay"),
                col("wind_gust").max().alias("gust"),
            ])
    }

    join_suffixes(t) {
        t.flights
            .filter(col("carrier").eq("HA"))
            .merge(&t.planes, on(["tailnum"]))
            .select(["month", "day", "year_x", "year_y", "seats"].map(col))
            .drop_duplicates(Keep::First)
    }

    join_cross(t) {
        let origins = t.flights.select([col("origin")]).drop_duplicates(Keep::First);
        t.airlines.filter(col("carrier").str().matches("^[0-9]")).merge(&origins, Merge::cross())
    }
}
