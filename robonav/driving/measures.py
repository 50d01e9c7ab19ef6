"""Metrics of a drive: smoothness, contacts, and exploration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from robonav.driving.driver import Decision, DriveObserver, RobotState
from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.world import Episode
from robonav.evaluation.completeness import GroundTruth
from robonav.evaluation.runner import metric_camera
from robonav.evaluation.top_down_map import TopDownMap
from robonav.evaluation.tracker import EpisodeTracker
from robonav.watching import Curve


class DriveMetrics(DriveObserver):
    """Contact time, bumps, blocked decisions, and jerk (from the odometry's speed at control rate)."""

    def __init__(self) -> None:
        self._contact_s, self._bumps, self._blocked = 0.0, 0, 0
        self._touching = False
        self._by_person: list[int] = []
        self._stamps: list[float] = []
        self._speeds: list[float] = []

    def tick(self, state: RobotState) -> None:
        """Add one control period."""
        touches = state.contact_s > 0
        self._bumps += touches and not self._touching
        self._touching = touches
        self._contact_s += state.contact_s
        self._stamps.append(state.stamp_s)
        self._speeds.append(state.odometry.twist.forward)

    def decided(self, decision: Decision) -> None:
        """Count what was blocked, and remember what a person decided."""
        self._blocked += not decision.executed
        self._by_person += [decision.index] if decision.by == "person" else []

    def result(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        stamps, speeds = np.array(self._stamps), np.array(self._speeds)
        period = float(np.mean(np.diff(stamps))) if len(stamps) > 1 else 0.0
        jerk = np.diff(speeds, 2) / period**2 if len(stamps) > 2 else np.zeros(1)
        return {
            "driven_s": round(float(np.ptp(stamps)) + period if len(stamps) else 0.0, 3),
            "contact_s": round(self._contact_s, 3),
            "bumps": self._bumps,
            "blocked": self._blocked,
            "decided_by_person": self._by_person,
            "jerk_rms_m_s3": round(float(np.sqrt(np.mean(jerk**2))), 3),
        }


class ExplorationMetrics(DriveObserver):
    """The metrics of `robonav evaluate`, from the robot's true pose after every decision.

    Args:
        episode: Scene and start.
        world: The scene, with the pilot's camera.
        steps: Planned number of decisions.
        true_pose: Returns x, y, yaw in the world; for metrics only.
    """

    def __init__(
        self,
        episode: Episode,
        world: LoadedScene,
        steps: int,
        true_pose: Callable[[], tuple[float, float, float]],
    ) -> None:
        self._tracker = EpisodeTracker(episode, world, truth_of(episode, world), steps)
        self._true_pose, self._floor_z = true_pose, world.free_space.floor_z
        self._observe(blocked=False)

    def decided(self, decision: Decision) -> None:
        """Measure from the robot's new pose."""
        self._observe(blocked=not decision.executed)

    def curve(self) -> Curve:
        """Visible completeness so far."""
        return self._tracker.curve()

    def result(self) -> tuple[dict[str, Any], TopDownMap]:
        """The episode's record and its top-down map, as in evaluation."""
        return self._tracker.finish()

    def _observe(self, blocked: bool) -> None:
        x, y, yaw = self._true_pose()
        self._tracker.observe(np.array([x, y, self._floor_z], np.float32), yaw, blocked)


def truth_of(episode: Episode, world: LoadedScene) -> GroundTruth:
    """The ground truth of `robonav evaluate` for this episode."""
    island = int(world.free_space.island_at(np.array(episode.start[:2])))
    return GroundTruth.of(world, metric_camera(world.sensor.camera), island)
