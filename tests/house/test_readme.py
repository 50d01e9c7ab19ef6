"""Every command in the README runs, in the order in which a reader meets them."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from robonav.envs.scenes.procedural.houses import generate_house
from robonav.maps.export import write_mesh
from tests.docs.pages import commands, run, smaller

# These set the machine up, or would run this test inside itself: their syntax is checked here, what they call
# is tested in test_demo.py and by every other test.
SET_UP = {"bash launch/demo.sh", "bash launch/test.sh", "source .venv/bin/activate"}

# The README trains for some minutes; a test has seconds. Everything else runs as it is printed.
SMALLER = {
    "--steps 262144": "--steps 8192 --threads 1",
    "--episodes 4 --out": "--episodes 2 --out",
    "--steps 16384 --num-envs 4": "--steps 1024 --num-envs 2",
    "--steps 24576 --num-envs 4": "--steps 2048 --num-envs 2",
    "--episodes 4 --steps 256": "--episodes 1 --steps 128",
    "--episodes 2 --steps 256": "--episodes 1 --steps 128",
    "--steps 128 --out runs/drive": "--steps 6 --out runs/drive",
    "04_drive_a_robot.py --out": "04_drive_a_robot.py --decisions 20 --out",
    "--steps 8192": "--steps 64 --episode-steps 32",
    "--steps 24576": "--steps 2048",
    "--steps 4096": "--steps 256 --num-envs 2 --episode-steps 64",
}


@pytest.fixture
def reader(tmp_path: Path, repository: Path) -> Path:
    """A folder like a reader's clone, with a scene of the reader's own in it."""
    (tmp_path / "examples").symlink_to(repository / "examples")
    house = generate_house(seed=7)
    write_mesh(tmp_path / "my_house.glb", house.vertices, house.triangles)
    return tmp_path


def test_every_command_in_the_readme_runs(
    repository: Path, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = commands((repository / "README.md").read_text())
    assert set(printed) >= SET_UP
    monkeypatch.chdir(reader)
    for command in (smaller(line, SMALLER) for line in printed if line not in SET_UP):
        started = time.monotonic()
        assert run(command, monkeypatch) == 0, command
        print(f"{time.monotonic() - started:.1f} s: {command}")
    for result in (
        "results/first/report.html",
        "results/my_house/episodes.jsonl",
        "explore.png",
        "room.ply",
        "run.mcap",
    ):
        assert (reader / result).stat().st_size > 100, result


def test_every_example_is_in_the_readme(repository: Path) -> None:
    printed = "\n".join(commands((repository / "README.md").read_text()))
    examples = [path.name for path in (repository / "examples").glob("*.py")]
    assert examples
    assert not [name for name in examples if f"examples/{name}" not in printed]


@pytest.mark.parametrize("script", ["demo.sh", "test.sh", "setup.sh"])
def test_the_scripts_are_sound_bash(repository: Path, script: str) -> None:
    checked = subprocess.run(["bash", "-n", repository / "launch" / script], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_links_in_the_documents_lead_somewhere(repository: Path) -> None:
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)", page.read_text())]
    files = [(page, link) for page, link in links if "://" not in link]
    broken = [f"{page.name}: {link}" for page, link in files if not (page.parent / link).exists()]
    assert files
    assert not broken


def anchors(page: Path) -> set[str]:
    """The fragments by which GitHub links to the headings of a page."""
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_to_headings_lead_somewhere(repository: Path) -> None:
    pages = [repository / "README.md", repository / "CHANGELOG.md", *(repository / "docs").rglob("*.md")]
    links = [
        (page, file, heading)
        for page in pages
        for file, heading in re.findall(r"\]\(([^):#]*)#([^)]+)\)", page.read_text())
    ]
    assert len(links) > 10
    broken = [
        f"{page.name}: {file}#{heading}"
        for page, file, heading in links
        if heading not in anchors(page.parent / file if file else page)
    ]
    assert not broken
