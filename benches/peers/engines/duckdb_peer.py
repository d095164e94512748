"""DuckDB, an in-memory database over the files; a result in memory is a temporary table, as in the db-benchmark."""

import duckdb

import suites

VERSION = duckdb.__version__


def connect(job):
    con = duckdb.connect()
    con.execute(f"SET threads = {job.threads}")
    # The results of all suites but `sort`, which orders by itself, are compared without order.
    con.execute("SET preserve_insertion_order = false")
    if job.memory:
        con.execute(f"SET memory_limit = '{job.memory // 1024} KiB'")
        con.execute(f"SET temp_directory = '{job.out}/spill'")
    return con


def run(job):
    con = connect(job)
    if job.suite == "flights":
        return flights(con, job)
    read = "read_parquet" if job.form == "parquet" else "read_csv"
    for name in job.tables:
        con.execute(f"CREATE VIEW {name} AS SELECT * FROM {read}('{job.pattern(name)}')")
    sql = suites.sql(job.suite, job.query, job.scale)
    if job.codec:
        level = ", COMPRESSION_LEVEL 3" if job.codec == "zstd" else ""
        options = f"FORMAT parquet, COMPRESSION {job.codec}{level}"
        if by := suites.partition_by(job.suite, job.query):
            con.execute(f"COPY ({sql}) TO '{job.out}/x' ({options}, PARTITION_BY ({by}))")
        else:
            con.execute(f"COPY ({sql}) TO '{job.out}/x.parquet' ({options})")
        return None
    con.execute(f"CREATE TEMPORARY TABLE answer AS {sql}")
    return con


def to_arrow(con):
    return con.table("answer").to_arrow_table()


def flights(con, job):
    for name in ["airlines", "airports", "planes", "weather", "flights"]:
        path = f"{job.data}/flights/*.csv" if name == "flights" else f"{job.data}/{name}.csv"
        con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_csv('{path}', nullstr = ['', 'NA'])")
    con.execute(
        f"""
        COPY (
            WITH flown AS (
                SELECT f.carrier, f.dest, coalesce(w.visib < 5.0, false) AS murky, f.arr_delay,
                    f.arr_delay > 15 AS late, f.distance / (f.air_time / 60.0) AS miles_per_hour,
                    f.year - p.year AS age
                FROM flights f
                LEFT JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
                LEFT JOIN planes p ON f.tailnum = p.tailnum
                WHERE f.dep_delay IS NOT NULL AND f.arr_delay IS NOT NULL
            ), routes AS (
                SELECT carrier, dest, murky, count(*) AS flights, avg(late::INTEGER) AS late_share,
                    median(arr_delay) AS median_delay, quantile_cont(arr_delay, 0.9) AS p90_delay,
                    avg(miles_per_hour) AS miles_per_hour, avg(age) AS mean_age
                FROM flown GROUP BY carrier, dest, murky HAVING count(*) >= 100
            )
            SELECT r.*, l.name AS airline, a.name AS airport
            FROM routes r LEFT JOIN airlines l ON r.carrier = l.carrier LEFT JOIN airports a ON r.dest = a.faa
            ORDER BY late_share DESC, r.carrier, r.dest, murky
        ) TO '{job.out}/late_by_route.parquet' (FORMAT parquet, COMPRESSION snappy)
        """
    )
    print(con.sql(f"FROM '{job.out}/late_by_route.parquet' LIMIT 10"))
