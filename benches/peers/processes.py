"""Runs one process to its end and says what it printed, how long it took and how much memory it used.

Needs only the standard library. A process may be confined to some cores, to a time, and to a control group's memory.
"""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Outcome:
    """What became of a process."""

    seconds: float
    peak_mib: float
    report: dict = field(default_factory=dict)  # the JSON of its last line
    error: str = ""


class MemoryGroup:
    """A control group, of version 2 or 1, that kills what takes more than some bytes."""

    def __init__(self, limit):
        name = f"partita-bench-{os.getpid()}"
        root = Path("/sys/fs/cgroup")
        second = (root / "cgroup.controllers").exists()
        self.path = root / name if second else root / "memory" / name
        self.path.mkdir()
        (self.path / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(limit))

    def enter(self):
        (self.path / "cgroup.procs").write_text("0")

    def remove(self):
        self.path.rmdir()


def run(command, *, env, cwd, threads, timeout, group=None, most_mib=0):
    """Runs a command and waits for it; whatever happens to it is in the outcome. It is killed when it is late, and when
    it takes more memory than `most_mib`, if that is given."""

    def prepare():
        os.setsid()
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])
        if group:
            group.enter()

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd, preexec_fn=prepare
        )
        status, usage, killed = wait(process, timeout, most_mib)
        seconds = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        outcome = Outcome(seconds, usage.ru_maxrss / 1024)
        if killed:
            outcome.error = killed
        elif status != 0:
            outcome.error = failure(status, err.read())
        else:
            outcome.report = last_json(out.read())
        return outcome


def wait(process, timeout, most_mib):
    """Waits with wait4, so that the peak is that of this one process; kills it when it is late or too large, and says
    why."""
    ended, why = threading.Event(), []

    def watch():
        end = time.monotonic() + timeout
        while not ended.wait(0.05 if most_mib else max(end - time.monotonic(), 0)):
            if time.monotonic() >= end:
                why.append(f"not done after {timeout:g} s")
            elif most_mib and resident_mib(process.pid) > most_mib:
                why.append(f"killed when it took more than {most_mib} MiB")
            else:
                continue
            os.killpg(process.pid, signal.SIGKILL)
            return

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage, why[0] if why else ""


def resident_mib(pid):
    """What a process holds now; 0 where it has ended or the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def failure(status, text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "no message"
    return f"killed by signal {-status}: {last}" if status < 0 else last


def last_json(text):
    lines = text.strip().splitlines()
    try:
        return json.loads(lines[-1]) if lines else {}
    except json.JSONDecodeError:
        return {}
