"""What was measured, as records, lines, a table and JSON. Needs only the standard library."""

import math
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Record:
    """One query on one engine."""

    suite: str
    query: str
    engine: str
    version: str = ""
    seconds: list = field(default_factory=list)
    process_seconds: list = field(default_factory=list)
    peak_mib: float = 0.0
    spilled_mib: float | None = None  # as the engine itself tells it
    rows: int | None = None
    agrees: bool = False
    ratio_to_best_peer: float | None = None
    error: str = ""
    answer: dict = field(default_factory=dict)

    def add(self, outcome, whole_process):
        """Takes one process' outcome in. The peak is that at the end of the work where the process tells it, for
        a checksum is made after that."""
        self.error = outcome.error
        self.peak_mib = max(self.peak_mib, outcome.report.get("peak_mib") or outcome.peak_mib)
        self.spilled_mib = outcome.report.get("spilled_mib", self.spilled_mib)
        self.version = outcome.report.get("version", self.version)
        if not outcome.error:
            self.process_seconds.append(round(outcome.seconds, 4))
            self.seconds.append(round(outcome.seconds if whole_process else outcome.report["seconds"], 4))

    @property
    def best(self):
        return min(self.seconds, default=math.inf) if not self.error else math.inf

    def as_json(self):
        fields = asdict(self)
        fields["peak_mib"] = round(self.peak_mib, 1)
        if not self.error:
            del fields["error"]
        return fields


def with_ratios(records):
    """Sets each record's ratio: its best time over that of the fastest peer (Partita is none) with a right answer."""
    best = min((r.best for r in records if r.engine != "partita" and r.agrees), default=math.inf)
    for record in records:
        if math.isfinite(best) and math.isfinite(record.best):
            record.ratio_to_best_peer = round(record.best / best, 4)
    return records


def lines(records):
    """One query as it is done."""
    for record in records:
        times = " ".join(f"{seconds:.3f}" for seconds in record.seconds)
        state = record.error or ("agrees" if record.agrees else "DISAGREES")
        spilled = "" if record.spilled_mib is None else f", {record.spilled_mib:.0f} MiB spilled"
        yield f"{record.suite} {record.query} {record.engine:<10} {times} s, {record.peak_mib:.0f} MiB{spilled}, {state}"


def table(args, records):
    """All queries: seconds, peak memory and Partita's ratios, then the geometric means."""
    engines = list(dict.fromkeys(record.engine for record in records))
    rows = [["query", *[f"{engine} s" for engine in engines], "ratio", *[f"{engine} MiB" for engine in engines], "memory"]]
    ratios = []
    for query in dict.fromkeys(record.query for record in records):
        by_engine = {record.engine: record for record in records if record.query == query}
        ours = by_engine.get("partita")
        ratio = ours and ours.ratio_to_best_peer
        if ratio:
            ratios.append(ratio)
        rows.append(
            [
                query,
                *[seconds_cell(by_engine.get(engine)) for engine in engines],
                f"{ratio:.2f}" if ratio else "-",
                *[memory_cell(by_engine.get(engine)) for engine in engines],
                memory_ratio(by_engine),
            ]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = [heading(args, records)]
    for row in rows:
        text.append("  ".join([row[0].ljust(widths[0]), *[cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]]))
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        text.append(f"geometric mean of the ratios {mean:.2f}, worst {max(ratios):.2f}")
    text.append("ratio: Partita's time over the best peer's; memory: its peak over the leanest peer's; ! wrong answer")
    for record in records:
        if record.error:
            text.append(f"{record.query} {record.engine}: {record.error}")
    return "\n".join(text)


def heading(args, records):
    versions = {record.engine: record.version for record in records if record.version}
    named = ", ".join(f"{engine} {version}" for engine, version in versions.items())
    size = f", {args.rows} rows"
    if args.suite in ("flights", "tpch"):
        size = "" if args.suite == "flights" else f", scale {args.scale:g}"
    limit = f", memory limit {args.memory >> 20} MiB" if args.memory else ""
    return f"{args.suite}{size}{limit}, {args.threads} threads, best of {args.repeat}; {named}; {machine()}"


def machine():
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores"


def seconds_cell(record):
    if record is None:
        return ""
    if record.error:
        return "error"
    return f"{record.best:.3f}{'' if record.agrees else '!'}"


def memory_cell(record):
    return f"{record.peak_mib:.0f}" if record and not record.error else ""


def memory_ratio(by_engine):
    peers = [r.peak_mib for e, r in by_engine.items() if e != "partita" and not r.error and r.agrees]
    ours = by_engine.get("partita")
    return f"{ours.peak_mib / min(peers):.2f}" if peers and ours and not ours.error else "-"
