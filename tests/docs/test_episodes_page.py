"""Every command and the program in docs/scenes/episodes.md run, on real scenes and real episode files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.docs.pages import run_page
from tests.envs.episode_files.habitat_files import NORTH, point_episode, write


@pytest.fixture
def reader(tmp_path: Path, shared_data: Path) -> Path:
    """A folder with scenes and episode files, as a person who has downloaded them has it."""
    (tmp_path / "hm3d").symlink_to(shared_data / "scene_datasets" / "hm3d")
    challenge = shared_data / "episodes" / "habitat_challenge_2023"
    (tmp_path / "objectnav").symlink_to(challenge / "objectnav" / "hm3d" / "v2")
    with np.load(shared_data / "habitat_reference" / "AwsSmallHouse.npz", allow_pickle=False) as reference:
        starts = reference["path_start"][:4].tolist()
    scene = "hm3d/minival/00901-AwsSmallHouse/AwsSmallHouse.basis.glb"
    episodes = [
        point_episode(k, scene_id=scene, start_position=start, start_rotation=NORTH)
        for k, start in enumerate(starts)
    ]
    write(tmp_path / "pointnav" / "val_mini" / "val_mini.json.gz", {"episodes": []})
    write(tmp_path / "pointnav" / "val_mini" / "content" / "AwsSmallHouse.json.gz", {"episodes": episodes})
    return tmp_path


def test_the_page_runs_from_top_to_bottom(
    repository: Path, reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = repository / "docs" / "scenes" / "episodes.md"
    monkeypatch.chdir(reader)
    assert run_page(page, monkeypatch) >= 7
    for name in ("benchmark", "pointnav", "pointnav20"):
        assert (reader / "results" / name / "episodes.jsonl").stat().st_size > 100
    pointnav = (reader / "results" / name / "episodes.jsonl" for name in ("pointnav", "pointnav20"))
    assert len({path.read_bytes() for path in pointnav}) == 1  # fewer than 20: all are kept

    capsys.readouterr()
    (program,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    exec(program, {})
    assert len(capsys.readouterr().out.splitlines()) == 2 * 30


def test_the_list_on_the_page_is_one(repository: Path, tmp_path: Path) -> None:
    from robonav.envs.episode_files import read_episode_list

    page = (repository / "docs" / "scenes" / "episodes.md").read_text()
    (example,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "page.jsonl").write_text(example)
    assert len(read_episode_list(tmp_path / "page.jsonl").episodes) == 1
