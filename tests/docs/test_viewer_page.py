"""The commands of docs/viewer.md run, but for those that serve or install (tests/viewer has the viewer)."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import pytest

from robonav.launch import cli
from robonav.launch.view import ViewCommand
from tests.docs.pages import commands, run, smaller

SMALLER = {"--steps 256": "--steps 8 --threads 1"}
NOT_RUN = ("pip install", "robonav view")


def test_every_command_of_the_page_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = commands((repository / "docs" / "viewer.md").read_text())
    (view,) = (line for line in printed if line.startswith("robonav view"))
    assert isinstance(cli.parse(shlex.split(view)[1:]), ViewCommand)
    run_here = [line for line in printed if not line.startswith(NOT_RUN)]
    assert len(run_here) == 5
    if importlib.util.find_spec("rerun") is None:
        run_here = [line.replace(" rrd", "") for line in run_here]
    for command in run_here:
        assert run(smaller(command, SMALLER), monkeypatch) == 0, command
    exported = {path.suffix for path in (tmp_path / "results" / "nearest" / "export").iterdir()}
    assert exported >= {".ply", ".glb", ".tum", ".gif", ".yaml", ".pgm", ".graphml", ".mcap"}
    assert (tmp_path / "second.mp4").stat().st_size > 100
