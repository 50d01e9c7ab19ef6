"""Training in any world whose frames have images can be watched, and its map is rewarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from safetensors.torch import load_file

from robonav.envs import worlds
from robonav.envs.gym_world import GymWorld
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import WorldVecEnv
from robonav.envs.world import Episode, Frames, Observation, WorldStep, motion_between
from robonav.envs.world_config import WorldConfig
from robonav.launch import cli, evaluate_world, ranks
from robonav.rewards.registry import make_reward
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from robonav.watching import NullViewer
from tests.viewer.conftest import Witness

CAMERA, WALL_M, STEPS = Camera(40, 40), 6.0, 8


class Corridor(gymnasium.Env[dict[str, Any], int]):
    """A step of 25 cm towards a wall, or away from it; it is the redder the nearer it is."""

    observation_space = spaces.Dict(
        rgb=spaces.Box(0, 255, (40, 40, 3), np.uint8), x=spaces.Box(-10.0, 10.0, (1,), np.float32)
    )
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.x, self.steps = float(self.np_random.uniform(0, 2)), 0
        return self._seen(), {}

    def step(self, action: int) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.x, self.steps = self.x + (0.25 if action else -0.25), self.steps + 1
        return self._seen(), self.x, False, self.steps == STEPS, {}

    def _seen(self) -> dict[str, Any]:
        rgb = np.zeros((40, 40, 3), np.uint8)
        rgb[..., 0] = round(40 * self.x) + 100
        return {"rgb": rgb, "x": np.array([self.x], np.float32)}


class SeeingWorld(GymWorld):
    """Corridors that say what a camera sees there."""

    camera = CAMERA

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        spaces_by_name = self.observation_space.spaces.items()
        blank = {name: np.stack([space.low] * self.num_agents) for name, space in spaces_by_name}
        self.frames = self.outcome = self.look(blank)

    def _begin(self, episodes: Sequence[Episode]) -> Observation:
        observation = super()._begin(episodes)
        self.frames = self.outcome = self.look(observation)
        return observation

    def step(self, actions: np.ndarray) -> WorldStep:
        step = super().step(actions)
        self.frames = self.outcome = self.look(step.observation)
        return step

    def look(self, observation: Observation) -> Frames:
        x, yaw = observation["x"][:, 0], np.zeros(self.num_agents, np.float32)
        position = np.stack([x, 0 * x, 0 * x], axis=1)
        depth = np.broadcast_to((WALL_M - x)[:, None, None], (self.num_agents, 40, 40)).astype(np.float32)
        here = np.stack([x, 0 * x, yaw], axis=1)
        motion, still = motion_between(here, here), np.zeros(self.num_agents, bool)
        return Frames(
            self.images(observation), depth, CAMERA.poses(position, yaw), position, yaw, still, motion
        )

    def images(self, observation: Observation) -> np.ndarray | None:
        return observation["rgb"]


class DepthWorld(SeeingWorld):
    """The same with depth alone."""

    def images(self, observation: Observation) -> None:
        return None


@dataclass(frozen=True)
class Seeing(WorldConfig):
    """Corridors with a camera."""

    name: ClassVar[str] = "seeing"
    kind: ClassVar[type[GymWorld]] = SeeingWorld
    max_steps: ClassVar[int] = STEPS

    def make(self, num_agents: int, split: str = "train", seed: int = 0, first_env: int = 0) -> GymWorld:
        return self.kind(Corridor, num_agents, self.name, seed, first_env)


@dataclass(frozen=True)
class Measuring(Seeing):
    """Corridors with depth."""

    name: ClassVar[str] = "measuring"
    kind: ClassVar[type[GymWorld]] = DepthWorld


@dataclass(frozen=True)
class Blind(Seeing):
    """Corridors as Gymnasium has them."""

    name: ClassVar[str] = "blind"
    kind: ClassVar[type[GymWorld]] = GymWorld


@pytest.fixture(autouse=True)
def _plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "WORLDS", (*worlds.WORLDS, Seeing, Measuring, Blind))


def train(world: str, out: Path, *more: str) -> int:
    ppo = ["--algorithm", "ppo", "--plain-ppo.n-steps", "16", "--plain-ppo.batch-size", "16"]
    size = [*ppo, "--num-envs", "2", "--steps", "64", "--threads", "1", "--device", "cpu"]
    return cli.main(["train", "recuriosity", "--world", world, *size, *more, "--out", str(out)])


def weights(run: Path) -> dict[str, Any]:
    (last,) = (run / "checkpoints").iterdir()
    return load_file(last / "model.safetensors")


def test_a_plug_ins_world_is_watched_and_learned_in_as_if_nobody_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
    assert train("seeing", tmp_path / "seen", "--view") == 0
    assert "open http://127.0.0.1:" in capsys.readouterr().out
    assert train("seeing", tmp_path / "unseen") == 0
    seen, unseen = weights(tmp_path / "seen"), weights(tmp_path / "unseen")
    assert all(np.array_equal(seen[name], unseen[name]) for name in unseen)


def test_what_is_shown_is_what_the_first_agent_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = Witness()
    monkeypatch.setattr(ranks, "open_viewer", lambda wanted: witness)
    assert train("seeing", tmp_path / "run", "--view") == 0
    assert witness.camera == CAMERA
    assert witness.titles == [f"training, after {steps} steps" for steps in (0, 16, 32, 48, 64)]
    for frames in witness.frames:
        assert frames.rgb[0, 0, 0, 0] == round(40 * float(frames.position[0, 0])) + 100


def test_an_evaluation_there_is_watched_and_ends_as_if_nobody_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness()
    assert train("seeing", tmp_path / "run") == 0
    told = ["evaluate", str(tmp_path / "run"), "--episodes", "3", "--num-envs", "2"]
    assert cli.main([*told, "--out", str(tmp_path / "unseen")]) == 0
    monkeypatch.setattr(evaluate_world, "open_viewer", lambda wanted: witness if wanted else NullViewer())
    assert cli.main([*told, "--view", "--out", str(tmp_path / "seen")]) == 0
    assert witness.titles == ["seeing/0-0", "seeing/0-2"]  # the first of each batch
    assert len(witness.frames) == 2 * (1 + STEPS)
    results = [(tmp_path / name / "episodes.jsonl").read_bytes() for name in ("seen", "unseen")]
    assert results[0] == results[1]


def test_its_map_is_rewarded() -> None:
    env = IntrinsicRewardVecEnv(WorldVecEnv(Seeing().make(2)), make_reward("geometric"), normalise=False)
    env.reset()
    paid = []
    for _ in range(STEPS - 1):
        env.step(np.ones(2, int))
        paid.append(env.intrinsic_rewards.copy())
    assert (np.array(paid).max(axis=0) > 0.1).all()  # the wall comes within reach, and is new


@pytest.mark.parametrize("world", ["blind", "measuring", "warehouse"])
def test_a_world_without_images_cannot_be_watched(
    world: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
    assert train(world, tmp_path / "run", "--reward", "rnd", "--view") == 2
    error = capsys.readouterr().err
    assert "this world has none: leave --view out" in error
    assert error.count("\n") == 1


def test_nor_can_an_evaluation_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
    told = ["evaluate", "pure-pursuit", "--world", "warehouse", "--world.layout", "simple", "--episodes", "1"]
    assert cli.main([*told, "--view", "--out", str(tmp_path / "run")]) == 2
    assert "this world has none: leave --view out" in capsys.readouterr().err
