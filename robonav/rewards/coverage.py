"""Privileged upper reference: the share of the true surface that came into view for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.mapping.true_surface import build_surface
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.on_frames import OnFrames


def in_sight(
    world: LoadedScene,
    camera: Camera,
    T_world_camera: NDArray[np.float32],
    points: NDArray[np.float32],
    reach_m: float,
) -> NDArray[np.bool_]:
    """Mask of points (P, 3) that a camera sees: in the image, within `reach_m` metres, not occluded."""
    eye, axes = T_world_camera[:3, 3], T_world_camera[:3, :3]
    right, down, ahead = ((points - eye) @ axes).T
    across, along = camera.width / (2 * camera.focal) * ahead, camera.height / (2 * camera.focal) * ahead
    seen = (ahead > 0) & (ahead <= reach_m) & (np.abs(right) < across) & (np.abs(down) < along)
    candidates = np.flatnonzero(seen)
    if len(candidates):
        starts = np.broadcast_to(eye, (len(candidates), 3))
        seen[candidates] = ~world.sensor.is_occluded(starts, points[candidates])
    return seen


class SurfaceCoverage:
    """Upper reference for rewards: what evaluation counts, in percent of what can be seen on the island.

    Samples are those of `evaluation.surface.build_surface`; one is seen when it is in sight within the reach.

    Args:
        world: Says in which scene each agent is, which no other reward may know.
        reach_m: Depth in metres up to which a surface counts.
    """

    def __init__(self, world: NavigationWorld, reach_m: float = 4.0) -> None:
        self._world, self._reach_m = world, reach_m
        self._surfaces: dict[tuple[str, int], NDArray[np.float32]] = {}
        self._within: dict[int, LoadedScene] = {}
        self._unseen = [np.zeros((0, 3), np.float32)] * world.num_agents
        self._total = [0] * world.num_agents

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Begin with the surfaces of the scenes that these environments (default: all) are in now."""
        for i in range(self._world.num_agents) if env_ids is None else env_ids:
            self._within[i] = self._world.simulator.world(i)
            self._unseen[i] = self._surface(self._within[i], self._world.frames.position[i])
            self._total[i] = len(self._unseen[i])

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,): percent of the surface that is seen for the first time."""
        news = [int(view.sum()) for view in self._views(frames)]
        return 100.0 * np.array(news, np.float32) / np.maximum(self._total, 1).astype(np.float32)

    def update(self, frames: Frames) -> None:
        """Mark the surface in sight as seen."""
        for i, view in enumerate(self._views(frames)):
            self._unseen[i] = self._unseen[i][~view]

    def _views(self, frames: Frames) -> list[NDArray[np.bool_]]:
        within = [self._within[i] for i in range(self._world.num_agents)]
        parts = zip(within, frames.T_world_camera, self._unseen, strict=True)
        camera = self._world.simulator.camera
        return [in_sight(world, camera, pose, unseen, self._reach_m) for world, pose, unseen in parts]

    def _surface(self, world: LoadedScene, position: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples (S, 3) that can be seen from the island that the agent stands on; computed once a scene."""
        island = int(world.free_space.island_at(position[:2]))
        key = (world.scene.content_hash, island)
        if key not in self._surfaces:
            camera = self._world.simulator.camera
            surface = build_surface(world.scene, world.free_space, world.sensor, camera, island)
            self._surfaces[key] = surface.points[surface.visible]
        return self._surfaces[key]


@dataclass(frozen=True)
class CoverageConfig(RewardConfig):
    """Pays for true surface that comes into view for the first time: the upper reference for rewards."""

    reach_m: float = 4.0
    """Depth in metres up to which surfaces count."""

    name = "coverage"
    source = "robonav: percent of the visible surface, as evaluation counts it"
    episodic = True

    def build(self, context: RewardContext) -> OnFrames:
        """The reward, which asks the world for its scenes.

        Raises:
            UsageError: It is no world of scenes.
        """
        world = context.privileged_world(self.name)
        if not isinstance(world, NavigationWorld):
            raise UsageError(f"reward {self.name} is paid for surfaces of scenes, and this world has none")
        return OnFrames(SurfaceCoverage(world, self.reach_m))
