"""Worlds as Gymnasium environments, alone and vectorised, and the navigation tasks by name."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from robonav.envs.actions import Actions, ActionsName, actions_of
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import task_class, task_config
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.scenes import SceneSet, open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Observation, World
from robonav.envs.worlds import make_world


def collisions(world: World) -> dict[str, NDArray[np.bool_]]:
    """Agents whose last move was blocked (N,), by the name "collided"; empty in worlds without frames."""
    return {} if world.outcome is None else {"collided": world.outcome.collided.copy()}


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
        info: dict[str, Any] = collisions(self.worlds)
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
        info = {name: bool(flags[0]) for name, flags in collisions(self.worlds).items()}
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


class NavigationEnv(WorldEnv):
    """One agent in buildings as a Gymnasium `Env`.

    Args:
        task: Task of the agent: a name in the registry of tasks.
        scenes: Where.
        split: Of scenes that have splits.
        camera: Camera of the agent.
        max_episode_steps: The time limit.
        render_mode: None or "rgb_array".
        actions: "steps" of 0.25 m and 15°, or "velocities".
        options: Of the task.
    """

    def __init__(
        self,
        task: str = "explore",
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        actions: ActionsName | Actions = "steps",
        **options: Any,
    ) -> None:
        # No limit in the world: the last observation must not be replaced by the next episode's first.
        world = _navigation(1, task, scenes, split, camera, None, actions, options)
        super().__init__(world, max_episode_steps, render_mode)


class NavigationVectorEnv(WorldVectorEnv):
    """N agents in buildings as a Gymnasium `VectorEnv`; arguments are those of `NavigationEnv`."""

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "explore",
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        actions: ActionsName | Actions = "steps",
        **options: Any,
    ) -> None:
        world = _navigation(num_envs, task, scenes, split, camera, max_episode_steps, actions, options)
        super().__init__(world, render_mode)


def _navigation(
    num_agents: int,
    task: str,
    scenes: str | SceneSet,
    split: str,
    camera: Camera | None,
    limit: int | None,
    actions: ActionsName | Actions,
    options: dict[str, Any],
) -> NavigationWorld:
    aliases = task_class(task).aliases
    chosen = task_config(task, **{aliases.get(name, name): value for name, value in options.items()})
    opened = open_scenes(scenes, split) if isinstance(scenes, str) else scenes
    simulator = NavigationSimulator(opened, num_agents, camera, actions=actions_of(actions))
    return NavigationWorld(simulator, limit, task=chosen.make)


class OtherWorldEnv(WorldEnv):
    """One agent of another kind of world, such as "warehouse", as a Gymnasium `Env`.

    Args:
        world: A name in the registry of worlds.
        split: "train" or "val".
        max_episode_steps: The time limit; None = the world's own.
        render_mode: None or "rgb_array", where the world has a camera.
        options: Of the world.
    """

    def __init__(
        self,
        world: str,
        split: str = "train",
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(make_world(world, **options).make(1, split), max_episode_steps, render_mode)


class OtherWorldVectorEnv(WorldVectorEnv):
    """N agents of another kind of world as a Gymnasium `VectorEnv`; arguments as of `OtherWorldEnv`."""

    def __init__(
        self,
        world: str,
        num_envs: int = 1,
        split: str = "train",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(make_world(world, **options).make(num_envs, split), render_mode)
