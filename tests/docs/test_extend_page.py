"""The examples of docs/extend.md, installed as a package, work through the command line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import robot_spec
from robonav.errors import UsageError
from robonav.launch import cli
from robonav.launch.train import TrainCommand
from robonav.training.saved_config import read_saved_config

SHORT = ["--scenes", "five-houses", "--threads", "1"]


@pytest.fixture
def installed(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of the page, as pip would lay it down."""
    page, site = (repository / "docs/extend.md").read_text(), tmp_path / "site"
    for name, code in re.findall(r"```python\n# (my_robots/\w+\.py)\n(.*?)```", page, re.DOTALL):
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    (table,) = re.findall(r"```toml\n.*?\n(.*?)```", page, re.DOTALL)
    info = site / "my_robots-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-robots\nVersion: 1.0\n")
    groups = re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", table).replace('"', "")
    (info / "entry_points.txt").write_text(groups)
    monkeypatch.syspath_prepend(str(site))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_robots"]:
        del sys.modules[name]


def test_the_task_and_the_scenes_are_evaluated_without_completeness(installed: Path, capsys) -> None:
    out = installed / "out"
    task = ["--task", "stay-near", "--task.radius-m", "3"]
    shown = ["evaluate", "straight", *SHORT, *task, "--episodes", "2", "--steps", "8", "--out", str(out)]
    assert cli.main(shown) == 0
    assert "Distance from the start, m @8" in capsys.readouterr().out
    records = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
    assert len(records) == 2
    assert all(0 <= record["away_m"]["8"] <= 2.0 for record in records)
    assert "completeness_pct" not in records[0]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["settings"]["task_options"] == {"radius_m": 3.0}
    assert "completeness" not in (out / "report.html").read_text()


def test_the_reward_pays_in_a_training(installed: Path) -> None:
    out = installed / "run"
    size = ["--camera.width", "40", "--camera.height", "40", "--num-envs", "2", "--episode-steps", "16"]
    ppo = ["--algorithm", "ppo", "--plain-ppo.n-steps", "16", "--plain-ppo.batch-size", "16"]
    tiny = [*size, *ppo, "--steps", "32", "--device", "cpu"]
    reward = ["--reward", "turning", "--reward.per-radian", "2"]
    assert cli.main(["train", "guided", *reward, *SHORT, *tiny, "--out", str(out)]) == 0
    saved = json.loads((out / "config.json").read_text())
    assert (saved["reward"], saved["scenes"]) == ("turning", "five-houses")
    assert saved["reward_options"] == {"per_radian": 2.0}
    assert read_saved_config(out / "config.json").reward_options.per_radian == 2.0
    (episodes, *_) = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert episodes["step"] == 32
    with pytest.raises(UsageError, match="perhaps you meant geometric"):
        TrainCommand.parse(["guided", "--reward", "geometrik", *SHORT, "--out", str(installed / "x")]).run()


def test_the_world_is_trained_and_evaluated_in(installed: Path, capsys) -> None:
    out = installed / "run"
    ppo = ["--algorithm", "ppo", "--plain-ppo.n-steps", "16", "--plain-ppo.batch-size", "16"]
    size = [*ppo, "--num-envs", "2", "--steps", "64", "--threads", "1", "--device", "cpu"]
    world = ["--world", "pendulum", "--world.gravity", "3", "--reward", "rnd"]
    assert cli.main(["train", "recuriosity", *world, *size, "--out", str(out)]) == 0
    assert read_saved_config(out / "config.json").world_options.gravity == 3.0
    assert cli.main(["evaluate", str(out), "--episodes", "3", "--out", str(installed / "e")]) == 0
    assert "Return: -" in capsys.readouterr().out
    records = [json.loads(line) for line in (installed / "e/episodes.jsonl").read_text().splitlines()]
    assert [record["episode_id"] for record in records] == [f"pendulum/0-{k}" for k in range(3)]
    assert all(-2000 < record["reward"] < 0 for record in records)


def test_the_robot_drives(installed: Path, capsys) -> None:
    shown = ["drive", "straight", "--scene", "five-houses", "--robot", "slow-turtlebot", "--threads", "1"]
    assert cli.main([*shown, "--steps", "2", "--out", str(installed / "drive")]) == 0
    assert "driven" in capsys.readouterr().out
    assert robot_spec("slow-turtlebot").limits.forward == 0.15
    with pytest.raises(RobotError, match="choose one of husky, slow-turtlebot, turtlebot"):
        robot_spec("fast")


def test_a_task_without_scores_is_refused_in_one_sentence(installed: Path, capsys) -> None:
    file = installed / "site/my_robots/stay_near.py"
    file.write_text(re.sub(r"    scores = .*\n", "", file.read_text()))
    assert cli.main(["evaluate", "straight", *SHORT, "--task", "stay-near"]) == 2
    error = capsys.readouterr().err
    assert "task stay-near has no score" in error
    assert error.count("\n") == 1
