"""Damages small files in thousands of ways and reads them: every reader must take it or say it in a sentence.

    python -m benchmarks.fuzz --mutations 16000

Each reader runs in a process of its own, which must stay alive. A mutation fails if the reader raises
anything but the project's own errors, needs more than the time (watch.py) or memory (below), or opens a file
outside of the folder that it was given. The same arguments damage the same bytes; to see a failure again:

    python -m benchmarks.fuzz --only READER --first K --mutations 1
"""

from __future__ import annotations

import dataclasses
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tyro

from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.watch import work

GIGABYTES = 3.0  # address space beyond that of the libraries
HARD_LIMIT_S = 600.0  # silence after which a process is taken for hung, on a crowded machine too


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the damages."""

    mutations: int = 16000
    """Number of damaged files, spread evenly over the readers."""
    only: str = ""
    """One reader; all by default."""
    first: int = 0
    """Number of the first mutation of each reader."""
    worker: tyro.conf.FlagCreatePairsOff[bool] = False
    """Do it in this process, and print a line a mutation."""


def main(options: Options) -> int:
    names = [options.only] if options.only else list(READERS)
    started, report = time.monotonic(), {}
    for name in names:
        count = -(-options.mutations // len(names))
        failures = list(run_reader(name, options.first, count))
        report[name] = {"mutations": count, "failures": failures}
        print(f"{name}: {count} mutations, {len(failures)} failures", file=sys.stderr, flush=True)
    failed = sum(len(entry["failures"]) for entry in report.values())
    total = sum(entry["mutations"] for entry in report.values())
    summary = {"mutations": total, "failures": failed, "seconds": round(time.monotonic() - started)}
    print(json.dumps({**summary, "readers": report}, indent=2))
    return int(failed > 0)


def run_reader(name: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Failures of a reader; its process is started again behind a mutation that kills it.

    Where the intact files fail or kill it, that is the one failure: there is nothing to learn from damage.
    """
    end = first + count
    while first < end:
        intact = False
        arguments = ["--worker", "--only", name, "--first", str(first), "--mutations", str(end - first)]
        command = [sys.executable, "-m", "benchmarks.fuzz", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            watchdog = signal.signal(signal.SIGALRM, lambda *_, p=process: p.kill())
            signal.alarm(int(HARD_LIMIT_S))
            assert process.stdout is not None
            for line in process.stdout:
                signal.alarm(int(HARD_LIMIT_S))
                result = json.loads(line)
                if result["mutation"] is None:
                    intact = not result["finding"]
                else:
                    first = result["mutation"] + 1
                if result["finding"]:
                    yield result
            signal.alarm(0)
            signal.signal(signal.SIGALRM, watchdog)
        if process.returncode != 0:
            number = first if intact else None
            yield {"mutation": number, "finding": f"the process died with code {process.returncode}"}
            first += 1
        if not intact:
            return


def limit_memory() -> None:
    """No more address space than the libraries have taken, and GIGABYTES."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = taken + int(GIGABYTES * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    given = tyro.cli(Options, description=__doc__)
    if not given.worker:
        sys.exit(main(given))
    for number, outcome in enumerate(work(given.only, given.first, given.mutations)):
        if number == 0:
            limit_memory()  # now that the libraries are loaded
        print(json.dumps(outcome), flush=True)
