"""What is in the Parquet files of a directory, read piece by piece: whether two directories hold the same rows to the
bit and in the same order, and sums by which answers of different engines are compared whatever their order.

Called by `memory.py` in its own process; runs again in the peers' environment, which has pyarrow.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE / ".venv" / "bin" / "python"
RELATIVE = 1e-6


def files(directory):
    """In the order of their names, with numbers by value."""
    found = Path(directory).rglob("*.parquet")
    key = lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]
    return sorted((path for path in found if path.is_file()), key=key)


def same(left, right):
    """Whether two directories hold the same files, or at least files of the same names with the same rows."""
    names = [[path.relative_to(directory) for path in files(directory)] for directory in (left, right)]
    if names[0] != names[1]:
        return False
    # Where a page ends may differ: then the values decide.
    pairs = ((left / name, right / name) for name in names[0])
    if all(one.read_bytes() == other.read_bytes() for one, other in pairs):
        return True
    return asked("bits", left) == asked("bits", right)


def sums(directory):
    """Per column a sum that does not depend on the order of rows."""
    return asked("sums", directory)


def agree(left, right):
    """Whether sums are those of the same answer."""
    if left["rows"] != right["rows"] or len(left["columns"]) != len(right["columns"]):
        return False
    close = lambda a, b: abs(a - b) <= RELATIVE * max(abs(a), abs(b))
    pairs = zip(left["columns"], right["columns"])
    return all(a["nulls"] == b["nulls"] and close(a["sum"], b["sum"]) for a, b in pairs)


def asked(what, directory):
    done = subprocess.run([PYTHON, __file__, what, directory], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def batches(directory):
    import pyarrow.parquet as pq

    for path in files(directory):
        with pq.ParquetFile(path) as file:
            yield from (batch for batch in file.iter_batches(batch_size=1 << 18) if batch.num_rows)


def bits(directory):
    """A hash of each column's values in order, however the rows are cut into files, row groups and pages."""
    import numpy as np
    import pyarrow as pa

    hashes, names = [], []
    for batch in batches(directory):
        if not hashes:
            names = batch.schema.names
            hashes = [[hashlib.blake2b() for _ in range(3)] for _ in names]
        for (valid, fixed, text), column in zip(hashes, batch.columns):
            valid.update(column.is_valid().to_numpy(zero_copy_only=False).tobytes())
            if pa.types.is_string(column.type) or pa.types.is_string_view(column.type):
                column = column.cast(pa.large_utf8()).fill_null("")
                _, offsets, data = column.buffers()
                offsets = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
                fixed.update(np.diff(offsets).tobytes())
                text.update(memoryview(data)[offsets[0] : offsets[-1]] if data else b"")
            else:
                zero = pa.scalar(0, column.type)
                fixed.update(column.fill_null(zero).to_numpy(zero_copy_only=False).tobytes())
    return [names, [[part.hexdigest() for part in of_column] for of_column in hashes]]


def column_sums(directory):
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, columns = 0, []
    for batch in batches(directory):
        columns = columns or [{"nulls": 0, "sum": 0.0} for _ in batch.columns]
        rows += batch.num_rows
        for sum_, column in zip(columns, batch.columns):
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
                if not pa.types.is_decimal(column.type):
                    column = text_numbers(column)
            sum_["nulls"] += column.null_count
            sum_["sum"] += float(pc.sum(column.cast(pa.float64())).as_py() or 0)
    return {"rows": rows, "columns": columns}


def text_numbers(column):
    """The digits of each text as a number, so that another text in the answer shows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.replace_substring_regex(column.cast(pa.large_utf8()), r"[^0-9]", "")
    return pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64())


if __name__ == "__main__":
    print(json.dumps({"bits": bits, "sums": column_sums}[sys.argv[1]](sys.argv[2])))
    sys.stdout.flush()
    os._exit(0)
