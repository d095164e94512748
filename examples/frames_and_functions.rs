//! Frames and functions in one graph: partitions through functions of your own, and back into a frame.
//! `cargo run --release --example frames_and_functions`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use partita::prelude::*;

/// A function of your own over one partition: here it only tells how far the flights went.
fn distances(flights: &RecordBatch) -> partita::Result<RecordBatch> {
    PartitionedFrame::from_batches([flights.clone()])
        .groupby(["carrier"])
        .agg([col("distance").sum().alias("miles")])
        .compute()?
        .to_batch()
}

fn main() -> partita::Result<()> {
    let flights = read_csv("testdata/nycflights13/flights").select(["carrier", "distance"]);
    let schema = flights.groupby(["carrier"]).agg([col("distance").sum().alias("miles")]).schema()?;

    // One delayed value per partition; nothing is read yet but where the files can be cut.
    let parts = flights.to_delayed()?.into_iter().map(|part| part.try_map(distances));
    let by_carrier = PartitionedFrame::from_delayed(schema, parts)
        .groupby(["carrier"])
        .agg([col("miles").sum().alias("miles")])
        .sort_values([col("miles").desc()]);

    // And the frame's result goes on as a value of a larger graph.
    let carriers = by_carrier.delayed().map(|table| table.num_rows());
    let (top, carriers) = compute_all((by_carrier.head(3), carriers))?;
    println!("{carriers} carriers, of which\n{top}");
    Ok(())
}
