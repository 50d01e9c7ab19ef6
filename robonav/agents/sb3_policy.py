"""Policies of SB3 algorithms as agents: checkpoints of safetensors and JSON, and acting from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from robonav.agents.spaces import describe_space, space_of
from robonav.algorithms.sb3 import SB3_NAMES, sb3_class
from robonav.envs.actions import actions_name
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.files import (
    FORMAT,
    CheckpointError,
    damaged,
    find_checkpoint,
    read_config,
    read_tensors,
    write_folder,
)
from robonav.policies.sequence import GOALS
from robonav.provenance import git_revision, versions


def save_sb3(
    folder: Path,
    name: str,
    algorithm: BaseAlgorithm,
    policy_options: dict[str, Any],
    training: dict[str, Tensor],
    run: dict[str, Any],
) -> None:
    """Write a checkpoint: weights, what training continues from, and all that rebuilds the policy."""
    config = {
        "format": FORMAT,
        "algorithm": name,
        "observation": describe_space(algorithm.policy.observation_space),
        "action": describe_space(algorithm.policy.action_space),
        "policy": policy_options,
        "run": run,
        "facts": {"environment steps": algorithm.num_timesteps, "seed": run.get("seed")},
        "versions": versions(),
        "git_revision": git_revision(),
    }
    card = (
        f"# robonav agent\n\nA policy of `{name}`. Weights in `model.safetensors`, everything else in "
        "`config.json`; evaluate it with `robonav evaluate THIS_FOLDER`.\n"
    )
    copies = {key: value.clone() for key, value in algorithm.policy.state_dict().items()}  # some share memory
    weights = {"model.safetensors": copies, "training.safetensors": training}
    write_folder(folder, weights, {"config.json": json.dumps(config, indent=1), "README.md": card})


def is_sb3(path: Path) -> bool:
    """Whether a checkpoint or run folder holds a policy of an SB3 algorithm."""
    return read_config(find_checkpoint(path)).get("algorithm") in SB3_NAMES


class SB3Agent:
    """Samples actions from a policy of SB3; recurrent ones keep their LSTM's state over the episode.

    Args:
        policy: The policy.
        camera: The camera that it was trained with.
        deterministic: Whether to take the most likely action instead of drawing one.
    """

    def __init__(self, policy: Any, camera: Camera, deterministic: bool = False) -> None:
        self.policy, self.camera, self._deterministic = policy, camera, deterministic
        policy.set_training_mode(False)
        self.actions = actions_name(policy.action_space)
        self._state: Any = None
        self._starts = np.ones(0, bool)
        self._noise = torch.get_rng_state()

    @property
    def goal(self) -> str | None:
        """Key of the observation that tells the goal: `goal` (an image), `point_goal` (a place) or None."""
        return next((name for name in GOALS if name in self.policy.observation_space.spaces), None)

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget everything; `num_agents` new episodes begin."""
        self._state, self._starts = None, np.ones(num_agents, bool)
        self._noise = torch.Generator().manual_seed(seed).get_state()

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[Any]:
        """Sampled actions (N, ...) from what the policy was trained to look at; `frames` stay unseen."""
        seen = {name: observation[name] for name in self.policy.observation_space.spaces}
        with torch.random.fork_rng(devices=[]):  # SB3 draws from torch's own random numbers
            torch.set_rng_state(self._noise)
            actions, self._state = self.policy.predict(seen, self._state, self._starts, self._deterministic)
            self._noise = torch.get_rng_state()
        self._starts = np.zeros_like(self._starts)
        return np.asarray(actions)


def load_sb3(path: Path, device: str = "cpu", deterministic: bool = False) -> SB3Agent:
    """The agent of a checkpoint or run folder.

    Raises:
        CheckpointError: A file is missing, damaged or does not fit the others, or a weight is not finite.
    """
    folder = find_checkpoint(path)
    config = read_config(folder)
    weights = read_tensors(folder / "model.safetensors")
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise CheckpointError(
            f"{folder}/model.safetensors: some weights are not finite: take another checkpoint, or train it "
            "again"
        )
    try:
        kind, policy_name = sb3_class(config["algorithm"])
        seen = spaces.Dict({name: space_of(name, value) for name, value in config["observation"].items()})
        does = space_of("action", config["action"])
        camera = Camera(**config["run"]["camera"])
        policy = kind.policy_aliases[policy_name](seen, does, lambda _: 0.0, **config["policy"])
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        finding = f"the policy it describes cannot be built ({str(error)[:120]})"
        raise damaged(folder / "config.json", finding) from error
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{folder}/model.safetensors: its weights do not fit config.json") from error
    return SB3Agent(policy.to(device), camera, deterministic)
