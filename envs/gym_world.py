"""Any Gymnasium environment as a `World`: trained and evaluated by the same commands as ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode, Observation, WorldStep

_ALONE = "observation"  # key of observations that are no Dict


class GymWorld:
    """N Gymnasium environments as a `World`; they have no frames, so that map rewards refuse them.

    Args:
        make: Makes one environment.
        num_agents: N.
        scene_id: Scene id of the episodes in records.
        seed: Decides the episodes.
        first_env: Number of the first agent where processes share those of a run.
    """

    frames: Any = None
    outcome: Any = None
    camera: Camera | None = None

    def __init__(
        self,
        make: Callable[[], gymnasium.Env[Any, Any]],
        num_agents: int,
        scene_id: str,
        seed: int = 0,
        first_env: int = 0,
    ) -> None:
        self._envs = [make() for _ in range(num_agents)]
        self.num_agents, self._scene_id = num_agents, scene_id
        space = self._envs[0].observation_space
        self._is_dict = isinstance(space, spaces.Dict)
        self.observation_space = space if isinstance(space, spaces.Dict) else spaces.Dict({_ALONE: space})
        self.action_space: spaces.Space[Any] = self._envs[0].action_space
        self.episodes: Sequence[Episode] = []
        self._seed, self._first, self._goes_on = seed, first_env, True
        self._started = np.zeros(num_agents, np.int64)
        self._seen: list[dict[str, Any]] = [{}] * num_agents
        self._over = np.zeros(num_agents, bool)

    @property
    def task(self) -> Any:
        """That of the environments, which is theirs to know."""
        return None

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a new episode everywhere; a seed restarts the stream of episodes."""
        if seed is not None:
            self._seed, self._started[:] = seed, 0
        self._goes_on = True
        return self._begin([self._next(agent) for agent in range(self.num_agents)])

    def start(self, episodes: Sequence[Episode]) -> Observation:
        """Begin these episodes (N,), by the seeds of which environments are reset, and no others."""
        self._goes_on = False
        return self._begin(episodes)

    def step(self, actions: NDArray[Any]) -> WorldStep:
        """Let every agent do its action (N, ...); where an episode is over, the next one begins."""
        reward, flags = np.zeros(self.num_agents, np.float32), np.zeros((2, self.num_agents), bool)
        infos: list[dict[str, Any]] = []
        for agent, (env, action) in enumerate(zip(self._envs, actions, strict=True)):
            if self._over[agent]:  # it stays where it is
                flags[0, agent] = True
                infos.append({})
                continue
            seen, paid, over, late, info = env.step(action)
            reward[agent], flags[:, agent] = paid, (over, late and not over)
            self._seen[agent] = self._named(seen)
            self._over[agent] = (over or late) and not self._goes_on
            if (over or late) and self._goes_on:
                info = {**info, "final_observation": self._seen[agent]}
                self.episodes = [*self.episodes[:agent], self._next(agent), *self.episodes[agent + 1 :]]
                self._seen[agent] = self._named(env.reset(seed=self.episodes[agent].seed)[0])
            infos.append(info)
        return WorldStep(self._observation(), reward, flags[0], flags[1], infos)

    def state(self) -> dict[str, NDArray[Any]]:
        """Counters from which `restore` continues: each agent restarts the episode that it is in."""
        return {"episodes_started": self._started - 1}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue the stream of episodes of a saved run at the next `reset`."""
        self._started[:] = state["episodes_started"]

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs:
            env.close()

    def _begin(self, episodes: Sequence[Episode]) -> Observation:
        self.episodes, self._over[:] = [*episodes], False
        begun = zip(self._envs, episodes, strict=True)
        self._seen = [self._named(env.reset(seed=episode.seed)[0]) for env, episode in begun]
        return self._observation()

    def _next(self, agent: int) -> Episode:
        """The next episode of an agent: a pure function of (seed, agent, count)."""
        count, env = int(self._started[agent]), self._first + agent
        self._started[agent] += 1
        seed = int(np.random.SeedSequence([self._seed, env, count]).generate_state(1)[0] % 2**31)
        return Episode(f"train-{self._seed}-{env}-{count}", self._scene_id, seed, (0.0, 0.0, 0.0))

    def _named(self, seen: Any) -> dict[str, Any]:
        return seen if self._is_dict else {_ALONE: seen}

    def _observation(self) -> Observation:
        return {key: np.stack([seen[key] for seen in self._seen]) for key in self.observation_space.spaces}
