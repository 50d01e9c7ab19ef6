"""Sparse-reward goal reaching (TopoNav's): a place many rooms away, no map, paid on arrival only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks.goals import GEODESIC, SPL, SUCCESS, goal_mark, goal_reached
from robonav.envs.navigation.tasks.obstacles import Obstacles, obstacles_on_the_way
from robonav.envs.navigation.tasks.task import COMPLETENESS, Score, TaskConfig, TaskStep, Walk, task_rng
from robonav.envs.odometry import MAX_DRIFT, Odometer, in_frame_of
from robonav.envs.scenes.geodesics import geodesics_of
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.sensors.spheres import NoInstances
from robonav.envs.world import Episode, Frames

GOAL_M = (8.0, 25.0)
LEAST_M = 2.0  # in worlds that are too small for 8 m
REACH_M = 0.5
APPEAR_STEP = 50
_FAR_SHARE = 0.8
_MOST_OBSTACLES = 254


@dataclass(frozen=True)
class SparseGoalConfig(TaskConfig):
    """Get to a place 8 to 25 m away, of which distance and bearing are told; paid on arrival alone."""

    obstacles: int = 0
    """Balls that appear on the shortest way at step 50, 0 to 254."""
    drift: float = 0.0
    """Error of the odometry, as a share of the way, such as 0.01."""

    name: ClassVar[str] = "sparse-goal"
    scores: ClassVar[tuple[Score, ...]] = (
        SUCCESS,
        SPL,
        *COMPLETENESS[:3],
        Score("steps_to_goal", "Steps to the goal, all where it was not reached", by_step=False),
        GEODESIC,
        *COMPLETENESS[3:],
    )
    aliases: ClassVar[Mapping[str, str]] = {"obstacles": "obstacles", "drift": "drift"}
    needs_goals: ClassVar[bool] = True
    tells: ClassVar[str | None] = "point_goal"
    marks_are: ClassVar[str] = "the goal"

    def __post_init__(self) -> None:
        """Refuse what cannot be set."""
        if not 0 <= self.obstacles <= _MOST_OBSTACLES:
            raise SceneError(f"obstacles is {self.obstacles}: give 0 to {_MOST_OBSTACLES}")
        if not 0 <= self.drift <= MAX_DRIFT:
            raise SceneError(f"drift is {self.drift}: give a share of the way, 0 to {MAX_DRIFT}")

    def make(self, simulator: NavigationSimulator) -> SparseGoal:
        """The task of all agents of a simulator; it draws the goals and judges arrival."""
        return SparseGoal(simulator, self.obstacles, self.drift)

    def score(self, walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
        """Success, SPL, and the steps to the goal; an episode that never arrives counts with all of them."""
        score = goal_reached(walk, steps)
        first = score["success_step"]
        return {**score, "steps_to_goal": len(walk.achieved) - 1 if first is None else first}

    def marks(self, record: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Place (x, y) of the goal."""
        return goal_mark(record)


class SparseGoal:
    """An agent is told where its goal lies from where it started, and earns 1 when it gets within 0.5 m.

    Nothing else is paid, and arrival ends the episode; no stop action is needed. Goals lie 8 to 25 m of
    shortest way from the start; in smaller worlds among the farthest fifth of what is there. The goal's
    distance and bearing are kept up to date by the agent's own odometry, never by its true pose.

    Args:
        simulator: Where; its instances become the obstacles, if there are any.
        obstacles: How many balls appear on the shortest way; they never cut the goal off.
        drift: Error of the odometry, as a share of the way (see `Odometer`).
        appear_step: Step from which on the obstacles appear.

    Attributes:
        achieved: (N,) int64, 1 once an agent has arrived.
        odometer: Where the agents believe they are.
    """

    def __init__(
        self,
        simulator: NavigationSimulator,
        obstacles: int = 0,
        drift: float = 0.0,
        appear_step: int = APPEAR_STEP,
    ) -> None:
        self._simulator, self._count, self._appear_step = simulator, obstacles, appear_step
        number = simulator.num_agents
        self.achieved = np.zeros(number, np.int64)
        self.odometer = Odometer(number, drift)
        self._goals, self._told = np.zeros((number, 2)), np.zeros((number, 2))
        self._steps = np.zeros(number, np.int64)
        self._obstacles = Obstacles(simulator.camera, number, obstacles)
        self._around: list[tuple[FreeSpace, NDArray[np.bool_]] | None] = [None] * number
        simulator.instances = self._obstacles if obstacles else NoInstances()

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """`point_goal` (2,) distance and bearing; `odometry` (4,) x, y, yaw, sigma; metres and radians."""
        low, high = np.array([0, -np.pi], np.float32), np.array([np.inf, np.pi], np.float32)
        return {
            "point_goal": spaces.Box(low, high, dtype=np.float32),
            "odometry": spaces.Box(-np.inf, np.inf, (4,), np.float32),
        }

    def observe(self) -> dict[str, NDArray[Any]]:
        """`point_goal` (N, 2) and `odometry` (N, 4) of the agents, as their odometry has it; see `spaces`."""
        pose = self.odometer.pose
        ahead = np.stack([in_frame_of(p, goal) for p, goal in zip(pose, self._told, strict=True)])
        told = np.column_stack([np.linalg.norm(ahead, axis=1), np.arctan2(ahead[:, 1], ahead[:, 0])])
        odometry = np.column_stack([pose, self.odometer.sigma_m])
        return {"point_goal": told.astype(np.float32), "odometry": odometry.astype(np.float32)}

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Draw the goals of episodes, and where obstacles will appear."""
        for episode, agent in zip(episodes, agents, strict=True):
            free_space = self._simulator.load(episode.scene_id).free_space
            goal = goal_place(free_space, episode)
            self._goals[agent], self._told[agent] = goal, in_frame_of(episode.start, goal)
            self.odometer.begin(agent, episode.start, task_rng("odometry", episode))
            self._steps[agent] = self.achieved[agent] = 0
            self._around[agent] = None
            if self._count:
                self._prepare_obstacles(agent, free_space, episode)

    def judge(self, frames: Frames) -> TaskStep:
        """Look who has arrived, and let obstacles appear."""
        self.odometer.update(frames.position[:, :2], frames.yaw)
        self._steps += 1
        away = np.linalg.norm(frames.position[:, :2] - self._goals, axis=1)
        arrives = (away <= REACH_M) & (self.achieved == 0)
        self.achieved |= arrives
        for agent in np.flatnonzero(self._steps >= self._appear_step).tolist():
            self._let_appear(agent, frames.position[agent, :2])
        return TaskStep(arrives.astype(np.float32), self.achieved > 0)

    def facts(self, agent: int) -> dict[str, Any]:
        """Places of an agent's goal and of its obstacles: x, y in metres."""
        x, y = self._goals[agent].round(4).tolist()
        places = self._obstacles.centres[agent, : self._obstacles.placed[agent], :2]
        return {"goal": {"x": x, "y": y}, "obstacles_at": places.round(3).astype(float).tolist()}

    def _prepare_obstacles(self, agent: int, free_space: FreeSpace, episode: Episode) -> None:
        start, goal = np.array(episode.start[:2]), self._goals[agent]
        rng = task_rng("obstacles", episode)
        places, around = obstacles_on_the_way(
            free_space, geodesics_of(free_space), start, goal, self._count, rng
        )
        self._obstacles.prepare(agent, places, free_space.floor_z)
        self._around[agent] = (free_space, around)

    def _let_appear(self, agent: int, xy: NDArray[np.floating]) -> None:
        """Now, unless an agent stands where one will be, or would be cut off: then as soon as it does not."""
        waiting = self._around[agent]
        if waiting is not None and waiting[1][tuple(waiting[0].cells(xy))]:
            self._obstacles.appear(agent)
            self._around[agent] = None


def goal_place(free_space: FreeSpace, episode: Episode) -> NDArray[np.float64]:
    """The goal (2,) of an episode: the one that it gives, or a random one 8 to 25 m of way off.

    Raises:
        SceneError: It cannot be reached, or nothing is farther than 2 m from the start.
    """
    geodesics, start = geodesics_of(free_space), np.array(episode.start[:2])
    if episode.goal is not None:
        goal = np.array(episode.goal)
        if 0 < int(free_space.island_at(goal)) == int(free_space.island_at(start)):
            return goal
        raise SceneError(
            f"episode {episode.episode_id}: the goal {episode.goal} cannot be reached from the start "
            f"{episode.start[:2]}: give episodes whose goals are on free floor"
        )
    lengths = geodesics.lengths_from(start)
    lengths[np.isinf(lengths)] = 0.0
    if lengths.max() < LEAST_M:
        raise SceneError(
            f"scene {episode.scene_id} has nothing farther than {lengths.max():.1f} m from the start "
            f"{episode.start[:2]}: a goal needs {LEAST_M:g} m; give larger scenes, or another --seed"
        )
    nearest = min(GOAL_M[0], _FAR_SHARE * float(lengths.max()))
    places = geodesics.places[(lengths >= nearest) & (lengths <= max(GOAL_M[1], nearest + LEAST_M))]
    return np.array(places[task_rng("sparse-goal", episode).integers(len(places))])
