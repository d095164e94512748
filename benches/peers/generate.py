"""Makes the tables of the benches: `generate.py g1|j1|parts ROWS DIR [parquet]` and `generate.py tpch SCALE DIR`.

G1 (group-by) and J1 (joins) are those of the h2o db-benchmark, any size, as Parquet and CSV, or as Parquet only. They
have the distributions of the benchmark's own `_data/*-datagen.R`, without missing values and in random order, from a
fixed seed; the random numbers themselves are numpy's, not R's. TPC-H's tables are tpchgen's, which are those of the
specification, as one Parquet file each, with exact decimals.
"""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

ROW_GROUP = 1 << 20
SEED = 108
TPCHGEN = "tpchgen-cli==4.0.0"


def codes_as_text(codes, labels):
    """Text column from indices into labels, decoded, so that files hold plain text and no Arrow dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(labels)).dictionary_decode()


def g1(rows, k=100):
    """Batches of the group-by table with `k` groups in id1, id2, id4, id5 and `rows / k` in id3, id6."""
    random = np.random.default_rng(SEED)
    few = [f"id{i:03d}" for i in range(1, k + 1)]
    groups = max(rows // k, 1)
    many = [f"id{i:010d}" for i in range(1, groups + 1)]
    for start in range(0, rows, ROW_GROUP):
        n = min(ROW_GROUP, rows - start)
        yield pa.table(
            {
                "id1": codes_as_text(random.integers(0, k, n, dtype=np.int32), few),
                "id2": codes_as_text(random.integers(0, k, n, dtype=np.int32), few),
                "id3": codes_as_text(random.integers(0, groups, n, dtype=np.int32), many),
                "id4": random.integers(1, k + 1, n),
                "id5": random.integers(1, k + 1, n),
                "id6": random.integers(1, groups + 1, n),
                "v1": random.integers(1, 6, n),
                "v2": random.integers(1, 16, n),
                "v3": np.round(random.uniform(0, 100, n), 6),
            }
        )


def split_keys(random, n):
    """Keys on the left (0.9 n common and 0.1 n of its own) and on the right (the same 0.9 n and others)."""
    keys = random.permutation(np.arange(1, n * 11 // 10 + 1))
    common = n * 9 // 10
    return keys[:n], np.concatenate([keys[:common], keys[n:]])


def sample_all(random, keys, size):
    """`size` keys in random order, each of `keys` at least once."""
    return random.permutation(np.concatenate([keys, random.choice(keys, size - len(keys))]))


def text_of(numbers):
    """`id7` for 7."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    return codes_as_text(codes.astype(np.int32), [f"id{number}" for number in distinct])


def j1(rows):
    """The four join tables: x and, by size, small (rows / 1e6), medium (rows / 1e3) and big (rows)."""
    random = np.random.default_rng(SEED)
    sizes = {"small": max(rows // 10**6, 10), "medium": max(rows // 1000, 100), "big": max(rows, 1000)}
    keys = [split_keys(random, size) for size in sizes.values()]

    def table(size, width, side, value):
        numbers = [sample_all(random, keys[i][side], size) for i in width]
        columns = {f"id{i + 1}": column for i, column in zip(width, numbers)}
        columns |= {f"id{i + 4}": text_of(column) for i, column in zip(width, numbers)}
        columns[value] = np.round(random.uniform(0, 100, size), 6)
        return pa.table(columns)

    yield "x", table(sizes["big"], [0, 1, 2], 0, "v1")
    yield "small", table(sizes["small"], [0], 1, "v2")
    yield "medium", table(sizes["medium"], [0, 1], 1, "v2")
    yield "big", table(sizes["big"], [0, 1, 2], 1, "v2")


def write(name, tables, directory, with_csv):
    """Writes tables one after the other to one Parquet file and, if wanted, one CSV file."""
    parquet = csv = None
    unquoted = pa_csv.WriteOptions(quoting_style="none")
    for table in tables:
        if parquet is None:
            parquet = pq.ParquetWriter(f"{directory}/{name}.parquet", table.schema, compression="snappy")
            csv = with_csv and pa_csv.CSVWriter(f"{directory}/{name}.csv", table.schema, write_options=unquoted)
        parquet.write_table(table, row_group_size=ROW_GROUP)
        if csv:
            csv.write_table(table)
    parquet.close()
    if csv:
        csv.close()


def parts(rows, directory):
    """The rows of g1 as a thousand Parquet files."""
    os.mkdir(f"{directory}/x.parquet")
    each, waiting, number = -(-rows // 1000), [], 0
    for table in g1(rows):
        waiting.append(table)
        while sum(table.num_rows for table in waiting) >= each:
            table = pa.concat_tables(waiting)
            pq.write_table(table.slice(0, each), f"{directory}/x.parquet/{number:04}.parquet", compression="snappy")
            waiting, number = [table.slice(each)], number + 1
    if left := pa.concat_tables(waiting):
        pq.write_table(left, f"{directory}/x.parquet/{number:04}.parquet", compression="snappy")


def tpch(scale, directory):
    """All tables of TPC-H, by a generator that only who makes them needs."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", TPCHGEN], check=True)
    program = os.path.join(os.path.dirname(sys.executable), "tpchgen-cli")
    command = [program, "parquet", "--scale-factor", scale, "--output-dir", directory, "--quiet"]
    subprocess.run(command, check=True)


def main():
    kind, size, directory = sys.argv[1:4]
    with_csv = sys.argv[4:] != ["parquet"]
    aside = f"{directory}.unfinished"
    os.makedirs(aside, exist_ok=True)
    if kind == "g1":
        write("x", g1(int(size)), aside, with_csv)
    elif kind == "j1":
        for name, table in j1(int(size)):
            write(name, [table], aside, with_csv)
    elif kind == "parts":
        parts(int(size), aside)
    elif kind == "tpch":
        tpch(size, aside)
    else:
        sys.exit(f"no tables called {kind}; there are g1, j1, parts and tpch")
    os.rename(aside, directory)


if __name__ == "__main__":
    main()
