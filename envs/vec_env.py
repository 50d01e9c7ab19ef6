"""Worlds as Stable-Baselines3 `VecEnv`s: what training algorithms see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from robonav.envs.actions import Actions, ActionsName, actions_of
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import Exploring, TaskMaker
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.scenes import SceneSet
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import SensorMaker, sensor_of
from robonav.envs.world import Frames, Observation, World, camera_of

Stepped = tuple[Observation, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]


class WorldVecEnv(VecEnv):
    """The SB3 view of any `World`: new episodes start within the step that ended the old ones.

    Args:
        world: The world whose agents become the environments.

    Attributes:
        world: That world.
    """

    def __init__(self, world: World) -> None:
        self.world, self.render_mode = world, "rgb_array"
        super().__init__(world.num_agents, world.observation_space, world.action_space)
        self._actions: NDArray[Any] = np.zeros(0)

    @property
    def task(self) -> Any:
        """The task of the agents."""
        return self.world.task

    @property
    def camera(self) -> Camera | None:
        """Camera of the frames; None where they have no images."""
        return camera_of(self.world)

    @property
    def frames(self) -> Frames:
        """Privileged frames that belong to the returned observation (first frames where one started)."""
        return self.world.frames

    @property
    def outcome(self) -> Frames:
        """Privileged frames that the last action led to, before any new episode started."""
        return self.world.outcome

    def reset(self) -> Observation:
        """Start a new episode in every environment."""
        seed = self._seeds[0]
        self._reset_seeds()
        return self.world.reset(None if seed is None else int(seed))

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions (N, ...) for `step_wait`."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> Stepped:
        """Move all agents; environments whose episode is over return the first observation of the next."""
        step = self.world.step(self._actions)
        done = step.terminated | step.truncated
        for i in np.flatnonzero(done):
            info = step.infos[i]
            info["terminal_observation"] = info.pop("final_observation")
            info["TimeLimit.truncated"] = bool(step.truncated[i])
        return step.observation, step.reward, done, step.infos

    def state(self) -> dict[str, NDArray[Any]]:
        """Counters from which `restore` continues: each environment restarts the episode it is in."""
        return self.world.state()

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue the stream of episodes of a saved run at the next `reset`."""
        self.world.restore(state)
        self._reset_seeds()  # a seed that still waits for a reset would start the stream again

    def close(self) -> None:
        """Let go of the world."""
        self.world.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """The current camera images."""
        return [None] * self.num_envs if self.frames.rgb is None else list(self.frames.rgb)

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


class NavigationVecEnv(WorldVecEnv):
    """N agents that walk through scenes (see `NavigationWorld`), as environments of Stable-Baselines3.

    With `motion_noise`, agents move as inexactly as a robot, and the policy is told nothing of it.

    Args:
        scenes: Where.
        num_envs: N.
        camera: Camera of the agents.
        max_episode_steps: All episodes are truncated together after so many.
        seed: Decides the episodes.
        threads: Threads for ray casting; 0 = all cores.
        sensor: Makes the sensor of a scene.
        first_env: Number of this one's first environment where processes share those of a run.
        task: The task of the agents.
        motion_noise: Factor on the motion noise of a robot, 0 = exact.
        actions: "steps", "velocities", or what says how actions move agents.
    """

    world: NavigationWorld

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
        actions: ActionsName | Actions = "steps",
    ) -> None:
        self.simulator = NavigationSimulator(
            scenes,
            num_envs,
            camera,
            threads,
            sensor=sensor,
            motion_noise=motion_noise,
            actions=actions_of(actions),
        )
        self.max_episode_steps = max_episode_steps
        super().__init__(NavigationWorld(self.simulator, max_episode_steps, seed, first_env, task))
