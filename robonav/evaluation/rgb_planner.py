"""The explorer's own planner without what it has learned: it sees RGB, as the explorer does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robonav.checkpoint import load_eye
from robonav.envs.navigation import NUM_ACTIONS
from robonav.envs.sensors.camera import Camera
from robonav.policies.guidance import GuidanceConfig, Guide
from robonav.policies.spatial_memory import SpatialMemory, SpatialMemoryConfig
from robonav.vision_targets import scan

if TYPE_CHECKING:
    from robonav.envs.navigation import Frames

_CPU = torch.device("cpu")


class RgbPlanner:
    """Does what a policy's guide advises: the eye, the map drawn from it, and the way to the best view."""

    camera = Camera()

    def __init__(self) -> None:
        self._eye = load_eye()
        self._map = SpatialMemory(SpatialMemoryConfig())
        self._guide = Guide(GuidanceConfig(), self._map)

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps; it draws no random numbers."""
        self._places = self._map.new(num_agents, _CPU)
        self._plans = self._guide.new(num_agents, _CPU)
        self._starts = torch.ones(num_agents, dtype=torch.bool)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Actions (N,) from `rgb` (N, H, W, 3) and `previous_action` (N,); `frames` stay unseen."""
        rgb = torch.as_tensor(np.ascontiguousarray(np.moveaxis(observation["rgb"], -1, 1)))
        with torch.no_grad():
            return self._follow(self._eye.scan(self._eye(rgb)), observation)

    def _follow(self, scan: Tensor, observation: dict[str, NDArray[np.generic]]) -> NDArray[np.int64]:
        """What the guide advises once the map knows of a scan (N, 32, 40, 3)."""
        executed = torch.as_tensor(observation["previous_action"])
        with torch.no_grad():
            self._map.observe(self._places, scan, executed, self._starts)
            advice = self._guide.advise(self._plans, self._places, executed, self._starts)
        self._starts = torch.zeros_like(self._starts)
        return advice[:, :NUM_ACTIONS].argmax(dim=1).numpy()


class DepthPlanner(RgbPlanner):
    """The same on scans of true depth: how much better the explorer could be if its eye were perfect."""

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Actions (N,) from the depth of `frames` (N, H, W) and `previous_action` (N,); RGB stays unseen."""
        told = torch.from_numpy(scan(np.asarray(frames.depth), camera).astype(np.float32))
        return self._follow(told, observation)
