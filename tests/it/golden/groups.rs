//! Questions about groups: every aggregate, null keys, no keys, no rows.

use partita::prelude::*;

use super::questions;

questions! {
    group_basic(t) {
        let delay = || col("arr_delay");
        t.flights.groupby(["carrier"]).sort(true).agg([
            delay().sum().alias("sum"),
            delay().mean().alias("mean"),
            delay().min().alias("min"),
            delay().max().alias("max"),
            delay().count().alias("count"),
            size(),
        ])
    }

    group_spread(t) {
        let delay = || col("dep_delay");
        t.flights.groupby(["origin", "month"]).sort(true).agg([
            delay().std().alias("std"),
            delay().var().alias("var"),
            delay().median().alias("median"),
            delay().quantile(0.1).alias("p10"),
            delay().quantile(0.9).alias("p90"),
        ])
    }

    group_first_last_nunique(t) {
        t.flights.groupby(["dest"]).sort(true).agg([
            col("dep_time").first().alias("first_dep"),
            col("dep_time").last().alias("last_dep"),
            col("tailnum").first().alias("first_plane"),
            col("carrier").nunique().alias("carriers"),
            col("tailnum").nunique().alias("planes"),
        ])
    }

    group_any_all(t) {
        t.flights.dropna(["arr_delay"]).groupby(["dest"]).sort(true).agg([
            col("arr_delay").gt(180).any().alias("any_very"),
            col("arr_delay").le(60).all().alias("all_calm"),
        ])
    }

    group_corr(t) {
        t.flights.groupby(["origin"]).sort(true).agg([col("dep_delay").corr(col("arr_delay")).alias("corr")])
    }

    group_top_k(t) {
        t.flights.groupby(["carrier"]).sort(true).agg([
            col("dep_delay").top_k(3).alias("greatest"),
            col("dep_delay").bottom_k(2).alias("least"),
        ])
    }

    group_null_key(t) {
        let counted = [size().alias("planes"), col("seats").mean().alias("seats")];
        t.planes.groupby(["year"]).sort(true).agg(counted)
    }

    group_dropna(t) {
        t.planes.groupby(["year"]).dropna(true).sort(true).agg([size().alias("planes")])
    }

    whole_table(t) {
        let air = || col("air_time");
        t.flights.agg([
            size(),
            air().count().alias("count"),
            air().sum().alias("sum"),
            air().mean().alias("mean"),
            air().min().alias("min"),
            air().max().alias("max"),
            air().std().alias("std"),
            air().median().alias("median"),
            col("dest").nunique().alias("dests"),
            col("carrier").first(),
        ])
    }

    aggregate_expression(t) {
        let speed = lit(60) * col("distance").sum() / col("air_time").sum();
        t.flights.dropna(["air_time"]).groupby(["carrier"]).sort(true).agg([speed.alias("miles_per_hour")])
    }

    no_rows(t) {
        let distance = || col("distance");
        t.flights
            .filter(col("dest").eq("nowhere"))
            .agg([size(), distance().count().alias("count"), distance().sum().alias("sum")])
    }

    value_counts(t) {
        t.planes.value_counts("manufacturer")
    }

    top_per_group(t) {
        t.flights
            .groupby(["carrier", "dest"])
            .agg([size().alias("flights")])
            .sort_values([col("carrier").asc(), col("flights").desc(), col("dest").asc()])
            .drop_duplicates_by(["carrier"], Keep::First)
            .sort_values(["carrier"])
    }
}
