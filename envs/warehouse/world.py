"""The warehouse world: N vehicles, each on its way to a goal that it may have to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.goals import LEAST_GOAL_M, Goals
from robonav.envs.warehouse.halls import open_halls
from robonav.envs.warehouse.options import WarehouseOptions
from robonav.envs.warehouse.places import FreePlaces
from robonav.envs.warehouse.simulation import DECISION_S, VehicleMotion, WarehouseSimulation
from robonav.envs.warehouse.traffic import Traffic
from robonav.envs.warehouse.vehicle import load_vehicle
from robonav.envs.world import Episode, Frames, Observation, WorldStep, motion_between


class WarehouseWorld:
    """A `World` of N vehicles; `WarehouseOptions` says what is paid and when episodes end.

    Observations: `scan` (R,) shares of the scanner's range; `goal` (4,) distance / 20 m, sine and cosine of
    the bearing, and 1, or four zeros while it is not known; `twist` (2,) forward speed, and turn rate or
    steering, as shares of the limits; `previous_action` (2,); `load` (1,) 0 or 1; with goal "route" also
    `route` (10,), five places of the way, a metre apart, / 5 m in the vehicle's frame. There is no pose.
    Actions: Box(-1, 1) (2,): forward speed from full reverse to full speed, and turn rate or steering angle.

    Args:
        config: Hall, vehicle, task.
        num_agents: N.
        split: "train" or "val" halls.
        seed: Decides the episodes.
        first_env: Number of the first agent where processes share the agents of a run.
        device: Where kernels run.

    Raises:
        SceneError, RobotError: There is no such hall or vehicle, or it does not fit.
    """

    camera = None

    def __init__(
        self,
        config: WarehouseOptions | None = None,
        num_agents: int = 1,
        split: str = "train",
        seed: int = 0,
        first_env: int = 0,
        device: str = "cpu",
    ) -> None:
        self.config, self.num_agents = config or WarehouseOptions(), num_agents
        self.vehicle = load_vehicle(self.config.vehicle)
        layouts = open_halls(self.config.layout, split, self.config.layouts)
        grids = [DistanceGrid.of(layout, self.vehicle) for layout in layouts]
        self.scene_ids = [layout.name for layout in layouts]
        self.places = [FreePlaces(grid, self.vehicle) for grid in grids]
        self.traffic = Traffic(layouts, num_agents, self.config.traffic)
        self.simulation = WarehouseSimulation(grids, self.vehicle, num_agents, self.config.traffic, device)
        self.goals = Goals(self.config, self.simulation, self.places)
        self.action_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = self._spaces()
        self._nobody = Episode("", self.scene_ids[0], 0, (0.0, 0.0, 0.0))
        self.episodes: Sequence[Episode] = [self._nobody] * num_agents
        self._seed, self._first, self._goes_on = seed, first_env, True
        self._started, self._clock = np.zeros(num_agents, np.int64), np.zeros(num_agents, np.int64)
        self._previous = np.zeros((num_agents, 2), np.float32)
        self._loaded = np.zeros(num_agents, bool)
        self.motion: VehicleMotion = self.simulation.motion()
        self.frames = self.outcome = self._seen(np.zeros((num_agents, 3), np.float32))

    @property
    def task(self) -> WarehouseOptions:
        """The task of the vehicles."""
        return self.config

    @property
    def loaded(self) -> NDArray[np.bool_]:
        """Which vehicles (N,) carry their load."""
        return self._loaded.copy()

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a new episode everywhere; a seed restarts the stream of episodes."""
        if seed is not None:
            self._seed, self._started[:] = seed, 0
        self._goes_on = True
        rows = range(self.num_agents)
        self._begin([self._next_episode(row) for row in rows], rows)
        return self._observe()

    def start(self, episodes: Sequence[Episode]) -> Observation:
        """Begin these episodes (N,), and no other ones when they are over.

        Raises:
            SceneError: A start or a goal is where the vehicle cannot be, or in no hall of this world.
        """
        self._goes_on = False
        self._begin(episodes, range(self.num_agents))
        return self._observe()

    def step(self, actions: NDArray[Any]) -> WorldStep:
        """Let every vehicle drive for 0.1 s; where an episode is over, the next one begins.

        Raises:
            SceneError: An action is not finite.
        """
        actions = np.asarray(actions, np.float32).reshape(self.num_agents, 2)
        if not np.isfinite(actions).all():
            raise SceneError(f"actions are {actions.tolist()}: expected numbers in [-1, 1]")
        before, self._previous = self.motion.pose, actions.clip(-1, 1)
        self._drive_traffic()
        self.motion = self.simulation.drive(self._previous)
        self._clock += 1
        self.outcome = self.frames = self._seen(motion_between(before, self.motion.pose))
        reward = self.goals.judge(self.motion)
        terminated = self.goals.arrived | self.goals.crashed
        truncated = ~terminated & (self._clock >= self.config.max_steps)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_agents)]
        ended = np.flatnonzero((terminated | truncated) & self._goes_on).tolist()
        if ended:
            last = self._observe()
            for row in ended:
                infos[row] = {
                    "final_observation": {key: value[row] for key, value in last.items()},
                    "is_success": bool(self.goals.arrived[row]),
                    "contacts": int(self.goals.contacts[row]),
                }
            self._begin([self._next_episode(row) for row in ended], ended)
        self.goals.replace(self._clock)
        return WorldStep(self._observe(), reward, terminated, truncated, infos)

    def state(self) -> dict[str, NDArray[Any]]:
        """Counters from which `restore` continues: each agent restarts the episode that it is in."""
        return {"episodes_started": self._started - 1}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue the stream of episodes of a saved run at the next `reset`."""
        self._started[:] = state["episodes_started"]

    def close(self) -> None:
        """Nothing is held open."""

    def episode(self, layout: int, rng: np.random.Generator, episode_id: str) -> Episode:
        """An episode in one of the halls, its start and goal drawn."""
        places = self.places[layout]
        start = places.start(rng)
        goals = {
            "drawn": lambda: places.goal(rng, start, LEAST_GOAL_M),
            "fixed": places.fixed_goal,
            "stations": lambda: places.station(rng, start, LEAST_GOAL_M),
        }
        goal = goals[self.config.goal_place]()
        return Episode(episode_id, self.scene_ids[layout], int(rng.integers(2**31)), start, goal)

    def _next_episode(self, agent: int) -> Episode:
        """The next training episode of an agent: a pure function of (seed, agent, count)."""
        count, env = int(self._started[agent]), self._first + agent
        self._started[agent] += 1
        rng = np.random.default_rng([self._seed, env, count])
        return self.episode(int(rng.integers(len(self.places))), rng, f"train-{self._seed}-{env}-{count}")

    def _begin(self, episodes: Sequence[Episode], agents: Sequence[int] | range) -> None:
        rows = list(agents)
        layouts = [self._layout_of(episode) for episode in episodes]
        draws = [np.random.default_rng([episode.seed, 1]).random() for episode in episodes]
        self._loaded[rows] = np.array(draws) < self.config.loaded_share
        starts = np.array([episode.start for episode in episodes])
        self.simulation.place(rows, layouts, starts, self._loaded[rows])
        for row, layout, episode in zip(rows, layouts, episodes, strict=True):
            self.traffic.begin(row, layout, np.asarray(episode.start), episode.seed)
        self._show_traffic()
        clear = self.simulation.clearance()[rows]
        for episode, layout, room in zip(episodes, layouts, clear, strict=True):
            self._check(episode, self.places[layout], float(room))
        begun = dict(zip(rows, episodes, strict=True))
        self.episodes = [begun.get(row, episode) for row, episode in enumerate(self.episodes)]
        self._clock[rows] = 0
        self._previous[rows] = self.simulation.standstill
        self.motion = self.simulation.motion()
        self.goals.begin(rows, episodes)
        motion = self.frames.motion.copy()
        motion[rows] = 0
        self.frames = self._seen(motion)

    def _drive_traffic(self) -> None:
        if self.config.traffic:
            self.traffic.step(self.simulation.bodies(), DECISION_S)
            self._show_traffic()

    def _show_traffic(self) -> None:
        if self.config.traffic:
            self.simulation.move_traffic(self.traffic.poses, self.traffic.halves)

    def _layout_of(self, episode: Episode) -> int:
        if episode.scene_id not in self.scene_ids:
            raise SceneError(
                f"episode {episode.episode_id} is in {episode.scene_id}, which is none of the halls here: "
                f"{', '.join(self.scene_ids[:3])} ..."
            )
        return self.scene_ids.index(episode.scene_id)

    def _check(self, episode: Episode, places: FreePlaces, room: float) -> None:
        if not room > 0:
            raise SceneError(f"episode {episode.episode_id}: something stands at its start {episode.start}")
        if episode.goal is None or not places.is_free(episode.goal):
            raise SceneError(
                f"episode {episode.episode_id} has goal {episode.goal}, where vehicle {self.vehicle.name} "
                "cannot be: choose a place that is free"
            )

    def _spaces(self) -> spaces.Dict:
        return spaces.Dict(
            {
                "scan": spaces.Box(0.0, 1.0, (self.vehicle.scanner.rays,), np.float32),
                "twist": spaces.Box(-1.0, 1.0, (2,), np.float32),
                "previous_action": spaces.Box(-1.0, 1.0, (2,), np.float32),
                "load": spaces.Box(0.0, 1.0, (1,), np.float32),
                **self.goals.spaces(),
            }
        )

    def _observe(self) -> Observation:
        vehicle = self.vehicle
        noise = np.array([episode.seed for episode in self.episodes]) + 7919 * self._clock
        side = vehicle.max_steering if vehicle.drive == "tricycle" else vehicle.max_turn
        limits = np.array([vehicle.max_speed, side], np.float32)
        scan = self.simulation.scan((noise % (2**31 - 1)).astype(np.int32))
        return {
            "scan": scan / np.float32(vehicle.scanner.range_m),
            "twist": (self.motion.twist / limits).clip(-1, 1),
            "previous_action": self._previous.copy(),
            "load": self._loaded[:, None].astype(np.float32),
            **self.goals.observe(),
        }

    def _seen(self, motion: NDArray[np.float32]) -> Frames:
        """Privileged frames: where vehicles and their scanners are, and how they moved."""
        pose, scanner = self.motion.pose, self.vehicle.scanner
        c, s, nothing = np.cos(pose[:, 2]), np.sin(pose[:, 2]), np.zeros(self.num_agents, np.float32)
        at = np.zeros((self.num_agents, 4, 4), np.float32)
        at[:, 0, 0], at[:, 0, 1], at[:, 1, 0], at[:, 1, 1] = c, -s, s, c
        at[:, 2, 2] = at[:, 3, 3] = 1
        at[:, 0, 3], at[:, 1, 3] = pose[:, 0] + c * scanner.x, pose[:, 1] + s * scanner.x
        at[:, 2, 3] = scanner.height_m
        return Frames(
            rgb=None,
            depth=np.zeros((self.num_agents, 0, 0), np.float32),
            T_world_camera=at,
            position=np.column_stack([pose[:, :2], nothing]),
            yaw=pose[:, 2],
            collided=self.motion.touched,
            motion=motion,
        )
