"""Makes a smaller table of the rows of a large one: `first_rows.py g1|j1 MILLIONS FROM TO`.

A table of the h2o db-benchmark with fewer rows has other rows: its ids have fewer digits and repeat more, so that they take
half the bytes in a file or fewer. To see how time per row depends on the number of rows alone, these are the first
row groups of `x`, and, for a join, the rows of `big` that have one of their keys, with a ninth as many others: nine
rows in ten find a partner, as in the table that they come from.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from generate import ROW_GROUP, SEED

KEY = "id3"


def write(batches, path):
    """Row groups as generate.py makes them, of rows that come in batches of any size."""
    writer, waiting = None, []
    for batch in batches:
        writer = writer or pq.ParquetWriter(path, batch.schema)
        waiting.append(batch)
        rows = pa.concat_tables(waiting)
        while rows.num_rows >= ROW_GROUP:
            writer.write_table(rows.slice(0, ROW_GROUP), row_group_size=ROW_GROUP)
            rows = rows.slice(ROW_GROUP).combine_chunks()
        waiting = [rows]
    if waiting[0].num_rows:
        writer.write_table(waiting[0], row_group_size=ROW_GROUP)
    writer.close()


def groups(path, count=None):
    file = pq.ParquetFile(path)
    return (file.read_row_group(group) for group in range(count or file.num_row_groups))


def partners(path, keys):
    """The rows with one of the keys, and a ninth as many others."""
    random = np.random.default_rng(SEED)
    rows = pq.ParquetFile(path).metadata.num_rows
    wanted = np.zeros(2 * rows, dtype=bool)
    wanted[keys] = True
    others = len(keys) / 9 / (rows - len(keys))
    for group in groups(path):
        has_key = wanted[group[KEY].to_numpy()]
        yield group.filter(pa.array(has_key | (random.random(len(has_key)) < others)))


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in ("g1", "j1"):
        sys.exit(__doc__)
    kind, millions, source, target = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    target.mkdir(parents=True, exist_ok=True)
    write(groups(source / "x.parquet", millions), target / "x.parquet")
    if kind == "j1":
        keys = pq.read_table(target / "x.parquet", columns=[KEY])[KEY].to_numpy()
        write(partners(source / "big.parquet", keys), target / "big.parquet")
        for name in ("small", "medium"):
            shutil.copy(source / f"{name}.parquet", target)


if __name__ == "__main__":
    main()
