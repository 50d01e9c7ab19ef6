"""Local planners, which give way to what moves: wait and go, and the dynamic window (Fox et al. 1997)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.warehouse.kernels import DECISION_S, Limits
from robonav.envs.warehouse.layout import UprightBox
from robonav.planners import rollout_kernels
from robonav.planners.hybrid_astar_kernels import Surroundings
from robonav.planners.path_tracking import PathTracker, WheelCommand


@dataclass(frozen=True, eq=False)
class Boxes:
    """Other vehicles around one vehicle.

    Attributes:
        pose: (M, 3) x, y, yaw.
        half: (M, 2) half length and half width.
        velocity: (M, 2) metres per second.
    """

    pose: NDArray[np.float64]
    half: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def upright(self) -> list[UprightBox]:
        """Them as parts of a hall."""
        return [
            UprightBox(float(x), float(y), 2 * float(length), 2 * float(width), float(yaw))
            for (x, y, yaw), (length, width) in zip(self.pose, self.half, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class LocalSituation:
    """Where a vehicle is, what its path asks for, and what is around it.

    Attributes:
        pose: (3,) x, y, yaw.
        twist: (2,) as in `VehicleMotion`.
        tracker: What follows its path.
        asked: The command that the path asks for.
        before: The last command, which acts until this one does.
        around: The hall, for its footprint.
        limits: Of the vehicle.
        boxes: Others.
        clearance: Metres to what is nearest now.
    """

    pose: NDArray[np.floating]
    twist: NDArray[np.floating]
    tracker: PathTracker
    asked: WheelCommand
    before: WheelCommand
    around: Surroundings
    limits: Limits
    boxes: Boxes
    clearance: float


class LocalPlanner(Protocol):
    """Turns the command that a path asks for into one that gives way.

    Attributes:
        goes_around_m: Distance within which boxes that stand are planned around by a vehicle that waits.
    """

    @property
    def goes_around_m(self) -> float:
        """See the class."""

    def choose(self, situation: LocalSituation) -> WheelCommand:
        """The command for the next decision."""


class FollowOnly:
    """Does what the path asks for."""

    goes_around_m = 0.0

    def choose(self, situation: LocalSituation) -> WheelCommand:
        """The command as it is."""
        return situation.asked


@dataclass(frozen=True)
class WindowConfig:
    """Settings; lengths in metres, seconds, radians; weights make metres of costs."""

    hold_s: float = 0.5
    """Time for which a command is held before the vehicle brakes, in what is foreseen."""
    brake_s: float = 2.0
    """Time after that in which others go on."""
    keep_m: float = 0.02
    """Clearance to the hall that a command has to keep."""
    keep_others_m: float = 0.15
    """Clearance to others that it has to keep."""
    others_m: float = 0.6
    """Clearance from others beyond which it does not matter."""
    speed_shares: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.0)
    """Speeds that are tried, as shares of that which the path asks for; the last one waits."""
    sides: int = 0
    """Turn rates or steering angles that are tried to each side of that which the path asks for."""
    aside: float = 3.0
    """Weight of the distance from the path."""
    heading: float = 0.5
    """Weight of the angle between vehicle and path."""
    others: float = 1.0
    """Weight of being near to others."""
    goes_around_m: float = 8.0
    """Distance within which boxes that stand are planned around by a vehicle that waits; 0 = it waits on."""


WAIT_AND_GO = WindowConfig(speed_shares=(1.0, 0.0), goes_around_m=0.0)
DYNAMIC_WINDOW = WindowConfig(sides=7)


class DynamicWindow:
    """Foresees some commands and takes the best of those that end without contact; else it brakes.

    Args:
        config: Which commands, and how they are judged.
    """

    def __init__(self, config: WindowConfig = DYNAMIC_WINDOW) -> None:
        self.config = config

    @property
    def goes_around_m(self) -> float:
        """See `LocalPlanner`."""
        return self.config.goes_around_m

    def choose(self, situation: LocalSituation) -> WheelCommand:
        """The admissible command of least cost."""
        commands = self._commands(situation)
        ends, room = self._foresee(situation, commands)
        costs = self._costs(situation, commands, ends, room)
        best = int(np.argmin(costs))
        if not math.isfinite(costs[best]):
            return WheelCommand(0.0, self._resting_side(situation))
        return WheelCommand(float(commands[best, 0]), float(commands[best, 1]))

    def _commands(self, situation: LocalSituation) -> NDArray[np.float64]:
        """Speeds and sides (K, 2) that are tried; the first one is what the path asks for."""
        asked, limits, config = situation.asked, situation.limits, self.config
        offsets = sorted(range(-config.sides, config.sides + 1), key=abs)
        rows = [
            (share * asked.speed, share_of_side(asked, share, limits) + offset * limits.max_side / 10)
            for offset in offsets
            for share in config.speed_shares
        ]
        commands = np.array(rows)
        commands[:, 1] = commands[:, 1].clip(-limits.max_side, limits.max_side)
        return commands

    def _foresee(
        self, situation: LocalSituation, commands: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Poses (K, 3) after each command was held, and least clearance (K, 2) to the hall and to others."""
        held = round(self.config.hold_s / DECISION_S)
        steps = held + round(self.config.brake_s / DECISION_S)
        given = wp.array(commands.astype(np.float32), dtype=wp.vec2, device="cpu")
        ends = wp.zeros(len(commands), dtype=wp.vec3, device="cpu")
        room = wp.zeros(len(commands), dtype=wp.vec2, device="cpu")
        before = (situation.before.speed, situation.before.side)
        inputs = [situation.around, self._others(situation.boxes), situation.limits]
        inputs += [wp.vec3(*map(float, situation.pose)), wp.vec2(*map(float, situation.twist))]
        inputs += [wp.vec2(*map(float, before)), given, held, steps, ends, room]
        wp.launch(rollout_kernels.roll_out, len(commands), inputs, device="cpu")
        return ends.numpy(), room.numpy()

    def _others(self, boxes: Boxes) -> rollout_kernels.Others:
        others = rollout_kernels.Others()
        others.pose = wp.array(boxes.pose.astype(np.float32), dtype=wp.vec3, device="cpu")
        others.half = wp.array(boxes.half.astype(np.float32), dtype=wp.vec2, device="cpu")
        others.velocity = wp.array(boxes.velocity.astype(np.float32), dtype=wp.vec2, device="cpu")
        others.comfort = self.config.others_m
        return others

    def _costs(
        self,
        situation: LocalSituation,
        commands: NDArray[np.float64],
        ends: NDArray[np.float32],
        room: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Costs (K,), metres; inf where a command leads to contact."""
        config = self.config
        aside, turned, left = situation.tracker.judge(ends)
        near = 1 - np.maximum(room[:, 1], 0) / config.others_m
        costs = left + config.aside * aside + config.heading * turned + config.others * near
        on_path = np.arange(len(commands)) < len(config.speed_shares)  # the tracker keeps these off the hall
        keep, keep_others = np.minimum([config.keep_m, config.keep_others_m], 0.5 * situation.clearance)
        clear = (on_path | (room[:, 0] >= keep)) & (room[:, 1] >= keep_others)
        return np.where(clear, costs, np.inf)

    @staticmethod
    def _resting_side(situation: LocalSituation) -> float:
        """Steering stays as it is; a differential drive stops to turn."""
        return float(situation.twist[1]) if situation.limits.tricycle else 0.0


def share_of_side(asked: WheelCommand, share: float, limits: Limits) -> float:
    """The side that keeps the curve at a share of the speed."""
    return asked.side if limits.tricycle else share * asked.side


def still_boxes(boxes: Boxes, near: Sequence[float], within_m: float) -> Boxes:
    """Those that stand within some metres of a place."""
    away = np.hypot(*(boxes.pose[:, :2] - np.asarray(near)[:2]).T)
    chosen = (np.linalg.norm(boxes.velocity, axis=1) < 0.1) & (away < within_m)
    return Boxes(boxes.pose[chosen], boxes.half[chosen], boxes.velocity[chosen])
