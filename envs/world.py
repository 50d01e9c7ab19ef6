"""The nouns that all worlds share: an episode, the frames that agents saw in one step, and a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gymnasium import spaces

    from robonav.envs.sensors.camera import Camera

Observation = dict[str, NDArray[Any]]


@dataclass
class Frames:
    """Frames and motion of N agents in a step; all but `rgb` is privileged: for rewards and evaluation only.

    Attributes:
        rgb: (N, H, W, 3) uint8; None where a world has no camera.
        depth: (N, H, W) float32 planar metres, 0 = no return.
        T_world_camera: (N, 4, 4) float32.
        position: (N, 3) float32 point on the floor below the agent, metres.
        yaw: (N,) float32 heading in radians, 0 = world x, counter-clockwise.
        collided: (N,) bool, the last move was blocked and rejected.
        motion: (N, 3) float32 the last step as an SE(2) motion in the frame of the pose before it: metres
            forward, metres to the left, radians turned; zeros at a start and after a blocked move. Worlds
            whose agents move in space give SE(3): (N, 6) of translation and rotation vector in that frame.
    """

    rgb: NDArray[np.uint8] | Any
    depth: NDArray[np.float32]
    T_world_camera: NDArray[np.float32]
    position: NDArray[np.float32]
    yaw: NDArray[np.float32]
    collided: NDArray[np.bool_]
    motion: NDArray[np.float32]

    def of(self, agent: int) -> Frames:
        """The frames of one agent alone, N = 1."""
        parts: dict[str, Any] = {
            name: None if array is None else array[agent : agent + 1] for name, array in vars(self).items()
        }
        return Frames(**parts)


def camera_of(world: World) -> Camera | None:
    """The camera of a world; None where its frames have no images, or its package does not say."""
    return getattr(world, "camera", None)


def motion_between(before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.float32]:
    """The motion (..., 3) from one pose (..., 3) of x, y, yaw to another, in the frame of the first."""
    ahead, turned = after[..., :2] - before[..., :2], after[..., 2] - before[..., 2]
    c, s = np.cos(before[..., 2]), np.sin(before[..., 2])
    forward = c * ahead[..., 0] + s * ahead[..., 1]
    left = c * ahead[..., 1] - s * ahead[..., 0]
    turn = (turned + np.pi) % (2 * np.pi) - np.pi
    return np.stack([forward, left, turn], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Episode:
    """One start in one scene; `start` is (x, y, yaw) in metres and radians, world frame.

    Attributes:
        goal: Where it leads (x, y), metres; None where a task draws that, or there is none.
    """

    episode_id: str
    scene_id: str
    seed: int
    start: tuple[float, float, float]
    goal: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class WorldStep:
    """Result of one step of the N agents of a world.

    Attributes:
        observation: Present observation: where an episode ended and the next began, the next one's first.
        reward: (N,) float32, the task's.
        terminated: (N,) bool, the task is over.
        truncated: (N,) bool, the time is up, and the task is not over.
        infos: One dict an agent; where its episode ended, `final_observation` is what it saw last.
    """

    observation: Observation
    reward: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    infos: list[dict[str, Any]]


class World(Protocol):
    """N agents in N episodes that are stepped in one call; every view and every evaluation takes one.

    After `reset`, agents whose episode is over begin the next one within the same step. After `start` they
    stay in the episodes that were given, also when those are over.

    Attributes:
        num_agents: N.
        observation_space: Of one agent.
        action_space: Of one agent.
        frames: Privileged frames that belong to the returned observation.
        outcome: Privileged frames that the last action led to, before any new episode began.
        task: The task of the agents.
        episodes: The one (N,) that each agent is in, with its id and that of its scene.
    """

    num_agents: int
    observation_space: spaces.Dict
    action_space: spaces.Space[Any]
    frames: Frames
    outcome: Frames
    episodes: Sequence[Episode]

    @property
    def task(self) -> Any:
        """The task of the agents."""

    @property
    def camera(self) -> Camera | None:
        """Camera of `frames`; None where they have no images."""

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a new episode everywhere; a seed restarts the stream of episodes."""

    def start(self, episodes: Sequence[Episode]) -> Observation:
        """Begin these episodes (N,), and no other ones when they are over."""

    def step(self, actions: NDArray[Any]) -> WorldStep:
        """Let every agent do its action (N, ...)."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Counters from which `restore` continues the stream of episodes."""

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue the stream of a saved run at the next `reset`."""

    def close(self) -> None:
        """Let go of what the world holds."""
