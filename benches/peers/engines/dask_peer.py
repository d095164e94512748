"""Dask DataFrame on its threaded scheduler."""

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa

import suites

VERSION = dask.__version__


def read(job, name, columns=None):
    if job.form == "parquet":
        return dd.read_parquet(job.path(name), columns=columns, split_row_groups=True)
    frame = dd.read_csv(job.path(name))
    return frame if columns is None else frame[columns]


def groupby(job, query):
    def x(*columns):
        return read(job, "x", list(columns))

    if query == "q1":
        return x("id1", "v1").groupby("id1").agg({"v1": "sum"}).reset_index()
    if query == "q2":
        return x("id1", "id2", "v1").groupby(["id1", "id2"]).agg({"v1": "sum"}).reset_index()
    if query == "q3":
        return x("id3", "v1", "v3").groupby("id3").agg({"v1": "sum", "v3": "mean"}).reset_index()
    if query == "q4":
        return x("id4", "v1", "v2", "v3").groupby("id4").agg({"v1": "mean", "v2": "mean", "v3": "mean"}).reset_index()
    if query == "q5":
        return x("id6", "v1", "v2", "v3").groupby("id6").agg({"v1": "sum", "v2": "sum", "v3": "sum"}).reset_index()
    if query == "q6":
        grouped = x("id4", "id5", "v3").groupby(["id4", "id5"])
        return grouped.agg({"v3": ["median", "std"]}, shuffle_method="tasks").reset_index()
    if query == "q7":
        ends = x("id3", "v1", "v2").groupby("id3").agg({"v1": "max", "v2": "min"}).reset_index()
        return ends.assign(range_v1_v2=ends.v1 - ends.v2)[["id3", "range_v1_v2"]]
    if query == "q8":
        return x("id6", "v3").dropna(subset=["v3"]).shuffle("id6").map_partitions(largest_two)
    if query == "q9":
        return r_squared(x("id2", "id4", "v1", "v2"))
    if query == "q10":
        keys = ["id1", "id2", "id3", "id4", "id5", "id6"]
        frame = read(job, "x", [*keys, "v3"])
        return frame.assign(count=1).groupby(keys).agg({"v3": "sum", "count": "sum"}, split_out=4).reset_index()
    raise ValueError(query)


def largest_two(part):
    return part.sort_values(["id6", "v3"], ascending=[True, False]).groupby("id6").head(2)


def r_squared(frame):
    """From sums, which Dask can combine; a function per group would take a Python call for each."""
    frame = frame.assign(xx=frame.v1 * frame.v1, yy=frame.v2 * frame.v2, xy=frame.v1 * frame.v2, n=1)
    sums = frame.groupby(["id2", "id4"]).sum().reset_index()
    cov = sums.n * sums.xy - sums.v1 * sums.v2
    r2 = cov * cov / ((sums.n * sums.xx - sums.v1 * sums.v1) * (sums.n * sums.yy - sums.v2 * sums.v2))
    return sums.assign(r2=r2)[["id2", "id4", "r2"]]


def join(job, query):
    right, key, how = suites.JOINS[query]
    left = read(job, "x")
    if right == "big":
        return left.merge(read(job, right), on=key, how=how)
    return left.merge(read(job, right).compute(), on=key, how=how)


def run(job):
    with dask.config.set(scheduler="threads", num_workers=job.threads, temporary_directory=str(job.out)):
        if job.suite == "flights":
            return flights(job)
        if job.suite == "join" or job.query == "j1":
            frame = join(job, "q1" if job.query == "j1" else job.query)
        elif job.suite == "sort":
            frame = read(job, "x").sort_values(["id3", "v3"])
        elif job.query.startswith("to_parquet"):
            frame = read(job, "x")
        else:
            frame = groupby(job, job.query)
        if job.codec:
            level = {"compression_level": 3} if job.codec == "zstd" else {}
            frame.to_parquet(str(job.out), compression=job.codec, write_index=False, **level)
            return None
        return frame.compute()


def to_arrow(result):
    return pa.Table.from_pandas(result, preserve_index=False)


def flights(job):
    def read(name):
        return pd.read_csv(f"{job.data}/{name}", keep_default_na=False, na_values=["", "NA"])

    airlines = read("airlines.csv").rename(columns={"name": "airline"})
    airports = read("airports.csv")[["faa", "name"]].set_axis(["dest", "airport"], axis=1)
    planes = read("planes.csv")[["tailnum", "year", "seats"]].rename(columns={"year": "built"})
    weather = read("weather.csv")[["origin", "time_hour", "wind_speed", "visib"]]
    floats = dict.fromkeys(["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"], "float64")
    flown = dd.read_csv(
        f"{job.data}/flights/*.csv", keep_default_na=False, na_values=["", "NA"], dtype=floats
    ).dropna(subset=["dep_delay", "arr_delay"])
    flown = flown.merge(weather, on=["origin", "time_hour"], how="left").merge(planes, on="tailnum", how="left")
    flown = flown.assign(
        late=flown.arr_delay > 15,
        miles_per_hour=flown.distance / (flown.air_time / 60.0),
        age=flown.year - flown.built,
        murky=flown.visib < 5.0,
    )
    # Dask has no exact quantile per group, so the groups are finished in one partition.
    columns = ["carrier", "dest", "murky", "late", "arr_delay", "miles_per_hour", "age"]
    grouped = flown[columns].compute().groupby(["carrier", "dest", "murky"])
    routes = grouped.agg(
        flights=("late", "size"),
        late_share=("late", "mean"),
        median_delay=("arr_delay", "median"),
        p90_delay=("arr_delay", lambda values: np.quantile(values, 0.9)),
        miles_per_hour=("miles_per_hour", "mean"),
        mean_age=("age", "mean"),
    ).reset_index()
    routes = routes[routes.flights >= 100].merge(airlines, on="carrier", how="left").merge(airports, on="dest", how="left")
    order = ["late_share", "carrier", "dest", "murky"]
    routes = routes.sort_values(order, ascending=[False, True, True, True])
    routes.to_parquet(f"{job.out}/late_by_route.parquet", compression="snappy", index=False)
    print(pd.read_parquet(f"{job.out}/late_by_route.parquet").head(10))
