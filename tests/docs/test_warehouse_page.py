"""Every command of docs/warehouse.md runs, with the hall and the vehicle that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import gymnasium
import pytest

from tests.docs.pages import commands, run, smaller

SMALLER = {
    "--steps 262144": "--steps 8192 --threads 1 --device cpu",
    "--episodes 20": "--episodes 2",
    "--episodes 4": "--episodes 2",
}


def test_the_commands_of_the_page_run(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (repository / "docs/warehouse.md").read_text()
    monkeypatch.chdir(tmp_path)
    (drawing,) = re.findall(r"```\n(cell: .*?)```", page, re.DOTALL)
    (vehicle,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    Path("hall.txt").write_text(drawing + (".................." + "\n") * 8)
    Path("tug.yaml").write_text(vehicle)
    printed = commands(page)
    assert len(printed) == 5
    for command in printed:
        assert run(smaller(command, SMALLER), monkeypatch) == 0, command
    assert Path("results/agv/summary.json").is_file()


def test_the_id_of_the_page_is_known(repository: Path) -> None:
    (made,) = re.findall(r'gymnasium\.make\((".*?)\)', (repository / "docs/warehouse.md").read_text())
    env = eval(f"gymnasium.make({made})", {"gymnasium": gymnasium})
    assert env.reset(seed=0)[0].keys() >= {"scan", "goal", "twist"}
