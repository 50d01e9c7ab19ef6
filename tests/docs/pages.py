"""Runs what a page tells its reader to type, in a reader's folder and in a test's time."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from robonav.launch import cli

# The pages' numbers are for a reader with minutes; a test has seconds.
SMALLER = {
    "--steps 196608": "--steps 256 --num-envs 1 --threads 1",
    "--steps 512": "--steps 4 --threads 1",
    "--steps 256 --out": "--steps 16 --threads 1 --out",
    "--episodes 100": "--episodes 2",
    "--episodes 10 ": "--episodes 1 ",
    "--episodes 4 ": "--episodes 1 ",
    "--episodes 3 ": "--episodes 1 ",
    "--episodes 2 ": "--episodes 1 ",
}


def commands(markdown: str) -> list[str]:
    """The lines of all ```bash blocks."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def smaller(command: str, replacements: Mapping[str, str] = SMALLER) -> str:
    """The command with other numbers, each replacement made once, in a single pass over the text."""
    pattern = "|".join(re.escape(printed) for printed in replacements)
    return re.sub(pattern, lambda match: replacements[match.group()], command)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run one command line as a shell would, but in this process: each start of Python costs seconds."""
    program, *args = shlex.split(command)
    if program == "robonav":
        return cli.main(args)
    assert program == "python", f"{command}: the test knows robonav and python only"
    monkeypatch.setattr(sys, "argv", args)
    runpy.run_path(args[0], run_name="__main__")
    return 0


def run_page(page: Path, monkeypatch: pytest.MonkeyPatch, leave_out: Iterable[str] = ()) -> int:
    """Run a page's commands where we are, except those that contain one of the given texts; how many."""
    printed = [line for line in commands(page.read_text()) if not any(text in line for text in leave_out)]
    for command in printed:
        assert run(smaller(command), monkeypatch) == 0, command
    return len(printed)
