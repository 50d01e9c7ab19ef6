"""Pilots decide where a robot goes: agents, or anything that gives steps, arcs or velocities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robonav.agent import Explorer
from robonav.driving.agent_actions import StepActions, agent_actions
from robonav.driving.arc import Action
from robonav.driving.goal_image import NO_GOAL, Goal
from robonav.envs.robots.robot import CameraFrame, Odometry
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames, motion_between
from robonav.errors import UsageError


@dataclass(frozen=True, eq=False)
class Observation:
    """The inputs of a decision; nothing in it is privileged.

    Attributes:
        frame: Camera frame, taken at standstill.
        odometry: Measured pose and speed.
        carried_out: The last step, arc or velocity; None at the start, and where it was blocked.
        blocked: Whether the last decision was blocked.
    """

    frame: CameraFrame
    odometry: Odometry
    carried_out: Action | None
    blocked: bool

    @property
    def previous_action(self) -> int:
        """The last step + 1; 0 at the start, after a blocked step, and after an arc or a velocity."""
        return int(StepActions().told(self.carried_out)[0])


class Pilot(Protocol):
    """Decides the actions of a drive."""

    def reset(self, seed: int) -> None:
        """Start a new drive."""

    def decide(self, observation: Observation) -> Action:
        """The next step (0 forward, 1 left, 2 right), an arc, or a velocity for one decision period."""
        ...


class ExplorerPilot:
    """Lets an agent drive: it gets the inputs of evaluation, but measured (noisy images, drifting poses).

    Args:
        explorer: A trained policy or a baseline; the velocities that it gives become the arcs of training.
        camera: The robot's camera; frames are cut and scaled to the explorer's.
        goal: Its goal image, if it needs one.

    Raises:
        UsageError: The robot's camera sees less than the explorer's.
    """

    def __init__(self, explorer: Explorer, camera: Camera, goal: Goal = NO_GOAL) -> None:
        self._explorer, self._camera, self._goal = explorer, camera, goal
        self._actions, self._window = agent_actions(explorer), window(camera, explorer.camera)

    def reset(self, seed: int) -> None:
        """Reset the agent."""
        self._explorer.reset(1, seed)
        self._before: NDArray[np.float64] | None = None

    def decide(self, observation: Observation) -> Action:
        """The explorer's next step or arc.

        Raises:
            SafetyStopError: It gives a velocity that is not finite.
        """
        frames = self._measured(observation)
        previous = self._actions.told(observation.carried_out)
        seen = {"rgb": frames.rgb, "previous_action": previous, **self._goal}
        return self._actions.taken(self._explorer.act(seen, frames, self._explorer.camera))

    def _measured(self, observation: Observation) -> Frames:
        here, camera = observation.odometry, self._explorer.camera
        position, yaw = np.array([[here.x, here.y, 0.0]], np.float32), np.array([here.yaw], np.float32)
        pose = np.array([[here.x, here.y, here.yaw]])
        motion = motion_between(pose if self._before is None else self._before, pose)
        self._before = pose
        size = (camera.width, camera.height)
        rgb = _resized(observation.frame.rgb, size, self._window, Image.Resampling.BOX)
        depth = _resized(observation.frame.depth, size, self._window, Image.Resampling.NEAREST)
        return Frames(
            rgb[None],
            depth[None],
            camera.poses(position, yaw),
            position,
            yaw,
            np.array([observation.blocked]),
            motion,
        )


def window(camera: Camera, wanted: Camera) -> tuple[float, float, float, float]:
    """The part of a camera's image (left, top, right, bottom in pixels) that another camera would see.

    Raises:
        UsageError: The other one sees more.
    """
    scale = camera.focal / wanted.focal
    half = np.array([wanted.width, wanted.height]) * scale / 2
    middle = np.array([camera.width, camera.height]) / 2
    if np.any(half > middle + 1e-6):
        raise UsageError(
            f"the robot's camera ({camera.width}x{camera.height}, {camera.hfov_deg:g}° wide) sees less than "
            f"the explorer's ({wanted.width}x{wanted.height}, {wanted.hfov_deg:g}°): give a wider one"
        )
    low, high = middle - half, middle + half
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _resized(
    image: NDArray[Any],
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    filter: Image.Resampling,
) -> NDArray[Any]:
    if list(image.shape[1::-1]) == list(size) and list(box) == [0.0, 0.0, *size]:
        return image
    return np.asarray(Image.fromarray(image).resize(size, filter, box=box))
