"""CPU seconds until robonav can be used, each in a process of its own, the interpreter's start included.

    python benchmarks/import_time.py

prints one JSON object: the best of several tries of `import robonav`, of `robonav --help`, and of
`gym.make` with its first reset, beside those of an empty program.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import tyro

PROGRAMS = {
    "nothing": "pass",
    "import_robonav": "import robonav",
    "robonav_help": (
        "from robonav.launch import cli\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    cli.main(['--help'])"
    ),
    "gym_make_and_reset": (
        "import gymnasium, robonav.envs\ngymnasium.make('robonav/Explore-v0').reset(seed=0)"
    ),
}
MEASURED = "import contextlib, io, time\n{}\nprint(time.process_time())"


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    tries: int = 5
    """Processes for each; the first one may also compile kernels."""


def cpu_seconds(program: str, tries: int) -> float:
    command = [sys.executable, "-c", MEASURED.format(program)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(tries)]
    return round(min(float(run.stdout.split()[-1]) for run in runs), 3)


def main(options: Options) -> None:
    print(
        json.dumps(
            {name: cpu_seconds(program, options.tries) for name, program in PROGRAMS.items()}, indent=2
        )
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
