"""docs/drive.md: its first drive runs, and its table of options is that of the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robonav.launch.drive import DriveCommand
from tests.docs.pages import commands, run, smaller


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "drive.md").read_text()


def test_the_first_drive_of_the_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)
    install, drive = commands(page)
    assert install == "pip install 'robonav[drive]'"
    assert run(smaller(drive, {"--steps 128": "--steps 4 --threads 1"}), monkeypatch) == 0
    (report,) = re.findall(r"^report: (.*)$", capsys.readouterr().out, re.MULTILINE)
    for name in (report, Path(report).with_name("episodes.jsonl")):
        assert Path(name).stat().st_size > 100


def test_the_options_of_the_page_have_their_defaults(page: str) -> None:
    defaults = {
        f"--{name.replace('_', '-')}": field.default
        for name, field in DriveCommand.__dataclass_fields__.items()
    }
    listed = dict(re.findall(r"^\| `(--[a-z]+)` \| `?([a-z0-9]+)`? \|", page, re.MULTILINE))
    assert len(listed) >= 5
    assert listed == {option: str(defaults[option]) for option in listed}
