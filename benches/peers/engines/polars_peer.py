"""Polars, its streaming engine."""

import polars as pl

import suites
from engines import polars_tpch

VERSION = pl.__version__


def scan(job, name):
    path = job.path(name)
    return pl.scan_parquet(path) if job.form == "parquet" else pl.scan_csv(path)


def groupby(x, query):
    col = pl.col
    if query == "q1":
        return x.group_by("id1").agg(col("v1").sum())
    if query == "q2":
        return x.group_by("id1", "id2").agg(col("v1").sum())
    if query == "q3":
        return x.group_by("id3").agg(col("v1").sum(), col("v3").mean())
    if query == "q4":
        return x.group_by("id4").agg(col("v1", "v2", "v3").mean())
    if query == "q5":
        return x.group_by("id6").agg(col("v1", "v2", "v3").sum())
    if query == "q6":
        return x.group_by("id4", "id5").agg(col("v3").median().alias("median_v3"), col("v3").std().alias("sd_v3"))
    if query == "q7":
        return x.group_by("id3").agg((col("v1").max() - col("v2").min()).alias("range_v1_v2"))
    if query == "q8":
        largest = x.drop_nulls("v3").group_by("id6").agg(col("v3").top_k(2).alias("largest2_v3"))
        return largest.explode("largest2_v3")
    if query == "q9":
        return x.group_by("id2", "id4").agg((pl.corr("v1", "v2") ** 2).alias("r2"))
    if query == "q10":
        keys = ["id1", "id2", "id3", "id4", "id5", "id6"]
        return x.group_by(keys).agg(col("v3").sum(), pl.len().alias("count"))
    raise ValueError(query)


def join(job, query):
    right, key, how = suites.JOINS[query]
    return scan(job, "x").join(scan(job, right), on=key, how=how, suffix="_right")


def run(job):
    if job.suite == "flights":
        return flights(job)
    if job.suite == "tpch":
        frame = polars_tpch.query(job.query, lambda name: scan(job, name), job.scale)
    elif job.suite == "join" or job.query == "j1":
        frame = join(job, "q1" if job.query == "j1" else job.query)
    elif job.suite == "sort":
        frame = scan(job, "x").sort("id3", "v3")
    elif job.suite == "memory":
        tables = {name: scan(job, name) for name in job.tables}
        frame = pl.SQLContext(tables).execute(suites.sql(job.suite, job.query))
    elif job.query.startswith("to_parquet"):
        frame = scan(job, "x")
    else:
        frame = groupby(scan(job, "x"), job.query)
    if job.codec:
        level = 3 if job.codec == "zstd" else None
        if by := suites.partition_by(job.suite, job.query):
            target = pl.PartitionBy(f"{job.out}/x", key=by)
            frame.sink_parquet(target, compression=job.codec, mkdir=True, engine="streaming")
            return None
        frame.sink_parquet(
            f"{job.out}/x.parquet", compression=job.codec, compression_level=level, engine="streaming"
        )
        return None
    return frame.collect(engine="streaming")


def to_arrow(result):
    return result.to_arrow()


def flights(job):
    col = pl.col

    def read(name):
        path = f"{job.data}/{name}"
        return pl.scan_csv(path, null_values=["", "NA"], infer_schema_length=10_000)

    airlines = read("airlines.csv").rename({"name": "airline"})
    airports = read("airports.csv").select(dest="faa", airport="name")
    planes = read("planes.csv").select("tailnum", "seats", built="year")
    weather = read("weather.csv").select("origin", "time_hour", "wind_speed", "visib")
    by_route = (
        read("flights/*.csv")
        .filter(col("dep_delay").is_not_null() & col("arr_delay").is_not_null())
        .join(weather, on=["origin", "time_hour"], how="left")
        .join(planes, on="tailnum", how="left")
        .with_columns(
            late=col("arr_delay") > 15,
            miles_per_hour=col("distance") / (col("air_time") / 60.0),
            age=col("year") - col("built"),
            murky=(col("visib") < 5.0).fill_null(False),
        )
        .group_by("carrier", "dest", "murky")
        .agg(
            pl.len().alias("flights"),
            col("late").mean().alias("late_share"),
            col("arr_delay").median().alias("median_delay"),
            col("arr_delay").quantile(0.9, "linear").alias("p90_delay"),
            col("miles_per_hour").mean(),
            col("age").mean().alias("mean_age"),
        )
        .filter(col("flights") >= 100)
        .join(airlines, on="carrier", how="left")
        .join(airports, on="dest", how="left")
        .sort("late_share", "carrier", "dest", "murky", descending=[True, False, False, False])
    )
    by_route.sink_parquet(f"{job.out}/late_by_route.parquet", compression="snappy", engine="streaming")
    print(pl.scan_parquet(f"{job.out}/late_by_route.parquet").head(10).collect())
