"""The navigation worlds and their tasks as Gymnasium environments, alone and vectorised."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from robonav.envs.navigation.steps import NUM_ACTIONS
from robonav.envs.navigation.tasks import ApplePicking, Exploring, ImageGoal, SparseGoal, TaskMaker
from robonav.envs.scenes import SceneSet, open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv, Observation


def _scene_set(scenes: str | SceneSet, split: str) -> SceneSet:
    return open_scenes(scenes, split) if isinstance(scenes, str) else scenes


class ExploreVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """N explorers as a Gymnasium `VectorEnv`; new episodes start within the step that ended the old ones.

    The reward is the task's, 0 if there is none: curiosity belongs to whoever learns. `final_obs` in the
    infos holds the last observation.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        task: TaskMaker = Exploring,
    ) -> None:
        self.worlds = NavigationVecEnv(
            _scene_set(scenes, split), num_envs, camera, max_episode_steps, task=task
        )
        self.num_envs, self.render_mode = num_envs, render_mode
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"]}
        self.single_observation_space = self.worlds.observation_space
        self.single_action_space = spaces.Discrete(NUM_ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode everywhere; a seed restarts the stream of episodes."""
        first = seed[0] if isinstance(seed, list) else seed
        self.worlds.seed(first) if first is not None else None
        return self.worlds.reset(), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One action (N,) for every agent."""
        observation: Any  # SB3 allows for other kinds than ours
        observation, rewards, done, infos = self.worlds.step(actions)
        info: dict[str, Any] = {"collided": self.worlds.outcome.collided.copy()}
        if done.any():
            last = [i.get("terminal_observation") for i in infos]
            info |= {"final_obs": np.array(last, dtype=object), "_final_obs": done.copy()}
        truncated = np.array([i.get("TimeLimit.truncated", False) for i in infos])
        return observation, rewards.astype(np.float64), done & ~truncated, truncated, info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The camera images."""
        return tuple(self.worlds.frames.rgb) if self.render_mode == "rgb_array" else None


class ExploreEnv(gymnasium.Env[Observation, np.int64]):
    """One explorer as a Gymnasium `Env`; the time limit truncates, a task that is done terminates."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self,
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        task: TaskMaker = Exploring,
    ) -> None:
        # One step beyond the limit: the last observation must not be replaced by the next episode's first.
        self.worlds = NavigationVecEnv(_scene_set(scenes, split), 1, camera, max_episode_steps + 1, task=task)
        self.render_mode, self._limit, self._steps = render_mode, max_episode_steps, 0
        self.observation_space = self.worlds.observation_space
        self.action_space = spaces.Discrete(NUM_ACTIONS)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode."""
        super().reset(seed=seed)
        self.worlds.seed(seed) if seed is not None else None
        self._steps = 0
        return self._single(self.worlds.reset()), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Forward 0.25 m, left 15° or right 15°."""
        observation: Any
        observation, rewards, done, infos = self.worlds.step(np.array([action]))
        self._steps += 1
        over = bool(done[0])
        seen = infos[0]["terminal_observation"] if over else self._single(observation)
        info = {"collided": bool(self.worlds.outcome.collided[0])}
        return seen, float(rewards[0]), over, not over and self._steps >= self._limit, info

    def render(self) -> NDArray[np.uint8] | None:
        """The camera image (H, W, 3) uint8."""
        return self.worlds.frames.rgb[0] if self.render_mode == "rgb_array" else None

    @staticmethod
    def _single(observation: Observation) -> Observation:
        return {name: values[0] for name, values in observation.items()}


class ApplePickingEnv(ExploreEnv):
    """One apple picker as a Gymnasium `Env`; `options` are those of `ExploreEnv`."""

    def __init__(self, apples: int = 5, **options: Any) -> None:
        super().__init__(task=partial(ApplePicking, count=apples), **options)


class ApplePickingVectorEnv(ExploreVectorEnv):
    """N apple pickers as a Gymnasium `VectorEnv`; `options` are those of `ExploreVectorEnv`."""

    def __init__(self, apples: int = 5, **options: Any) -> None:
        super().__init__(task=partial(ApplePicking, count=apples), **options)


class ImageGoalEnv(ExploreEnv):
    """One agent on its way to a picture, as a Gymnasium `Env`; `options` are those of `ExploreEnv`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(task=ImageGoal, **options)


class ImageGoalVectorEnv(ExploreVectorEnv):
    """N agents on their ways to pictures as a `VectorEnv`; `options` are those of `ExploreVectorEnv`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(task=ImageGoal, **options)


class SparseGoalEnv(ExploreEnv):
    """One agent on its way to a far place, as a Gymnasium `Env`; `options` are those of `ExploreEnv`."""

    def __init__(self, obstacles: int = 0, drift: float = 0.0, **options: Any) -> None:
        super().__init__(task=partial(SparseGoal, obstacles=obstacles, drift=drift), **options)


class SparseGoalVectorEnv(ExploreVectorEnv):
    """N agents on their ways to far places as a `VectorEnv`; `options` are those of `ExploreVectorEnv`."""

    def __init__(self, obstacles: int = 0, drift: float = 0.0, **options: Any) -> None:
        super().__init__(task=partial(SparseGoal, obstacles=obstacles, drift=drift), **options)
