"""Image-goal navigation: go to where a picture was taken, and look there as the picture does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks.goals import GEODESIC, SPL, SUCCESS, goal_mark, goal_reached
from robonav.envs.navigation.tasks.task import COMPLETENESS, Score, TaskConfig, TaskStep, Walk, task_rng
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode, Frames

FAR_M = 1.0  # a goal is at least so far from the start
NEAR_M = 1.5
VISIBLE_SHARE = 0.5
POINTS_WITHIN_M = 8.0
SUCCESS_REWARD = 5.0  # ReCuriosity's 10 * 0.5
STEP_COST = 2e-3  # and its 10 * 2e-4
POINT_STRIDE = 4  # pixels between the points of a goal view
_LOOSE_M = 0.01  # points stand so far in front of their surface, so that rounding does not hide them
_TRIES = 8  # views; after that the one that shows most is taken
OPEN_M = 1.0  # a view whose median depth is less shows little but a wall


@dataclass(frozen=True, eq=False)
class GoalView:
    """A place to go to and what it looks like there.

    Attributes:
        place: x, y, yaw in metres and radians.
        eye: (3,) where the camera is, metres.
        rgb: (H, W, 3) uint8.
        points: (P, 3) float32 points that the view shows, metres.
        median_depth_m: How far it shows.
    """

    place: tuple[float, float, float]
    eye: NDArray[np.float32]
    rgb: NDArray[np.uint8]
    points: NDArray[np.float32]
    median_depth_m: float

    @classmethod
    def take(cls, world: LoadedScene, camera: Camera, place: tuple[float, float, float]) -> GoalView:
        """The picture that an agent would take there."""
        feet = np.array([[*place[:2], world.free_space.floor_z]])
        pose = camera.poses(feet, np.array(place[2:]))[0]
        rgb, depth = (image[0].copy() for image in world.sensor.render(pose[None]))
        return cls(place, pose[:3, 3], rgb, back_projected(depth, pose, camera), float(np.median(depth)))


@dataclass(frozen=True)
class ImageGoalConfig(TaskConfig):
    """Go to where a picture was taken, and look there as the picture does."""

    name: ClassVar[str] = "image-goal"
    scores: ClassVar[tuple[Score, ...]] = (
        *(SUCCESS, SPL, *COMPLETENESS[:3]),
        GEODESIC,
        *COMPLETENESS[3:],
    )
    needs_goals: ClassVar[bool] = True
    tells: ClassVar[str | None] = "goal"
    marks_are: ClassVar[str] = "the goal"

    def make(self, simulator: NavigationSimulator) -> ImageGoal:
        """The task of all agents of a simulator; it takes the pictures and judges arrival."""
        return ImageGoal(simulator)

    def score(self, walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
        """Success and SPL."""
        return goal_reached(walk, steps)

    def marks(self, record: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Place (x, y) of the goal picture's camera."""
        return goal_mark(record)


class ImageGoal:
    """An agent is shown a picture all the time, and succeeds when it stands near and sees the same.

    Success: at least half of the points of the picture (up to 8 m deep) are in view and not hidden, and the
    camera is within 1.5 m of where the picture was taken; no stop action is needed. It earns 5 and ends the
    episode; each step costs 0.002. A goal that the episode does not give is drawn on the island of the
    start, at least 1 m away; its heading always is.

    Args:
        simulator: Where.

    Attributes:
        achieved: (N,) int64, 1 once an agent has succeeded.
    """

    def __init__(self, simulator: NavigationSimulator) -> None:
        self._simulator, self._camera = simulator, simulator.camera
        self.achieved = np.zeros(simulator.num_agents, np.int64)
        self._views: dict[int, GoalView] = {}
        self._images = np.zeros_like(simulator.frames.rgb)

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """`goal` (H, W, 3) uint8: the picture."""
        return {"goal": spaces.Box(0, 255, self._images.shape[1:], np.uint8)}

    def observe(self) -> dict[str, NDArray[Any]]:
        """The pictures (N, H, W, 3)."""
        return {"goal": self._images.copy()}

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Take the pictures of new goals."""
        for episode, agent in zip(episodes, agents, strict=True):
            view = goal_view(self._simulator.load(episode.scene_id), self._camera, episode)
            self._views[agent], self._images[agent], self.achieved[agent] = view, view.rgb, 0

    def judge(self, frames: Frames) -> TaskStep:
        """Look who has arrived."""
        success = np.array([self._succeeds(agent, T) for agent, T in enumerate(frames.T_world_camera)])
        self.achieved |= success
        reward = (SUCCESS_REWARD * success - STEP_COST).astype(np.float32)
        return TaskStep(reward, success)

    def facts(self, agent: int) -> dict[str, Any]:
        """Pose of the camera that took an agent's goal picture: x, y in metres, yaw in radians."""
        x, y, yaw = (round(float(value), 4) for value in self._views[agent].place)
        return {"goal": {"x": x, "y": y, "yaw": yaw}}

    def _succeeds(self, agent: int, T_world_camera: NDArray[np.float32]) -> bool:
        view = self._views[agent]
        if np.linalg.norm(T_world_camera[:3, 3] - view.eye) >= NEAR_M:
            return False
        return visible_share(view.points, self._simulator.world(agent), self._camera, T_world_camera) >= (
            VISIBLE_SHARE
        )


def goal_view(world: LoadedScene, camera: Camera, episode: Episode) -> GoalView:
    """The picture of an episode's goal: the first of 8 that shows more than a wall, else the widest of them.

    Raises:
        SceneError: There is no place for a goal, or the one that is given cannot be reached.
    """
    best: GoalView | None = None
    for place in _places(world.free_space, episode):
        view = GoalView.take(world, camera, place)
        if best is None or view.median_depth_m > best.median_depth_m:
            best = view
        if best.median_depth_m >= OPEN_M:
            break
    assert best is not None  # there are 8 places, or an error
    return best


def back_projected(
    depth: NDArray[np.float32], T_world_camera: NDArray[np.float32], camera: Camera
) -> NDArray[np.float32]:
    """Points (P, 3) in the world, one for every fourth pixel each way that is at most 8 m deep."""
    z = depth[POINT_STRIDE // 2 :: POINT_STRIDE, POINT_STRIDE // 2 :: POINT_STRIDE]
    rays = camera.directions()[POINT_STRIDE // 2 :: POINT_STRIDE, POINT_STRIDE // 2 :: POINT_STRIDE]
    kept = (z > 0) & (z <= POINTS_WITHIN_M)
    points = rays[kept] * (z[kept] - _LOOSE_M)[:, None]
    return points @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]


def visible_share(
    points: NDArray[np.float32], world: LoadedScene, camera: Camera, T_world_camera: NDArray[np.float32]
) -> float:
    """Share of points (P, 3) that a camera sees: in its picture, and nothing in between; 0 of none."""
    if not len(points):
        return 0.0
    x, y, z = ((points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]).T
    wide, high = 0.5 * camera.width / camera.focal, 0.5 * camera.height / camera.focal
    framed = points[(z > 0) & (np.abs(x) <= wide * z) & (np.abs(y) <= high * z)]
    eye = np.broadcast_to(T_world_camera[:3, 3], framed.shape)
    return float(np.count_nonzero(~world.sensor.is_occluded(eye, framed))) / len(points)


def _places(free_space: FreeSpace, episode: Episode) -> Iterator[tuple[float, float, float]]:
    """Up to 8 random (x, y, yaw); x and y stay where the episode gives them."""
    rng, start = task_rng("image-goal", episode), np.array(episode.start[:2])
    island = int(free_space.island_at(start))
    if episode.goal is None:
        cells = free_space.centres(np.argwhere(free_space.islands == island))
        places = cells[np.linalg.norm(cells - start, axis=1) >= FAR_M]
    else:
        places = np.array([episode.goal])
        places = places[free_space.island_at(places) == island]
    if not len(places):
        raise SceneError(
            f"episode {episode.episode_id} has no goal that can be reached from its start {episode.start}: "
            "give episodes whose goals are on free floor, or scenes with more of it"
        )
    for _ in range(_TRIES):
        x, y = places[rng.integers(len(places))].tolist()
        yield x, y, float(rng.uniform(-np.pi, np.pi))
