"""A trained policy as an explorer: it looks at the observation and at nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.agents.checkpoint import load_policy
from robonav.envs.actions import actions_name
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.files import CheckpointError
from robonav.policies.encoder import UNREAD
from robonav.policies.sequence import GOALS, Memory, SequencePolicy, count_of

_TEMPERATURE = 0.5  # half-hearted actions, which training needs, cost what is seen; chosen on train houses


class PolicyExplorer:
    """Samples actions from a policy that remembers the episode, at half its temperature."""

    def __init__(self, policy: SequencePolicy, camera: Camera) -> None:
        self.policy, self.camera = policy.eval(), camera
        self.actions = actions_name(policy.action_space)
        self._noise = torch.Generator()
        self._memory: Memory = policy.new_memory(0)
        self._begins = True

    @property
    def goal(self) -> str | None:
        """Key of the observation that tells the goal: `goal` (an image), `point_goal` (a place) or None."""
        assert isinstance(self.policy.observation_space, spaces.Dict)
        return next((name for name in GOALS if name in self.policy.observation_space.spaces), None)

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget everything; `num_agents` new episodes begin."""
        self._noise.manual_seed(seed)
        self._memory, self._begins = self.policy.new_memory(num_agents), True

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[Any]:
        """Sampled actions (N, ...) from what the policy was trained to look at; `frames` stay unseen."""
        device = self.policy.device
        assert isinstance(self.policy.observation_space, spaces.Dict)
        tensors = {
            name: torch.as_tensor(_laid_out(observation[name], space), device=device)
            for name, space in self.policy.observation_space.spaces.items()
            if name not in UNREAD
        }
        starts = torch.full((count_of(tensors),), self._begins, device=device)
        self._begins = False
        with torch.no_grad():
            distribution, _ = self.policy.act(self.policy.flatten_actions(tensors), self._memory, starts)
        head: Any = self.policy.actor
        mode = head.mode(distribution)
        if not torch.isfinite(distribution.log_prob(mode)).all():
            raise CheckpointError(
                "the policy gives NaN instead of probabilities of actions: its weights are damaged; take "
                "another checkpoint, or train it again"
            )
        actions = head.draw(distribution, _TEMPERATURE, self._noise)
        taken: NDArray[Any] = head.to_env(actions.numpy())
        return taken


def _laid_out(value: NDArray[np.generic], space: spaces.Space[Any]) -> NDArray[np.generic]:
    """A key (N, ...) of an observation, images with channels where the policy was trained with them."""
    if space.shape and len(space.shape) == 3 and value.shape[1:] != space.shape:
        return np.ascontiguousarray(np.moveaxis(value, -1, 1))
    return value


def load_explorer(path: Path, device: str = "cpu") -> PolicyExplorer:
    """The explorer of a checkpoint or run folder, with the camera it was trained with.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    policy, config = load_policy(path, device)
    try:
        camera = Camera(**config["run"]["camera"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: config.json does not say which camera it was trained with") from error
    return PolicyExplorer(policy, camera)
