"""Follows one episode: what its metric camera observes, how it moves, and the record that comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.loaded_scenes import World
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import sensor_of
from robonav.envs.world import Episode
from robonav.evaluation.metrics import Coverage, SampleIndex, completeness_pct
from robonav.evaluation.task_scores import Score, Walk, no_score
from robonav.evaluation.top_down_map import TopDownMap, draw_map
from robonav.mapping.true_surface import Surface, build_surface
from robonav.watching import Curve

REPORT_STEPS = (128, 256, 512, 1024)
CURVE_EVERY = 32


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What all episodes on one island of one scene are measured against, and the metric camera there."""

    scene_hash: str
    eye: RaycastSensor
    surface: Surface
    index: SampleIndex

    @classmethod
    def of(cls, world: World, camera: Camera, island: int) -> GroundTruth:
        """Sample the island's surface as `camera` can see it."""
        surface = build_surface(world.scene, world.free_space, world.sensor, camera, island)
        eye = sensor_of(world.scene, camera, world.sensor.threads)
        return cls(world.scene.content_hash, eye, surface, SampleIndex(surface.points))


class EpisodeTracker:
    """Measures one agent from its start frame to its last step.

    Args:
        episode: Where it started.
        world: The scene it is in.
        truth: What it should see.
        steps: How long the episode lasts.
        task: What was set in it, for the record.
        score: What the walk is worth for the task.

    Attributes:
        curve: Completeness so far.
    """

    def __init__(
        self,
        episode: Episode,
        world: World,
        truth: GroundTruth,
        steps: int,
        task: Mapping[str, Any] = MappingProxyType({}),
        score: Score = no_score,
    ) -> None:
        self.episode, self._world, self._truth, self._camera = episode, world, truth, truth.eye.camera
        self._task, self._score = dict(task), score
        self._report_at = {step for step in REPORT_STEPS if step <= steps} | {steps}
        rays = self._camera.directions().reshape(-1, 3)
        self._stretch = np.linalg.norm(rays, axis=1)  # metres along a ray for each metre of depth
        self._rays = rays / self._stretch[:, None]
        self._coverage = Coverage(truth.index)
        self._looked_from: set[tuple[float, ...]] = set()
        self._poses: list[tuple[float, ...]] = []
        self._achieved: list[int] = []
        self._collisions = 0
        self._metrics: dict[str, dict[str, float]] = {
            name: {} for name in ("completeness_pct", "visible_completeness_pct", "mean_distance_m")
        }
        self.curve = Curve()

    def observe(self, position: NDArray[np.floating], yaw: float, collided: bool, achieved: int = 0) -> None:
        """Take in where the agent is after a step (or at its start), and how much of its task is done."""
        step = len(self._poses)
        self._achieved.append(achieved)
        self._poses.append((float(position[0]), float(position[1]), float(yaw)))
        self._collisions += int(collided)
        self._look(position, yaw)
        if step % CURVE_EVERY == 0:
            self._extend_curve(step)
        if step in self._report_at:
            self._report(step)

    def _look(self, position: NDArray[np.floating], yaw: float) -> None:
        """Add the metric camera's points; the same view of a static scene adds nothing a second time."""
        key = (*np.round(position[:2], 4), round(float(yaw) % (2 * np.pi), 3))
        if key in self._looked_from:
            return
        self._looked_from.add(key)
        pose = self._camera.poses(np.asarray(position)[None], np.array([yaw]))[0]
        depth = self._truth.eye.render(pose[None])[1].ravel()
        lengths = np.where(depth > 0, depth * self._stretch, np.inf).astype(np.float32)
        self._coverage.observe(pose[:3, 3], self._rays @ pose[:3, :3].T, lengths)

    def _shares(self) -> tuple[float, float]:
        seen, visible = self._coverage.seen, self._truth.surface.visible
        return completeness_pct(seen), completeness_pct(seen[visible])

    def _extend_curve(self, step: int) -> None:
        shares = self._shares()
        self.curve.step.append(step)
        self.curve.completeness_pct.append(round(shares[0], 3))
        self.curve.visible_completeness_pct.append(round(shares[1], 3))

    def _report(self, step: int) -> None:
        distance = float(self._coverage.distances().mean())
        for name, value in zip(self._metrics, (*self._shares(), distance), strict=True):
            self._metrics[name][str(step)] = round(value, 4)

    def finish(self) -> tuple[dict[str, Any], TopDownMap]:
        """The episode's record, ready for JSON, and its top-down map; it may end before its last step."""
        trajectory = np.array(self._poses)
        if len(trajectory) - 1 not in self._report_at:
            self._report(len(trajectory) - 1)
        picture = draw_map(
            self._world.sensor, self._camera, self._truth.surface, self._coverage.seen, trajectory
        )
        walk = Walk(self._world.free_space, trajectory, np.array(self._achieved), self._task)
        x, y, yaw = self.episode.start
        moved = np.linalg.norm(np.diff(trajectory[:, :2], axis=0), axis=1)
        record = {
            "episode_id": self.episode.episode_id,
            "scene_id": self.episode.scene_id,
            **{key: value for key, value in self._world.scene.metadata.items() if key == "floor"},
            "scene_hash": self._truth.scene_hash,
            "seed": self.episode.seed,
            "start": {"x": round(x, 4), "y": round(y, 4), "yaw": round(yaw, 4)},
            "steps": len(trajectory) - 1,
            "camera": vars(self._camera),
            **self._score(walk, self._report_at),
            **self._metrics,
            "area_m2": round(picture.seen_area_m2, 2),
            "free_area_m2": round(picture.free_area_m2, 2),
            "visible_share_pct": round(completeness_pct(self._truth.surface.visible), 3),
            "path_length_m": round(float(moved.sum()), 3),
            "collisions": self._collisions,
            **rooms_visited(self._world.scene.metadata.get("room_bounds", ()), trajectory[:, :2]),
            "curve": vars(self.curve),
        }
        return record, picture


def rooms_visited(bounds: Sequence[Sequence[float]], xy: NDArray[np.float64]) -> dict[str, int]:
    """How many rooms (x0, y0, x1, y1) the positions (T, 2) enter; nothing where rooms are not known."""
    if not len(bounds):
        return {}
    x0, y0, x1, y1 = np.asarray(bounds).T[:, :, None]
    inside = (xy[:, 0] > x0) & (xy[:, 0] < x1) & (xy[:, 1] > y0) & (xy[:, 1] < y1)
    return {"rooms": len(bounds), "rooms_visited": int(inside.any(axis=1).sum())}
