#!/usr/bin/env python3
"""Delayed graphs on Partita and on Dask's threaded scheduler, the same work in one run, as a table.

`python3 benches/peers/delayed.py [--program target/release/delayed] [--threads 2]`; Dask is the one in `.venv`.
Dask is given fewer nodes where it would take minutes: compare the microseconds per node.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / "benches/peers/.venv/bin/python"


def on_dask(threads):
    """Prints a line of JSON per work, as the Rust program does."""
    import dask
    from dask import delayed

    dask.config.set(scheduler="threads", num_workers=threads)
    inc = delayed(lambda x: x + 1)
    add, mul, sub = (delayed(f) for f in (lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b))

    def lesson():
        for _ in range(100):
            assert mul(mul(add(3, 7), add(2, 8)), sub(mul(2, 3), 1)).compute() == 500

    def outputs(count):
        assert sum(dask.compute(*[inc(x) for x in range(count)])) == count * (count + 1) // 2

    def trivial(count):
        assert delayed(sum)([inc(x) for x in range(count)]).compute() == count * (count + 1) // 2

    def tree(leaves):
        level = [inc(x) for x in range(leaves)]
        while len(level) > 1:
            level = [a + b for a, b in zip(level[::2], level[1::2])]
        assert level[0].compute() == leaves * (leaves + 1) // 2

    def chain(count):
        last = inc(0)
        for _ in range(count - 1):
            last = inc(last)
        assert last.compute() == count

    def failing():
        def load(part):
            if part == 7:
                raise ValueError("row 12: not a number")
            return part

        load = delayed(load)
        try:
            delayed(sum)([load(part, dask_key_name=f"load part {part}") for part in range(40)]).compute()
        except ValueError as error:
            return str(error)

    def retries():
        calls = []

        def ask():
            calls.append(1)
            if len(calls) < 3:
                raise ValueError("no answer")
            return 42

        try:
            with dask.annotate(retries=2):
                return f"{delayed(ask)().compute()} after {len(calls)} calls"
        except ValueError as error:
            return f"{error}, after {len(calls)} call: the local schedulers do not retry"

    def picture():
        try:
            level = [inc(inc(x)) for x in range(1667)]
            while len(level) > 1:
                level = [add(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
            level[0].visualize("/tmp/dask-picture.svg")
            return "drawn"
        except Exception as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"

    def measured():
        import dask.dataframe as dd
        import pandas as pd

        frame = dd.from_pandas(pd.DataFrame({"k": range(400_000), "v": range(400_000)}), npartitions=8)
        try:
            frame[frame.v > 10].groupby("k").v.sum().analyze()
            return "analyzed"
        except Exception as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"

    def report(work, nodes, action):
        start = time.perf_counter()
        try:
            told = action()
        except Exception as error:
            told = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        taken = time.perf_counter() - start
        line = {"work": work, "seconds": taken, "us_per_node": taken * 1e6 / nodes, "told": told}
        print(json.dumps(line), flush=True)

    report("the lesson, 100 times", 1000, lesson)
    for count in (4_000, 16_000):
        report(f"{count} outputs of one compute", count, lambda: outputs(count))
    report("10,000 trivial nodes into one", 10_000, lambda: trivial(10_000))
    report("a tree of 8,191 sums", 8_191, lambda: tree(1 << 12))
    report("a chain of 5,000 nodes", 5_000, lambda: chain(5_000))
    report("task 7 of 40 fails", 40, failing)
    report("a flaky task, 2 retries", 1, retries)
    report("a picture of 5,000 nodes", 5_000, picture)
    report("rows and bytes per operator after a run", 1, measured)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / "target/release/delayed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--on-dask", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.on_dask:
        return on_dask(arguments.threads)
    programs = {
        "partita": [str(arguments.program), str(arguments.threads)],
        "dask": [str(PYTHON), __file__, "--on-dask", "--threads", str(arguments.threads)],
    }
    for engine, command in programs.items():
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        for line in map(json.loads, done.stdout.splitlines()):
            told = (line["told"] or "").splitlines()
            print(f"{engine:8} {line['work']:38} {line['seconds']:9.4f} s {line['us_per_node']:10.2f} us/node")
            for text in told:
                print(f"{'':11}{text[:200]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
