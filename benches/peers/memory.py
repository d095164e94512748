#!/usr/bin/env python3
"""Measures work larger than a memory limit: `python3 benches/peers/memory.py [--rows N --budget MIB]...`.

Every query of the suite `memory` runs on Partita with ample memory and with the limit, each in a process of its own,
and what both wrote is compared to the bit; then on the peers with the same limit, set in each engine's own way. The
table says how long each took, its peak resident size and what it says that it spilled. README.md has more.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import processes
import report
import run
import suites
import written

# Ten times and more of the limit, as rows in memory.
SIZES = [(30_000_000, 256), (120_000_000, 1024)]
# What a process may take beside its limit.
BESIDE_MIB = 150


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, action="append", help="rows of the table; one for each --budget")
    parser.add_argument("--budget", type=int, action="append", help="memory limit in MiB")
    parser.add_argument("--ample", type=int, default=12 << 10, help="MiB that are ample (default 12 GiB)")
    parser.add_argument("--most", type=int, default=8 << 10, help="kill a process that takes more MiB (default 8 GiB)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=900, help="seconds that one process may take (default 900)")
    parser.add_argument("--queries", help="only these, separated by commas")
    parser.add_argument("--engines", default="partita,duckdb,datafusion,polars", help="only these")
    parser.add_argument("--program", type=Path, help="measure this build of Partita instead of building one")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    args = parser.parse_args()
    args.scale, args.suite = 1, "memory"
    given = list(zip(args.rows or [], args.budget or []))
    args.sizes = given or SIZES
    return args


class Runs:
    """Runs one query on one engine after the other, and keeps what Partita wrote with ample memory."""

    def __init__(self, args, program):
        self.args, self.program = args, program

    def one(self, query, engine, data, mib, out, most):
        """One process, and what it took."""
        self.args.memory = mib << 20
        env = run.environment(self.args)
        line = run.command(engine, self.program, query, data, out, self.args, answer=False)
        os.sync()
        outcome = processes.run(
            line, env=env, cwd=out, threads=self.args.threads, timeout=self.args.timeout, most_mib=most
        )
        took = {"query": query.name, "engine": engine, "budget_mib": mib, "error": outcome.error}
        took["seconds"] = round(outcome.report.get("seconds", outcome.seconds), 2)
        took["peak_mib"] = round(outcome.report.get("peak_mib") or outcome.peak_mib, 1)
        took["spilled_mib"] = outcome.report.get("spilled_mib")
        return took

    def query(self, query, data, mib):
        """All engines on one query with one limit."""
        engines = [engine for engine in self.args.engines.split(",") if engine in query.engines]
        with place() as ample:
            first = self.one(query, "partita", data, self.args.ample, ample, 0)
            first["of"] = "ample"
            yield first
            if first["error"]:
                return
            rows = written.sums(ample)
            for engine in engines:
                with place() as out:
                    took = self.one(query, engine, data, mib, out, self.args.most)
                    if not took["error"]:
                        if engine == "partita":
                            took["same_bits"] = written.same(ample, out)
                        took["agrees"] = written.agree(rows, written.sums(out))
                    yield took


class place:
    """A directory on the disk of the data that is gone afterwards."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="out-", dir=run.DATA))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def cells(took):
    name = took["engine"] if took.get("of") is None else f"{took['engine']} {took['of']}"
    if took["error"]:
        return [took["query"], name, "-", f"{took['peak_mib']:.0f}", "-", took["error"][:60]]
    spilled = "-" if took["spilled_mib"] is None else f"{took['spilled_mib']:.0f}"
    notes = []
    if took.get("of") is None:
        over = took["peak_mib"] - took["budget_mib"]
        notes.append("within" if over <= BESIDE_MIB else f"{over:.0f} MiB over")
        notes.append("agrees" if took["agrees"] else "OTHER ANSWER")
        if "same_bits" in took:
            notes.append("same bits" if took["same_bits"] else "OTHER BITS")
    return [took["query"], name, f"{took['seconds']:.1f}", f"{took['peak_mib']:.0f}", spilled, ", ".join(notes)]


def table(rows, mib, all_of_it):
    head = ["query", "engine", "s", "peak MiB", "spilled MiB", ""]
    lines = [head] + [cells(took) for took in all_of_it]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [f"memory limit {mib} MiB, {rows:,} rows; {report.machine()}"]
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2])]
        text.append("  ".join(left + [cell.rjust(width) for cell, width in zip(line[2:5], widths[2:5])] + line[5:]).rstrip())
    return "\n".join(text)


def main():
    args = arguments()
    run.make_environment()
    runs = Runs(args, args.program.resolve() if args.program else run.build("memory"))
    wanted = args.queries.split(",") if args.queries else None
    everything = []
    for rows, mib in args.sizes:
        args.rows = rows
        of_size = []
        for query in suites.queries("memory"):
            if wanted and query.name not in wanted:
                continue
            data = run.make_data(query.data, args)
            run.warm(query, data)
            for took in runs.query(query, data, mib):
                took["rows"] = rows
                run.say("  ".join(cells(took)))
                of_size.append(took)
                if args.json:
                    args.json.write_text(json.dumps(everything + of_size, indent=1) + "\n")
        print(table(rows, mib, of_size), end="\n\n", flush=True)
        everything += of_size
    ours = [took for took in everything if took["engine"] == "partita"]
    held = [took["peak_mib"] <= took["budget_mib"] + BESIDE_MIB for took in ours]
    right = [not took["error"] and took.get("agrees", True) and took.get("same_bits", True) for took in ours]
    raise SystemExit(0 if all(held) and all(right) else 1)


if __name__ == "__main__":
    main()
