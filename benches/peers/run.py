#!/usr/bin/env python3
"""Measures Partita beside its peers: `python3 benches/peers/run.py SUITE [--rows N | --scale S] [--memory BYTES] [--repeat R]`.

Needs Python 3.11 and cargo; the peers come from PyPI into `.venv` (see requirements.txt), the data from generate.py
into benches/data. Each query runs on each engine in a process of its own, in alternation, on the same cores, with
its files in the page cache; answers are compared. README.md in this directory says what exactly is measured.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import agree
import processes
import report
import suites

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = HERE / ".venv" / "bin" / "python"
DATA = ROOT / "benches" / "data"
# The exit status where there is nothing to compare with.
NO_PEERS = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", choices=suites.SUITES)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the h2o tables (default 10 million)")
    parser.add_argument("--scale", type=float, default=1, help="scale factor of TPC-H (default 1)")
    parser.add_argument("--memory", type=int, default=0, help="memory limit in bytes, set in each engine's own way")
    parser.add_argument("--confine", type=int, default=0, help="kill a process that takes more bytes than this")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each (default 3); the best counts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=300, help="seconds that one process may take (default 300)")
    parser.add_argument("--queries", help="only these, separated by commas")
    parser.add_argument("--engines", help="only these, separated by commas")
    parser.add_argument("--program", type=Path, help="measure this build of Partita instead of building one")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    return parser.parse_args()


def make_environment():
    """The virtual environment with the peers, made anew when requirements.txt changes."""
    wanted = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()
    stamp = HERE / ".venv" / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing the peers into benches/peers/.venv")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", HERE / ".venv"], check=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
    except subprocess.CalledProcessError as error:
        say(f"the peers cannot be installed: {error}")
        sys.exit(NO_PEERS)
    stamp.write_text(wanted)


def make_data(kind, args):
    """The directory of a kind of data, generated if it is not there."""
    if kind == "flights":
        return ROOT / "testdata" / "nycflights13"
    size = f"{args.scale:g}" if kind == "tpch" else str(args.rows)
    directory = DATA / f"{kind}-{size}"
    if not directory.exists():
        say(f"generating {directory.relative_to(ROOT)}")
        DATA.mkdir(exist_ok=True)
        # What is larger than memory is large enough without CSV.
        form = ["parquet"] if args.suite == "memory" else []
        subprocess.run([PYTHON, HERE / "generate.py", kind, size, directory, *form], check=True)
    return directory


def build(suite):
    """Partita's programs, as users get them; the path of the one for this suite."""
    what = ["--package", "partita", "--example", "flights"] if suite == "flights" else ["--package", "partita-bench"]
    say("building Partita")
    subprocess.run(["cargo", "build", "--release", "--quiet", *what], cwd=ROOT, check=True)
    target = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, check=True, capture_output=True
        ).stdout
    )["target_directory"]
    return Path(target) / "release" / ("examples/flights" if suite == "flights" else "partita-bench")


def partita_version():
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return described.stdout.strip() or "unknown"


def command(engine, program, query, data, out, args, answer):
    if engine == "partita" and query.suite == "flights":
        return [program, data]
    line = [program] if engine == "partita" else [PYTHON, HERE / "measure.py", engine]
    line += [query.suite, query.name, "--data", data, "--out", out, "--threads", str(args.threads)]
    if args.memory:
        line += ["--memory", str(args.memory)]
    if query.suite == "tpch":
        line += ["--scale", str(args.scale)]
    return line + (["--answer"] if answer else [])


def environment(args):
    env = dict(os.environ, POLARS_MAX_THREADS=str(args.threads), PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1")
    # Libraries under the peers that would start threads of their own.
    env |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"], str(args.threads))
    if args.memory:
        env["POLARS_OOC_MEMORY_BUDGET_MB"] = str(args.memory // 1_000_000)
    return env


def warm(query, data):
    """Reads the query's files once, so that all engines find them in the page cache."""
    named = [data / f"{name}.{query.form}" for name in query.tables]
    of_tables = (file for path in named for file in (path.iterdir() if path.is_dir() else [path]))
    for path in data.rglob("*.csv") if query.suite == "flights" else of_tables:
        with open(path, "rb") as file:
            while file.read(1 << 22):
                pass


def measure(query, engine, program, data, args, answer):
    """One process; the answer is the checksum, if it was asked for."""
    DATA.mkdir(exist_ok=True)
    out = Path(tempfile.mkdtemp(prefix="out-", dir=DATA))
    env = environment(args)
    group = processes.MemoryGroup(args.confine) if args.confine else None
    # What earlier processes wrote must not be on its way to the disk while this one is timed.
    os.sync()
    try:
        line = command(engine, program, query, data, out, args, answer)
        limits = {"env": env, "cwd": out, "threads": args.threads, "timeout": args.timeout}
        outcome = processes.run(line, **limits, group=group)
        if answer and query.sink and not outcome.error:
            check = [PYTHON, HERE / "measure.py", "check", query.suite, query.name, "--out", out]
            checked = processes.run(check, env=env, cwd=out, threads=args.threads, timeout=args.timeout)
            outcome.error = checked.error and f"cannot check what was written: {checked.error}"
            outcome.report |= checked.report
        return outcome
    finally:
        shutil.rmtree(out, ignore_errors=True)
        if group:
            group.remove()


def measure_query(query, engines, program, args):
    """All repeats of a query on all engines in turn: one record per engine."""
    data = make_data(query.data, args)
    warm(query, data)
    records = {engine: report.Record(query.suite, query.name, engine) for engine in engines}
    answers = {}
    for repeat in range(args.repeat):
        # Each repeat begins with another engine, so that none is always the first after a pause.
        for engine in engines[repeat % len(engines) :] + engines[: repeat % len(engines)]:
            record = records[engine]
            if record.error:
                continue
            outcome = measure(query, engine, program, data, args, answer=repeat == 0)
            record.add(outcome, query.whole_process)
            if engine == "partita" and not args.program:
                record.version = partita_version()
            if repeat == 0 and not outcome.error:
                answers[engine] = outcome.report
    for engine, agrees in agree.judged(answers).items():
        records[engine].rows = answers[engine]["rows"]
        records[engine].agrees = agrees
        records[engine].answer = {name: answers[engine].get(name) for name in ["row_hash", "columns", "sorted"]}
    return report.with_ratios(list(records.values()))


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    args = arguments()
    make_environment()
    wanted = args.queries.split(",") if args.queries else None
    chosen = args.engines.split(",") if args.engines else suites.ENGINES
    program = args.program and args.program.resolve()
    if program is None and "partita" in chosen:
        program = build(args.suite)
    records = []
    for query in suites.queries(args.suite):
        if wanted and query.name not in wanted:
            continue
        measured = measure_query(query, [engine for engine in query.engines if engine in chosen], program, args)
        say("\n".join(report.lines(measured)))
        records += measured
    print(report.table(args, records))
    if args.json:
        args.json.write_text(json.dumps([record.as_json() for record in records], indent=1) + "\n")
    # Slow is for the reader to judge; wrong or broken is for the caller to notice.
    ours = [record for record in records if record.engine == "partita"]
    sys.exit(0 if all(record.agrees and not record.error for record in ours) else 1)


if __name__ == "__main__":
    main()
