#!/usr/bin/env python3
"""The largest pieces that a file can have, with the least memory that can hold them.

Makes a Parquet file with one row group of 3 GiB and a CSV file with a line of 100 MB in benches/data/largest, converts
both to Parquet with the command `partita` and hardly any memory, and, as the error says what would do, once more with
just that. Prints what was said, the time and the peak resident size. Needs pyarrow: run it with benches/peers/.venv.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE = ROOT / "benches" / "data" / "largest"
LINE = 100_000_000
BATCHES, ROWS = 48, 1 << 20


def row_group(path):
    """48 million rows of 80 bytes, uncompressed, in one row group."""
    random = np.random.default_rng(1)
    schema = pa.schema([("n", pa.int64()), ("v", pa.float64()), ("t", pa.string())])
    batches = []
    for _ in range(BATCHES):
        n = pa.array(random.integers(0, 1 << 62, ROWS))
        t = pc.binary_join_element_wise("the text of a row in one row group:", n.cast(pa.string()), " ")
        batches.append(pa.record_batch([n, pa.array(random.random(ROWS)), t], schema=schema))
    # The writer begins a row group with every table that it is given.
    table = pa.Table.from_batches(batches)
    pq.write_table(table, path, row_group_size=table.num_rows, compression="none", use_dictionary=False)


def line(path):
    """One line of 100 MB among others."""
    with open(path, "w") as file:
        file.write("n,t\n" + "".join(f"{n},short\n" for n in range(1000)))
        file.write('1000,"' + "x" * LINE + '"\n' + "".join(f"{n},short\n" for n in range(1001, 2000)))


def convert(program, source, limit, *more):
    """What the command said, how it ended, its seconds and its peak in MiB."""
    place = Path(tempfile.mkdtemp(prefix="out-", dir=PLACE))
    try:
        line = [program, "convert", source, place / "out.parquet", "--memory-limit", str(limit), "--threads", "2", *more]
        start = time.perf_counter()
        process = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        said = process.stderr.read().strip()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        rows = None
        if status == 0:
            rows = sum(pq.ParquetFile(file).metadata.num_rows for file in place.rglob("*.parquet") if file.is_file())
        return said, rows, took, usage.ru_maxrss / 1024
    finally:
        shutil.rmtree(place)


def least(program, source, *more):
    """Begins with 16 MiB and takes what the errors say would do."""
    limit = 16 << 20
    for _ in range(5):
        said, rows, took, peak = convert(program, source, limit, *more)
        print(f"{source.name}, limit {limit / 2**20:.1f} MiB: {took:.1f} s, peak {peak:.0f} MiB, ", end="")
        print(f"{rows} rows" if rows is not None else said, flush=True)
        if rows is not None:
            return
        named = re.search(r"a limit of ([0-9.]+) MiB would do", said)
        if not named:
            sys.exit("no limit is named")
        limit = int(float(named[1]) * 2**20)


def main():
    PLACE.mkdir(parents=True, exist_ok=True)
    for name, make in [("row_group.parquet", row_group), ("line.csv", line)]:
        if not (PLACE / name).exists():
            aside = PLACE / f"unfinished-{name}"
            make(aside)
            aside.rename(PLACE / name)
    program = sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "partita"
    least(program, PLACE / "row_group.parquet")
    least(program, PLACE / "line.csv")


if __name__ == "__main__":
    main()
