"""The navigation world: N agents that walk through scenes, each in an episode of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.actions import Actions, Steps
from robonav.envs.navigation.episodes import EpisodeStream
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import Exploring, Task, TaskMaker
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode, Frames, Observation, WorldStep


def observation_space(camera: Camera, actions: Actions | None = None) -> spaces.Dict:
    """Space of a policy's observation: `rgb` (H, W, 3) uint8 and `previous_action`.

    The latter is the last action that was carried out; at the start, and after a blocked move, there is none.
    With steps, the default, it is the action + 1, else 0. That is what a bumper or wheel encoders tell; the
    image says it too, by not changing.
    """
    return spaces.Dict(
        rgb=spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8),
        previous_action=(actions or Steps()).previous_space,
    )


class NavigationWorld:
    """A `World` of N agents; the reward is that of the task, curiosity belongs to whoever learns.

    All episodes are truncated together, every `max_episode_steps` after `reset`: so rollouts of that length
    hold whole episodes only.

    Args:
        simulator: Moves the agents and shows them what they see.
        max_episode_steps: None = no limit.
        seed: Decides the episodes.
        first_env: Number of the first of these agents where processes share the agents of a run: no two get
            the same episodes.
        task: The task of the agents.
    """

    def __init__(
        self,
        simulator: NavigationSimulator,
        max_episode_steps: int | None = 512,
        seed: int = 0,
        first_env: int = 0,
        task: TaskMaker = Exploring,
    ) -> None:
        self.simulator, self.num_agents, self.camera = simulator, simulator.num_agents, simulator.camera
        self.max_episode_steps = max_episode_steps
        self.task: Task = task(simulator)
        seen = observation_space(simulator.camera, simulator.actions).spaces
        self.observation_space = spaces.Dict({**seen, **self.task.spaces()})
        self.action_space: spaces.Space[Any] = simulator.actions.space
        self._stream, self._first_env = EpisodeStream(simulator, seed, first_env), first_env
        self._goes_on = True  # new episodes begin where old ones are over
        self._clock = 0
        self._collisions = np.zeros(self.num_agents, dtype=np.int64)
        self._previous_action = simulator.actions.none_yet(self.num_agents)
        self.episodes: Sequence[Episode] = []
        self.frames: Frames = simulator.frames
        self.outcome: Frames = self.frames

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a new episode everywhere; a seed restarts the stream of episodes."""
        if seed is not None:
            self._stream = EpisodeStream(self.simulator, seed, self._first_env)
        self._goes_on = True
        return self._begin_everywhere(self._stream.next(range(self.num_agents)))

    def start(self, episodes: Sequence[Episode]) -> Observation:
        """Begin these episodes (N,), and no other ones when they are over.

        Raises:
            SceneError: A start is not on free floor, or a scene has no room for the task.
        """
        self._goes_on = False
        return self._begin_everywhere(episodes)

    def step(self, actions: NDArray[Any]) -> WorldStep:
        """Move all agents; those whose episode is over return the first observation of the next."""
        actions = np.asarray(actions).reshape(self.num_agents, *(self.action_space.shape or ()))
        self.outcome = self.frames = self.simulator.step(actions)
        judged = self.task.judge(self.outcome)
        self._clock += 1
        self._collisions += self.outcome.collided
        self._previous_action = self.simulator.actions.previous(actions, self.outcome.collided)
        truncated = ~judged.terminated & self._time_is_up()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_agents)]
        ended = np.flatnonzero((judged.terminated | truncated) & self._goes_on).tolist()
        if ended:
            last = self._observe()
            for i in ended:
                infos[i] = {
                    "final_observation": {key: value[i] for key, value in last.items()},
                    "collisions": int(self._collisions[i]),
                    "achieved": int(self.task.achieved[i]),
                }
            self._begin(self._stream.next(ended), ended)
        return WorldStep(self._observe(), judged.reward, judged.terminated, truncated, infos)

    def state(self) -> dict[str, NDArray[np.int64]]:
        """Counters from which `restore` continues: each agent restarts the episode that it is in."""
        return {"episodes_started": self._stream.started - 1}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue the stream of episodes of a saved run at the next `reset`."""
        self._stream.started[:] = state["episodes_started"]

    def close(self) -> None:
        """Let go of the scenes."""
        self.simulator.close()

    def _time_is_up(self) -> bool:
        return self.max_episode_steps is not None and self._clock % self.max_episode_steps == 0

    def _begin_everywhere(self, episodes: Sequence[Episode]) -> Observation:
        self._clock, self.episodes = 0, [*episodes]
        self._begin(episodes, range(self.num_agents))
        return self._observe()

    def _begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        self.task.begin(episodes, agents)
        self.frames = self.simulator.start(episodes, agents)
        for counter in (self._collisions, self._previous_action):
            counter[list(agents)] = 0
        begun = dict(zip(agents, episodes, strict=True))
        self.episodes = [begun.get(agent, episode) for agent, episode in enumerate(self.episodes)]

    def _observe(self) -> Observation:
        return {
            "rgb": self.frames.rgb,
            "previous_action": self._previous_action.copy(),
            **self.task.observe(),
        }
