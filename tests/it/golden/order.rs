//! Questions about order, duplicates and pieces of frames.

use partita::prelude::*;

use super::{Tables, questions};

fn of_carriers(t: &Tables, keep: Keep) -> PartitionedFrame {
    let kept = t.flights.drop_duplicates_by(["carrier"], keep);
    kept.select(["carrier", "month", "day", "flight", "tailnum"].map(col))
}

questions! {
    sort_nulls(t) {
        t.planes
            .sort_values([col("speed").desc(), col("year").asc().nulls_first(), col("tailnum").asc()])
            .head(60)
            .select(["tailnum", "year", "speed", "seats"].map(col))
    }

    sort_stable(t) {
        t.flights
            .filter(col("month").eq(12) & col("day").eq(25))
            .sort_values([col("dep_delay").desc()])
            .head(100)
            .select(["dep_time", "carrier", "flight", "dep_delay"].map(col))
    }

    nlargest_nsmallest(t) {
        let columns = ["month", "day", "carrier", "flight", "dep_delay", "distance"].map(col);
        concat([&t.flights.nlargest(10, "dep_delay"), &t.flights.nsmallest(10, "distance")]).select(columns)
    }

    duplicates_first(t) { of_carriers(t, Keep::First) }

    duplicates_last(t) { of_carriers(t, Keep::Last) }

    duplicates_none(t) {
        let once = t.flights.drop_duplicates_by(["carrier", "origin", "dest"], Keep::None);
        once.select(["carrier", "origin", "dest", "month", "day"].map(col))
    }

    duplicates_whole_rows(t) {
        t.planes.select(["engines", "engine"].map(col)).drop_duplicates(Keep::First)
    }

    head_slice_tail(t) {
        let f = t.flights.select(["time_hour", "carrier", "flight"].map(col));
        concat([&f.head(5), &f.slice(150_000, 5), &f.tail(5)])
    }

    concat_differing(t) {
        let high = t.airports.filter(col("alt").gt(7000)).select(["faa", "name"].map(col));
        let large = t.planes.filter(col("seats").gt(400)).select([
            col("tailnum"),
            col("seats"),
            lit("large").alias("name"),
        ]);
        concat([&high, &large]).select(["faa", "name", "tailnum", "seats"].map(col))
    }
}
