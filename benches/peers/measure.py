"""The process that is measured: one query on one peer, with a line of JSON at the end.

`measure.py ENGINE SUITE QUERY --data DIR --out DIR --threads N [--memory BYTES] [--scale S]
[--answer]` works and is timed;
`measure.py check SUITE QUERY --out DIR` gives the checksum of the files that a query wrote. Called by `run.py`.
"""

import argparse
import importlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import suites


@dataclass
class Job:
    """What an engine has to do."""

    suite: str
    query: str
    form: str
    tables: list
    codec: str
    data: Path
    out: Path
    threads: int
    memory: int
    scale: float

    def path(self, name):
        """A file, or a directory of files."""
        return f"{self.data}/{name}.{self.form}"

    def pattern(self, name):
        """The same as a pattern of files."""
        path = self.path(name)
        return f"{path}/*.{self.form}" if Path(path).is_dir() else path


def peak_mib():
    """The largest resident size that this process had so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("suite")
    parser.add_argument("query")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--answer", action="store_true", help="print the result's checksum too")
    args = parser.parse_args()
    query = next(query for query in suites.queries(args.suite) if query.name == args.query)
    if args.engine == "check":
        import answers

        print(json.dumps(answers.written(args.out, ["id3", "v3"] if "sort" in (args.suite, args.query) else [])))
        return
    engine = importlib.import_module(f"engines.{args.engine}_peer")
    job = Job(
        args.suite,
        args.query,
        query.form,
        query.tables,
        query.codec,
        args.data,
        args.out,
        args.threads,
        args.memory,
        args.scale,
    )
    start = time.perf_counter()
    result = engine.run(job)
    report = {"seconds": time.perf_counter() - start, "peak_mib": peak_mib(), "version": engine.VERSION}
    if args.answer and not query.sink:
        import answers

        report |= answers.answer(engine.to_arrow(result))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
