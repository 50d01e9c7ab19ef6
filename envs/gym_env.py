"""Worlds as Gymnasium environments, alone and vectorised, and the navigation tasks by name."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from robonav.envs.actions import Actions, ActionsName, actions_of
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import ApplePicking, Exploring, ImageGoal, SparseGoal, TaskMaker
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.scenes import SceneSet, open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Observation, World


class WorldVectorEnv(VectorEnv[Observation, NDArray[Any], NDArray[Any]]):
    """The N agents of a `World` as a Gymnasium `VectorEnv`.

    New episodes start within the step that ended the old ones. The reward is the task's, 0 if there is none:
    curiosity belongs to whoever learns. `final_obs` in the infos holds the last observation.
    """

    def __init__(self, world: World, render_mode: str | None = None) -> None:
        self.worlds = world
        self.num_envs, self.render_mode = world.num_agents, render_mode
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"]}
        self.single_observation_space, self.single_action_space = world.observation_space, world.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode everywhere; a seed restarts the stream of episodes."""
        return self.worlds.reset(seed[0] if isinstance(seed, list) else seed), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One action (N, ...) for every agent."""
        step = self.worlds.step(actions)
        ended = step.terminated | step.truncated
        info: dict[str, Any] = {"collided": self.worlds.outcome.collided.copy()}
        if ended.any():
            last = [i.get("final_observation") for i in step.infos]
            info |= {"final_obs": np.array(last, dtype=object), "_final_obs": ended}
        return step.observation, step.reward.astype(np.float64), step.terminated, step.truncated, info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The camera images."""
        return tuple(self.worlds.frames.rgb) if self.render_mode == "rgb_array" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of the world."""
        self.worlds.close()


class WorldEnv(gymnasium.Env[Observation, Any]):
    """The one agent of a `World` as a Gymnasium `Env`: the time limit truncates, a finished task terminates.

    Args:
        world: N = 1, best without a time limit of its own.
        max_episode_steps: The time limit; None = that of the world. What `gymnasium.make` makes has the
            limit that was asked for there, or the registered one, and not this one.
        render_mode: None or "rgb_array".
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self, world: World, max_episode_steps: int | None = None, render_mode: str | None = None
    ) -> None:
        if world.num_agents != 1:
            raise ValueError(f"the world has {world.num_agents} agents: give one of 1, or use WorldVectorEnv")
        self.worlds, self.render_mode, self._limit, self._steps = world, render_mode, max_episode_steps, 0
        self.observation_space = cast("gymnasium.Space[Observation]", world.observation_space)
        self.action_space = world.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode."""
        super().reset(seed=seed)
        self._steps = 0
        return self._single(self.worlds.reset(seed)), {}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One action of the agent."""
        step = self.worlds.step(np.asarray(action)[None])
        self._steps += 1
        over, truncated = bool(step.terminated[0]), bool(step.truncated[0])
        seen = step.infos[0]["final_observation"] if over or truncated else self._single(step.observation)
        info = {"collided": bool(self.worlds.outcome.collided[0])}
        return seen, float(step.reward[0]), over, truncated or (not over and self._time_is_up()), info

    def render(self) -> NDArray[np.uint8] | None:
        """The camera image (H, W, 3) uint8."""
        return self.worlds.frames.rgb[0] if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Let go of the world."""
        self.worlds.close()

    def _time_is_up(self) -> bool:
        # gymnasium.make sets `spec`, and wraps the environment into a time limit of its own
        return self.spec is None and self._limit is not None and self._steps >= self._limit

    @staticmethod
    def _single(observation: Observation) -> Observation:
        return {name: values[0] for name, values in observation.items()}


def _world(
    num_agents: int,
    scenes: str | SceneSet,
    split: str,
    camera: Camera | None,
    limit: int | None,
    task: TaskMaker,
    actions: ActionsName | Actions,
) -> NavigationWorld:
    opened = open_scenes(scenes, split) if isinstance(scenes, str) else scenes
    simulator = NavigationSimulator(opened, num_agents, camera, actions=actions_of(actions))
    return NavigationWorld(simulator, limit, task=task)


class ExploreVectorEnv(WorldVectorEnv):
    """N explorers as a Gymnasium `VectorEnv`."""

    def __init__(
        self,
        num_envs: int = 1,
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        task: TaskMaker = Exploring,
        actions: ActionsName | Actions = "steps",
    ) -> None:
        world = _world(num_envs, scenes, split, camera, max_episode_steps, task, actions)
        super().__init__(world, render_mode)


class ExploreEnv(WorldEnv):
    """One explorer as a Gymnasium `Env`: forward 0.25 m, left 15° or right 15°, or `actions="velocities"`."""

    def __init__(
        self,
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        task: TaskMaker = Exploring,
        actions: ActionsName | Actions = "steps",
    ) -> None:
        # No limit in the world: the last observation must not be replaced by the next episode's first.
        world = _world(1, scenes, split, camera, None, task, actions)
        super().__init__(world, max_episode_steps, render_mode)


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
