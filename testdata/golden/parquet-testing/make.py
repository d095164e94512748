"""Values of the files in testdata/parquet-testing as pyarrow reads them.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 && venv/bin/python make.py

writes values.json: for each file that pyarrow reads, the number of rows and, for each column, the first three
values and a hash (FNV-1a, 64 bits) of all of them, each in the notation of `canonical` and ended by a line
feed. tests/corpus.rs in partita-io writes the same notation from what it reads.
"""

import decimal
import glob
import json
import os
import struct

import pyarrow as pa
import pyarrow.parquet as pq

decimal.getcontext().prec = 100
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "parquet-testing")


def canonical(value):
    if not value.is_valid:
        return "null"
    t = value.type
    if pa.types.is_boolean(t):
        return "true" if value.as_py() else "false"
    if pa.types.is_integer(t):
        return str(value.as_py())
    if pa.types.is_floating(t):
        number = float(value.as_py())
        return "NaN" if number != number else "f" + struct.pack(">d", number).hex()
    if pa.types.is_decimal(t):
        return f"{int(value.as_py().scaleb(t.scale))}e-{t.scale}"
    if pa.types.is_temporal(t):
        return "t" + str(value.value)
    if pa.types.is_string(t) or pa.types.is_large_string(t):
        return '"' + value.as_py() + '"'
    if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t):
        return "x" + value.as_py().hex()
    if pa.types.is_dictionary(t):
        return canonical(value.dictionary[value.index.as_py()])
    if pa.types.is_map(t):
        entries = value.values
        pairs = zip(entries.field(0), entries.field(1))
        return "<" + ",".join(canonical(k) + ":" + canonical(v) for k, v in pairs) + ">"
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return "[" + ",".join(canonical(item) for item in value.values) + "]"
    if pa.types.is_struct(t):
        parts = (t.field(i).name + "=" + canonical(value[i]) for i in range(t.num_fields))
        return "{" + ",".join(parts) + "}"
    raise TypeError(str(t))


def fnv(texts):
    state = 0xCBF29CE484222325
    for text in texts:
        for byte in text.encode() + b"\n":
            state = (state ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{state:016x}"


def main():
    result = {}
    paths = glob.glob(ROOT + "/data/*.parquet") + glob.glob(ROOT + "/data/geospatial/*.parquet")
    paths.append(ROOT + "/bad_data/ARROW-GH-43605.parquet")
    for path in sorted(paths):
        name = os.path.relpath(path, ROOT)
        if name == "data/large_string_map.brotli.parquet":
            continue  # two GiB of one letter
        try:
            file = pq.ParquetFile(
                path, coerce_int96_timestamp_unit="us", arrow_extensions_enabled=False, binary_type=None
            )
            table = pa.Table.from_batches(
                file.iter_batches(use_threads=False), schema=file.schema_arrow
            ) if file.metadata.num_row_groups else file.read()
            columns = []
            for index, field in enumerate(table.schema):
                texts = [canonical(value) for value in table.column(index)]
                columns.append({"name": field.name, "first": texts[:3], "hash": fnv(texts)})
            result[name] = {"rows": table.num_rows, "columns": columns}
        except Exception as error:
            print(name, type(error).__name__, error)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.json"), "w") as out:
        json.dump({"pyarrow": pa.__version__, "files": result}, out, indent=1)
        out.write("\n")


main()
