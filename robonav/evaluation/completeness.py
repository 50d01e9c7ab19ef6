"""Completeness of one episode, and the null object for tasks that do not measure it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.scenes.scene import FreeSpace
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import sensor_of
from robonav.evaluation.metrics import Coverage, SampleIndex, completeness_pct
from robonav.evaluation.top_down_map import TopDownMap, draw_floor, draw_map
from robonav.mapping.true_surface import Surface, build_surface


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Surface of one island of one scene, to measure its episodes against, and the metric camera there."""

    scene_hash: str
    eye: RaycastSensor
    surface: Surface
    index: SampleIndex

    @classmethod
    def of(cls, world: LoadedScene, camera: Camera, island: int) -> GroundTruth:
        """Sample the island's surface as `camera` can see it."""
        surface = build_surface(world.scene, world.free_space, world.sensor, camera, island)
        eye = sensor_of(world.scene, camera, world.sensor.threads)
        return cls(world.scene.content_hash, eye, surface, SampleIndex(surface.points))

    def measure(self) -> Completeness:
        """Return a new meter for one episode."""
        return Completeness(self)


@dataclass(frozen=True, eq=False)
class FreeFloor:
    """Free floor of one island, for episodes whose completeness nobody measures."""

    scene_hash: str
    camera: Camera
    free_space: FreeSpace
    free: NDArray[np.bool_]

    @classmethod
    def of(cls, world: LoadedScene, camera: Camera, island: int) -> FreeFloor:
        """The free cells of the island."""
        free_space = world.free_space
        return cls(world.scene.content_hash, camera, free_space, free_space.islands == island)

    def measure(self) -> NoCompleteness:
        """Return the null object in place of a meter for one episode."""
        return NoCompleteness(self)


class Completeness:
    """Takes in what the metric camera sees along one walk.

    Args:
        truth: The surface to see.

    Attributes:
        curves: Both completenesses at the steps that were noted, by name.
    """

    def __init__(self, truth: GroundTruth) -> None:
        self._truth, self.camera = truth, truth.eye.camera
        rays = self.camera.directions().reshape(-1, 3)
        self._stretch = np.linalg.norm(rays, axis=1)  # metres along a ray for each metre of depth
        self._rays = rays / self._stretch[:, None]
        self._coverage = Coverage(truth.index)
        self._looked_from: set[tuple[float, ...]] = set()
        self.curves: dict[str, list[float]] = {"completeness_pct": [], "visible_completeness_pct": []}
        self.by_step: dict[str, dict[str, float]] = {
            name: {} for name in ("completeness_pct", "visible_completeness_pct", "mean_distance_m")
        }

    def look(self, position: NDArray[np.floating], yaw: float) -> None:
        """Add the metric camera's points; the same view of a static scene adds nothing a second time."""
        key = (*np.round(position[:2], 4), round(float(yaw) % (2 * np.pi), 3))
        if key in self._looked_from:
            return
        self._looked_from.add(key)
        pose = self.camera.poses(np.asarray(position)[None], np.array([yaw]))[0]
        depth = self._truth.eye.render(pose[None])[1].ravel()
        lengths = np.where(depth > 0, depth * self._stretch, np.inf).astype(np.float32)
        self._coverage.observe(pose[:3, 3], self._rays @ pose[:3, :3].T, lengths)

    def extend_curves(self) -> None:
        """Note the completeness of now."""
        for values, share in zip(self.curves.values(), self._shares(), strict=True):
            values.append(round(share, 3))

    def report(self, step: int) -> None:
        """Note all figures of a step."""
        distance = float(self._coverage.distances().mean())
        for name, value in zip(self.by_step, (*self._shares(), distance), strict=True):
            self.by_step[name][str(step)] = round(value, 4)

    def finish(
        self, sensor: RaycastSensor, trajectory: NDArray[np.float64]
    ) -> tuple[dict[str, Any], TopDownMap]:
        """Fields of the episode's record, and its top-down map."""
        picture = draw_map(sensor, self.camera, self._truth.surface, self._coverage.seen, trajectory)
        figures = {
            **self.by_step,
            "area_m2": round(picture.seen_area_m2, 2),
            "free_area_m2": round(picture.free_area_m2, 2),
            "visible_share_pct": round(completeness_pct(self._truth.surface.visible), 3),
        }
        return figures, picture

    def _shares(self) -> tuple[float, float]:
        seen, visible = self._coverage.seen, self._truth.surface.visible
        return completeness_pct(seen), completeness_pct(seen[visible])


class NoCompleteness:
    """Measures nothing; the top-down map shows the floor and the way.

    Args:
        floor: The free floor.

    Attributes:
        curves: None.
    """

    def __init__(self, floor: FreeFloor) -> None:
        self._floor, self.camera = floor, floor.camera
        self.curves: dict[str, list[float]] = {}

    def look(self, position: NDArray[np.floating], yaw: float) -> None:
        """Nothing to see."""

    def extend_curves(self) -> None:
        """Nothing to note."""

    def report(self, step: int) -> None:
        """Nothing to note."""

    def finish(
        self, sensor: RaycastSensor, trajectory: NDArray[np.float64]
    ) -> tuple[dict[str, Any], TopDownMap]:
        """No figures, and the map."""
        return {}, draw_floor(sensor, self.camera, self._floor.free_space, self._floor.free, trajectory)
