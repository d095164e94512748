"""What is measured: the queries of each suite, the tables that they read, and their SQL.

`run.py` asks here what to run; the engines (`engines/`) ask here for what they share. Needs only the standard
library.
"""

from dataclasses import dataclass, field

import tpch

ENGINES = ["partita", "polars", "duckdb", "datafusion", "dask"]

GROUPBY = {
    "q1": "SELECT id1, sum(v1) AS v1 FROM x GROUP BY id1",
    "q2": "SELECT id1, id2, sum(v1) AS v1 FROM x GROUP BY id1, id2",
    "q3": "SELECT id3, sum(v1) AS v1, avg(v3) AS v3 FROM x GROUP BY id3",
    "q4": "SELECT id4, avg(v1) AS v1, avg(v2) AS v2, avg(v3) AS v3 FROM x GROUP BY id4",
    "q5": "SELECT id6, sum(v1) AS v1, sum(v2) AS v2, sum(v3) AS v3 FROM x GROUP BY id6",
    "q6": "SELECT id4, id5, median(v3) AS median_v3, stddev(v3) AS sd_v3 FROM x GROUP BY id4, id5",
    "q7": "SELECT id3, max(v1) - min(v2) AS range_v1_v2 FROM x GROUP BY id3",
    "q8": "SELECT id6, v3 AS largest2_v3 FROM (SELECT id6, v3, row_number() OVER (PARTITION BY id6 ORDER BY v3 DESC)"
    " AS place FROM x WHERE v3 IS NOT NULL) AS placed WHERE place <= 2",
    "q9": "SELECT id2, id4, power(corr(v1, v2), 2) AS r2 FROM x GROUP BY id2, id4",
    "q10": "SELECT id1, id2, id3, id4, id5, id6, sum(v3) AS v3, count(*) AS count FROM x"
    " GROUP BY id1, id2, id3, id4, id5, id6",
}

# Per query: the right table, the key, how.
JOINS = {
    "q1": ("small", "id1", "inner"),
    "q2": ("medium", "id2", "inner"),
    "q3": ("medium", "id2", "left"),
    "q4": ("medium", "id5", "inner"),
    "q5": ("big", "id3", "inner"),
}

J1_COLUMNS = {
    "x": ["id1", "id2", "id3", "id4", "id5", "id6", "v1"],
    "small": ["id1", "id4", "v2"],
    "medium": ["id1", "id2", "id4", "id5", "v2"],
    "big": ["id1", "id2", "id3", "id4", "id5", "id6", "v2"],
}

# Work that holds much at once: states, tables, rows to be ordered. Results are files, so that they take no memory.
HOT = "CASE WHEN v3 < 50 THEN 0 ELSE id6 END"
MEMORY = {
    "groups": GROUPBY["q10"],
    "median_nunique": "SELECT id3, median(v3) AS m, count(DISTINCT id6) AS n FROM x GROUP BY id3",
    "few_median_nunique": "SELECT id4 % 3 AS k, median(v3) AS m, count(DISTINCT id6) AS n FROM x GROUP BY id4 % 3",
    "join_big": "SELECT a.id6, a.v3, a.id1, a.v1, b.id3, b.v2 FROM x a JOIN x b ON a.id6 = b.id6 AND a.v3 = b.v3",
    "join_hot": f"SELECT f.k, y.id3, y.v3 FROM (SELECT id6 - 1 AS k FROM x WHERE id6 <= 4 GROUP BY id6) f"
    f" JOIN (SELECT {HOT} AS h, id3, v3 FROM x) y ON f.k = y.h",
    "sort": "SELECT * FROM x ORDER BY id3, v3",
    "distinct": "SELECT DISTINCT id1, id2, id3, id6 FROM x",
    "write_10000": "SELECT id4 * 100 + id5 AS part, id6, v1, v2, v3 FROM x",
    "concat_1000": "SELECT * FROM x",
}

FLIGHTS = ["flights", "weather", "planes", "airlines", "airports"]


def join_sql(query):
    right, key, how = JOINS[query]
    columns = [f"x.{name}" for name in J1_COLUMNS["x"]]
    for name in J1_COLUMNS[right]:
        if name != key:
            columns.append(f"{right}.{name} AS {name if name == 'v2' else f'{right}_{name}'}")
    return f"SELECT {', '.join(columns)} FROM x {how.upper()} JOIN {right} ON x.{key} = {right}.{key}"


@dataclass
class Query:
    """One line of the table."""

    suite: str
    name: str
    data: str  # the kind of data directory: g1, j1, parts, tpch or flights
    form: str  # the files' format
    tables: list
    sink: bool = False  # the result is files in the out directory
    whole_process: bool = False  # the time is that of the process, not that of the work in it
    codec: str = ""
    engines: list = field(default_factory=lambda: list(ENGINES))


def queries(suite):
    """The queries of a suite, in the order in which they run."""
    if suite == "groupby":
        return [Query(suite, name, "g1", "parquet", ["x"]) for name in GROUPBY]
    if suite == "join":
        return [Query(suite, name, "j1", "parquet", ["x", JOINS[name][0]]) for name in JOINS]
    if suite == "csv":
        converted = [
            Query(suite, f"to_parquet_{codec}", "g1", "csv", ["x"], sink=True, codec=codec)
            for codec in ["snappy", "zstd"]
        ]
        grouped = [Query(suite, name, "g1", "csv", ["x"]) for name in ["q1", "q3", "q5"]]
        return converted + grouped + [Query(suite, "j1", "j1", "csv", ["x", "small"])]
    if suite == "sort":
        return [Query(suite, "sort_id3_v3", "g1", "parquet", ["x"], sink=True, codec="snappy")]
    if suite == "memory":
        # The same table as a thousand files.
        data = {"concat_1000": "parts"}
        # Dask has no limit of its own to hold.
        peers = [engine for engine in ENGINES if engine != "dask"]
        return [
            Query(suite, name, data.get(name, "g1"), "parquet", ["x"], sink=True, codec="snappy", engines=peers)
            for name in MEMORY
        ]
    if suite == "tpch":
        engines = [engine for engine in ENGINES if engine != "dask"]
        return [Query(suite, name, "tpch", "parquet", reads, engines=engines) for name, reads in tpch.READS.items()]
    if suite == "flights":
        engines = [engine for engine in ENGINES if engine != "datafusion"]
        return [
            Query(suite, "late_by_route", "flights", "csv", FLIGHTS, sink=True, whole_process=True, engines=engines)
        ]
    raise ValueError(f"no suite {suite}")


SUITES = ["groupby", "join", "csv", "sort", "tpch", "flights", "memory"]


def sql(suite, query, scale=1):
    """The query for the engines that speak SQL; for sinks, the rows that are written."""
    if suite == "tpch":
        return tpch.sql(query, scale)
    if suite == "groupby":
        return GROUPBY[query]
    if suite == "join":
        return join_sql(query)
    if suite == "csv":
        if query.startswith("to_parquet"):
            return "SELECT * FROM x"
        return join_sql("q1") if query == "j1" else GROUPBY[query]
    if suite == "sort":
        return "SELECT * FROM x ORDER BY id3, v3"
    if suite == "memory":
        return MEMORY[query]
    raise ValueError(f"no SQL for {suite} {query}")


def partition_by(suite, query):
    """The column whose values become directories of the result, if there is one."""
    return "part" if (suite, query) == ("memory", "write_10000") else ""
