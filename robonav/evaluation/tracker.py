"""Follows one episode: what its metric camera observes, how it moves, and the record that comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.tasks import ExploreConfig, TaskConfig, Walk
from robonav.envs.navigation.tasks.task import VISIBLE_COMPLETENESS
from robonav.envs.world import Episode
from robonav.evaluation.completeness import FreeFloor, GroundTruth
from robonav.evaluation.top_down_map import TopDownMap
from robonav.watching import Curve

REPORT_STEPS = (128, 256, 512, 1024)
CURVE_EVERY = 32


class EpisodeTracker:
    """Measures one agent from its start frame to its last step.

    Args:
        episode: Where it started.
        world: The scene it is in.
        truth: The surface that it should see.
        steps: How long the episode lasts.
        set_task: The episode's task as JSON, for the record.
        task: Tells what the walk is worth.
    """

    def __init__(
        self,
        episode: Episode,
        world: LoadedScene,
        truth: GroundTruth | FreeFloor,
        steps: int,
        set_task: Mapping[str, Any] = MappingProxyType({}),
        task: TaskConfig | None = None,
    ) -> None:
        self.episode, self._world, self._truth, self._seen = episode, world, truth, truth.measure()
        self._set_task, self._task = dict(set_task), task or ExploreConfig()
        self._report_at = {step for step in REPORT_STEPS if step <= steps} | {steps}
        self._poses: list[tuple[float, ...]] = []
        self._achieved: list[int] = []
        self._main = self._task.main_score()
        self._curve, self._points = Curve(self._main), 0
        self._collisions = 0

    def curve(self) -> Curve:
        """The task's main score so far; only worked out when a point is due, as it may take a path search."""
        points = len(self._curve_steps())
        if points > self._points:
            self._curve, self._points = Curve.of(self._main, self._curves()), points
        return self._curve

    def observe(self, position: NDArray[np.floating], yaw: float, collided: bool, achieved: int = 0) -> None:
        """Take in where the agent is after a step (or at its start), and how much of its task is done."""
        step = len(self._poses)
        self._achieved.append(achieved)
        self._poses.append((float(position[0]), float(position[1]), float(yaw)))
        self._collisions += int(collided)
        self._seen.look(position, yaw)
        if step % CURVE_EVERY == 0:
            self._seen.extend_curves()
        if step in self._report_at:
            self._seen.report(step)

    def finish(self) -> tuple[dict[str, Any], TopDownMap]:
        """The episode's record, ready for JSON, and its top-down map; it may end before its last step."""
        trajectory = np.array(self._poses)
        if len(trajectory) - 1 not in self._report_at:
            self._seen.report(len(trajectory) - 1)
        seen, picture = self._seen.finish(self._world.sensor, trajectory)
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
            "camera": vars(self._seen.camera),
            **self._task.score(self._walk(), self._report_at),
            **seen,
            "path_length_m": round(float(moved.sum()), 3),
            "collisions": self._collisions,
            **rooms_visited(self._world.scene.metadata.get("room_bounds", ()), trajectory[:, :2]),
            **self._named(),
            "curve": self._curves(),
        }
        return record, picture

    def _walk(self) -> Walk:
        """Record of the episode so far."""
        trajectory, achieved = np.array(self._poses), np.array(self._achieved)
        return Walk(self._world.free_space, trajectory, achieved, self._set_task)

    def _curves(self) -> dict[str, list[Any]]:
        """Completeness, if it is measured, and the main score, if the task gives it at any step; by name."""
        steps = self._curve_steps()
        by_step = self._task.score(self._walk(), steps).get(self._main.name, {})
        curves: dict[str, list[Any]] = {"step": steps, **self._seen.curves}
        if all(str(step) in by_step for step in steps):
            curves[self._main.name] = [by_step[str(step)] for step in steps]
        return curves

    def _curve_steps(self) -> list[int]:
        return list(range(0, len(self._poses), CURVE_EVERY))

    def _named(self) -> dict[str, Any]:
        """The main score; visible completeness goes without saying, as in records of older versions."""
        score = self._main
        if score == VISIBLE_COMPLETENESS:
            return {}
        return {"main_score": {"name": score.name, "label": score.label, "unit": score.unit}}


def rooms_visited(bounds: Sequence[Sequence[float]], xy: NDArray[np.float64]) -> dict[str, int]:
    """Count the rooms (x0, y0, x1, y1) that the positions (T, 2) enter; empty where rooms are not known."""
    if not len(bounds):
        return {}
    x0, y0, x1, y1 = np.asarray(bounds).T[:, :, None]
    inside = (xy[:, 0] > x0) & (xy[:, 0] < x1) & (xy[:, 1] > y0) & (xy[:, 1] < y1)
    return {"rooms": len(bounds), "rooms_visited": int(inside.any(axis=1).sum())}
