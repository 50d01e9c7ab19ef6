"""Presets decide which rewards a run is paid with; the default is what it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from robonav.envs.scenes import open_scenes
from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.launch.presets import load_preset
from robonav.perception.shipped import load_predictor
from robonav.rewards.coverage import SurfaceCoverage
from robonav.rewards.curiosity import ReconstructionCuriosity
from robonav.rewards.icm import IntrinsicCuriosity
from robonav.rewards.rnd import RandomNetworkDistillation
from robonav.rewards.sub_goal import SubGoalReward
from robonav.training.config import TrainConfig
from robonav.training.run import TrainingRun, pay
from tests.training.test_resume import TINY


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (load_preset("guided"), [ReconstructionCuriosity]),
        (load_preset("guided-topology"), [SubGoalReward]),
        (load_preset("guided-both"), [ReconstructionCuriosity, SubGoalReward]),
        (TrainConfig(reward="icm"), [IntrinsicCuriosity]),
        (TrainConfig(reward="rnd"), [RandomNetworkDistillation]),
        (TrainConfig(reward="coverage"), [SurfaceCoverage]),
    ],
)
def test_a_run_builds_the_rewards_that_its_configuration_names(
    config: TrainConfig, kinds: list[type]
) -> None:
    config = replace(config, num_envs=1)
    worlds = NavigationVecEnv(open_scenes("procedural", "train"), 1, threads=1)
    parts = pay(config, worlds, load_predictor()).reward.parts
    assert [type(getattr(part, "inner", part)) for _, part in parts.values()] == kinds
    assert [weight for weight, _ in parts.values()] == [1.0] * len(kinds)


def test_a_run_is_paid_with_both_and_says_so(tmp_path: Path) -> None:
    config = replace(TINY, steps=256, sub_goal_weight=0.5, checkpoint_every=256)
    last = TrainingRun(config, tmp_path).learn(progress_bar=False)
    assert json.loads((last / "config.json").read_text())["facts"]["rewards"] == {
        "geometric": 1.0,
        "sub-goals": 0.5,
    }
    assert json.loads((tmp_path / "config.json").read_text())["sub_goal"]["weights"]["frontier"] == 0.5


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 1.0)])
def test_a_run_without_any_reward_is_refused(weights: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="sub_goal_weight"):
        TrainConfig(surprise_weight=weights[0], sub_goal_weight=weights[1])
