"""The navigation worlds as a Stable-Baselines3 `VecEnv`: what training algorithms see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from robonav.envs.navigation.episodes import EpisodeStream
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import NUM_ACTIONS, previous_action
from robonav.envs.navigation.tasks import Exploring, TaskMaker
from robonav.envs.scenes import SceneSet
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import SensorMaker, sensor_of
from robonav.envs.world import Frames

Observation = dict[str, NDArray[Any]]


def observation_space(camera: Camera) -> spaces.Dict:
    """What a policy may see: `rgb` (H, W, 3) uint8 and `previous_action`.

    The latter is the last action + 1, and 0 where none was carried out: at the start, and after a blocked
    move. That is what a bumper or wheel encoders tell; the image says it too, by not changing at all.
    """
    return spaces.Dict(
        rgb=spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8),
        previous_action=spaces.Discrete(NUM_ACTIONS + 1),
    )


class NavigationVecEnv(VecEnv):
    """N agents in N episodes; the reward is that of the task, curiosity is added by a wrapper.

    An episode ends when its task is done; the next one starts by itself. All are truncated together, every
    `max_episode_steps` after `reset`: so rollouts of that length hold whole episodes only.

    With `motion_noise`, steps are as inexact as a robot's, and the policy is told nothing of it.

    Where processes share the environments of a run, `first_env` is the number of this one's first: no two get
    the same episodes.

    Attributes:
        task: What the agents are there for.
        outcome: Privileged frames that the last action led to, before any new episode started.
        frames: Privileged frames that belong to the returned observation (first frames where one started).
    """

    def __init__(
        self,
        scenes: SceneSet,
        num_envs: int = 1,
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        seed: int = 0,
        threads: int = 0,
        sensor: SensorMaker = sensor_of,
        first_env: int = 0,
        task: TaskMaker = Exploring,
        motion_noise: float = 0.0,
    ) -> None:
        self.simulator = NavigationSimulator(
            scenes, num_envs, camera, threads, sensor=sensor, motion_noise=motion_noise
        )
        self.camera = self.simulator.camera
        self.max_episode_steps = max_episode_steps
        self.render_mode = "rgb_array"
        self.task = task(self.simulator)
        seen = spaces.Dict({**observation_space(self.camera).spaces, **self.task.spaces()})
        super().__init__(num_envs, seen, spaces.Discrete(NUM_ACTIONS))
        self._stream, self._first_env = EpisodeStream(self.simulator, seed, first_env), first_env
        self._clock = 0
        self._collisions = np.zeros(num_envs, dtype=np.int64)
        self._previous_action = np.zeros(num_envs, dtype=np.int64)
        self._actions = np.zeros(num_envs, dtype=np.int64)
        self.frames: Frames = self.simulator.frames
        self.outcome: Frames = self.frames

    def reset(self) -> Observation:
        """Start a new episode in every environment."""
        if self._seeds[0] is not None:
            self._stream = EpisodeStream(self.simulator, int(self._seeds[0]), self._first_env)
        self._reset_seeds()
        self._clock = 0
        self._start(range(self.num_envs))
        return self._observe()

    def step_async(self, actions: NDArray[np.integer]) -> None:
        """Remember the actions (N,) for `step_wait`."""
        self._actions = np.asarray(actions).reshape(self.num_envs).astype(np.int64)

    def step_wait(self) -> tuple[Observation, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Move all agents; environments whose episode is over return the first observation of the next."""
        self.outcome = self.frames = self.simulator.step(self._actions)
        verdict = self.task.judge(self.outcome)
        self._clock += 1
        self._collisions += self.outcome.collided
        self._previous_action = previous_action(self._actions, self.outcome)
        done = verdict.terminated | (self._clock % self.max_episode_steps == 0)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            last = self._observe()
            for i in np.flatnonzero(done):
                infos[i] = {
                    "TimeLimit.truncated": not verdict.terminated[i],
                    "terminal_observation": {key: value[i] for key, value in last.items()},
                    "collisions": int(self._collisions[i]),
                    "achieved": int(self.task.achieved[i]),
                }
            self._start(np.flatnonzero(done).tolist())
        return self._observe(), verdict.reward, done, infos

    def state(self) -> dict[str, NDArray[np.int64]]:
        """Counters from which `restore` continues: each environment restarts the episode it is in."""
        return {"episodes_started": self._stream.started - 1}

    def restore(self, state: dict[str, NDArray[np.int64]]) -> None:
        """Continue the stream of episodes of a saved run at the next `reset`."""
        self._stream.started[:] = state["episodes_started"]
        self._reset_seeds()  # a seed that still waits for a reset would start the stream again

    def close(self) -> None:
        """Let go of the worlds."""
        self.simulator.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """The current camera images."""
        return list(self.frames.rgb)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The same attribute of this one object, once per environment."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of this object; environments share it, so it holds for all of them."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of this one object once and repeat its result per environment."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Never: single environments inside do not exist as objects."""
        return [False for _ in self._get_indices(indices)]

    def _start(self, agents: Sequence[int]) -> None:
        episodes = self._stream.next(agents)
        self.task.begin(episodes, agents)
        self.frames = self.simulator.start(episodes, agents)
        for counter in (self._collisions, self._previous_action):
            counter[list(agents)] = 0

    def _observe(self) -> Observation:
        return {
            "rgb": self.frames.rgb,
            "previous_action": self._previous_action.copy(),
            **self.task.observe(),
        }
