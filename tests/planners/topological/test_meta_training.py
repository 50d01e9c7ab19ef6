"""The meta-controller is trained, saved without pickles, resumed and evaluated from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robonav.agents.registry import fingerprint, make_explorer
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.errors import UsageError
from robonav.files import CheckpointError
from robonav.launch import cli
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.meta_files import load_meta
from robonav.planners.topological.options import PPOConfig
from robonav.planners.topological.training import MetaConfig, MetaTraining

TINY = MetaConfig(
    steps=300,
    worlds=2,
    num_envs=3,
    episode_steps=60,
    ppo=PPOConfig(decisions=8, epochs=2, minibatch=4),
    hierarchy=HierarchyConfig(patience=30),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of some hundred steps."""
    out = tmp_path_factory.mktemp("meta")
    MetaTraining(TINY, out).learn()
    return out


def test_training_changes_the_network_and_logs_every_update(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["steps"] >= 300
    assert all(row["decisions"] >= 8 and np.isfinite(row["policy_loss"]) for row in rows)
    torch.manual_seed(TINY.seed)
    start = MetaTraining(TINY, trained / "other").scorer.state_dict()
    learned = load_meta(trained)[0].state_dict()
    assert any(not torch.equal(start[name], learned[name]) for name in start)


def test_the_same_seed_learns_the_same(trained, tmp_path):
    again = MetaTraining(TINY, tmp_path).learn()
    expected = load_file(sorted((trained / "checkpoints").iterdir())[-1] / "model.safetensors")
    for name, weight in load_file(again / "model.safetensors").items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=0)


def test_rewards_are_arrival_and_known_floor_and_nothing_else(tmp_path):
    paid = {}
    for coverage in (0.0, 0.01, 0.02):
        config = MetaConfig(**{**vars(TINY), "coverage": coverage, "ppo": PPOConfig(decisions=8, gamma=1.0)})
        decisions, _, outcomes = MetaTraining(config, tmp_path / str(coverage)).collect()
        assert outcomes["success"] == 0  # nobody is there within 60 steps
        paid[coverage] = np.array([decision.reward for decision in decisions])
    assert (paid[0.0] == 0).all()
    assert (paid[0.01] > 0).any()
    np.testing.assert_allclose(paid[0.02], 2 * paid[0.01])


def test_a_stopped_run_goes_on_from_its_weights_and_counters(trained, tmp_path):
    MetaTraining(TINY, tmp_path).learn()
    with pytest.raises(UsageError, match="add --resume"):
        MetaTraining(TINY, tmp_path)
    longer = MetaConfig(**{**vars(TINY), "steps": 500})
    resumed = MetaTraining(longer, tmp_path, resume=True)
    assert resumed.steps >= 300
    for name, weight in load_meta(trained)[0].state_dict().items():
        torch.testing.assert_close(resumed.scorer.state_dict()[name], weight, rtol=0, atol=0)
    moments = resumed.optimizer.state_dict()["state"]
    assert moments[0]["step"] > 0
    assert resumed._stream.started.min() >= 2
    last = resumed.learn()
    assert int(last.name.split("_")[1]) >= 500


def test_an_explorer_comes_out_of_the_folder_and_keeps_its_configuration(trained):
    explorer = make_explorer(str(trained), "sparse-goal")
    assert explorer.config == TINY.hierarchy
    assert fingerprint(str(trained)) is not None


def test_damaged_folders_are_refused_in_a_sentence(trained, tmp_path):
    folder = sorted((trained / "checkpoints").iterdir())[-1]
    other = tmp_path / "damaged"
    other.mkdir()
    config = json.loads((folder / "config.json").read_text())
    config["hierarchy"]["unknown"] = 1
    (other / "config.json").write_text(json.dumps(config))
    (other / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="not a meta-controller of this robonav"):
        make_explorer(str(other), "sparse-goal")
    (other / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="cannot be read"):
        make_explorer(str(other), "sparse-goal")


@pytest.mark.parametrize(
    ("wrong", "named"), [({"steps": 0}, "steps"), ({"drift": 0.9}, "drift"), ({"coverage": -1.0}, "coverage")]
)
def test_what_cannot_be_learned_is_refused(wrong, named):
    with pytest.raises(UsageError, match=named):
        MetaConfig(**wrong)


def test_from_the_command_line_to_a_report(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["--worlds", "1", "--steps", "24", "--num-envs", "2", "--decisions", "2", "--out", "runs/meta"]
    assert cli.main(["meta", *args]) == 0
    assert "robonav evaluate runs/meta --task sparse-goal" in capsys.readouterr().out
    assert cli.main(["meta", *args]) == 2
    assert "--resume" in capsys.readouterr().err
    evaluate = ["evaluate", "runs/meta", "--task", "sparse-goal", "--obstacles", "1", "--drift", "0.01"]
    assert cli.main([*evaluate, "--episodes", "1", "--steps", "12", "--threads", "1", "--out", "result"]) == 0
    (record,) = (json.loads(line) for line in (tmp_path / "result/episodes.jsonl").read_text().splitlines())
    assert record["steps_to_goal"] == 12
    assert 7.9 <= record["geodesic_distance_m"] <= 25.1
    summary = json.loads((tmp_path / "result/summary.json").read_text())
    assert "--obstacles 1 --drift 0.01" in summary["command"]
    assert {"success_pct", "spl", "steps_to_goal", "visible_completeness_pct", "collisions"} <= set(
        summary["metrics"]
    )
    assert "Steps to the goal" in (tmp_path / "result/report.html").read_text()


def test_obstacles_and_drift_belong_to_the_task(capsys) -> None:
    assert cli.main(["evaluate", "random", "--drift", "0.01"]) == 2
    assert "--task sparse-goal" in capsys.readouterr().err
    assert cli.main(["evaluate", "random", "--task", "sparse-goal", "--drift", "3"]) == 2
    assert "drift is 3" in capsys.readouterr().err


def test_worlds_are_limited_to_the_first_ones(tmp_path):
    training = MetaTraining(TINY, tmp_path)
    assert isinstance(training.simulator, NavigationSimulator)
    assert len(training.simulator.scenes.scene_ids) == 2
