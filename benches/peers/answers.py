"""Checksums of results, by which engines are compared.

Columns are compared by place, for engines name them differently. A column of text, booleans or whole numbers is
*exact*: every row gets a hash of its exact columns, and the answer keeps the sum of these hashes, which does not
depend on the order of rows. Other columns are *float*: the answer keeps their sum and their sum weighted by the rows'
hashes, so that a value in the wrong row shows. Missing values are counted; NaN is one, for pandas knows no
difference. `benches/partita-bench/src/answer.rs` computes the same; `agree` compares.
"""

import glob
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CHUNK = 1 << 20
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
MISSING = np.uint64(0x5851F42D4C957F2D)
FNV_START = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)


def mixed(values):
    """splitmix64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def text_hashes(array):
    """FNV-1a of each text's bytes, then mixed."""
    _, offsets, data = array.buffers()
    offsets = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
    hashes = np.full(len(array), FNV_START)
    lengths = np.diff(offsets)
    for place in range(int(lengths.max(initial=0))):
        longer = lengths > place
        hashes[longer] = (hashes[longer] ^ data[offsets[:-1][longer] + place]) * FNV_PRIME
    return mixed(hashes)


def normal(column):
    """A column as text, int64 or float64, with NaN as null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_utf8())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return column.cast(pa.timestamp("us")).cast(pa.int64())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.int64())
    if pa.types.is_decimal(kind) and kind.scale == 0:
        return column.cast(pa.int64())
    floats = column.cast(pa.float64())
    return pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)


def is_exact(column):
    """Whether a normal column has exact values; floats have if all of them are whole numbers."""
    if not pa.types.is_floating(column.type):
        return True
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2.0**53))
    return pc.all(whole).as_py() is not False


def column_hashes(array):
    if pa.types.is_floating(array.type):
        array = array.cast(pa.int64())
    if pa.types.is_int64(array.type):
        hashes = mixed(array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64))
    else:
        hashes = text_hashes(array.fill_null(""))
    missing = array.is_null().to_numpy(zero_copy_only=False)
    hashes[missing] = MISSING
    return hashes


def answer(table):
    """The checksum of a table."""
    columns = [normal(column) for column in table.columns]
    exact = [is_exact(column) for column in columns]
    sums = [
        {"nulls": column.null_count} | ({"hash": 0} if whole else {"sum": 0.0, "abs": 0.0, "weighted": 0.0})
        for column, whole in zip(columns, exact)
    ]
    total = 0
    for start in range(0, table.num_rows, CHUNK):
        pieces = [one_array(column.slice(start, CHUNK)) for column in columns]
        rows = np.zeros(len(pieces[0]), np.uint64)
        for piece, whole, sum_ in zip(pieces, exact, sums):
            if whole:
                hashes = column_hashes(piece)
                sum_["hash"] = (sum_["hash"] + int(hashes.sum(dtype=np.uint64))) % 2**64
                rows = (rows ^ hashes) * MULTIPLIER
                rows ^= rows >> np.uint64(32)
        total = (total + int(rows.sum(dtype=np.uint64))) % 2**64
        weights = (rows >> np.uint64(11)).astype(np.float64) * 2.0**-53
        for piece, whole, sum_ in zip(pieces, exact, sums):
            if not whole:
                values = piece.fill_null(0.0).to_numpy(zero_copy_only=False)
                sum_["sum"] += float(values.sum())
                sum_["abs"] += float(np.abs(values).sum())
                sum_["weighted"] += float((values * weights).sum())
    for sum_ in sums:
        if "hash" in sum_:
            sum_["hash"] = f"{sum_['hash']:016x}"
    return {"rows": table.num_rows, "row_hash": f"{total:016x}", "columns": sums}


def one_array(chunked):
    combined = chunked.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return pa.concat_arrays(combined.chunks) if combined.num_chunks else pa.array([], combined.type)
    return combined


def written(directory, sorted_by):
    """The checksum of the Parquet files of a directory, in the order of their names with numbers by value."""
    files = glob.glob(f"{directory}/**/*.parquet", recursive=True)
    files.sort(key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])
    table = pa.concat_tables([pq.ParquetFile(name).read() for name in files], promote_options="permissive")
    result = answer(table)
    if sorted_by:
        result["sorted"] = is_sorted(table, sorted_by)
    return result


def is_sorted(table, names):
    """Whether rows are in ascending order of some columns without nulls."""
    equal = None
    for name in names:
        column = one_array(table[name])
        if not pa.types.is_floating(column.type):
            column = column.cast(pa.large_utf8())
        before, after = column[:-1], column[1:]
        down = pc.greater(before, after)
        if equal is not None:
            down = pc.and_(down, equal)
        if pc.any(down).as_py():
            return False
        same = pc.equal(before, after)
        equal = same if equal is None else pc.and_(equal, same)
    return True
