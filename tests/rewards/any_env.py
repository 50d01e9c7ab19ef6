"""A small environment of any spaces, and a reward that counts visits, for tests of the wrapper."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

OBSERVATIONS: dict[str, spaces.Space[Any]] = {
    "box": spaces.Box(-100.0, 100.0, (2,), np.float32),
    "discrete": spaces.Discrete(200),
    "dict": spaces.Dict({"place": spaces.Box(-100.0, 100.0, (2,), np.float32), "room": spaces.Discrete(200)}),
}
ACTIONS: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3),
    "multi-discrete": spaces.MultiDiscrete([2, 3]),
    "box": spaces.Box(-1.0, 1.0, (2,), np.float32),
}


class Corridor(gymnasium.Env):
    """Its place is the number of the step: `fall` terminates there, `limit` truncates there.

    Args:
        observation: Key of `OBSERVATIONS`.
        action: Key of `ACTIONS`.
        fall: Step that terminates the episode.
        limit: Step that truncates it.
        pays: Reward of each step.
        broken: Step whose observation or reward is NaN, by "observation" or "reward".
    """

    def __init__(
        self,
        observation: str = "box",
        action: str = "discrete",
        fall: int = 1000,
        limit: int = 1000,
        pays: float = 0.0,
        broken: dict[str, int] | None = None,
    ) -> None:
        self.observation_space, self.action_space = OBSERVATIONS[observation], ACTIONS[action]
        self.kind, self.fall, self.limit, self.pays = observation, fall, limit, pays
        self.broken, self.place = broken or {}, 0

    def seen(self) -> Any:
        far = np.nan if self.place == self.broken.get("observation") else self.place
        place = np.array([far, 0.0], np.float32)
        return {"box": place, "discrete": self.place, "dict": {"place": place, "room": self.place}}[self.kind]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return self.seen(), {}

    def step(self, action):
        self.place += 1
        pays = np.nan if self.place == self.broken.get("reward") else self.pays
        return self.seen(), pays, self.place == self.fall, self.place == self.limit, {}


def corridors(count: int = 2, **options: Any) -> DummyVecEnv:
    return DummyVecEnv([lambda: Corridor(**options)] * count)


class VisitCounts:
    """Pays 1 / sqrt(n) for the n-th visit of an observation, and keeps all steps that it was shown."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.steps: list[Any] = []
        self.starts: list[np.ndarray] = []

    def reset(self, mask, first):
        self.starts.append(mask)

    def compute(self, before, action, after, terminated, truncated):
        return np.array([1.0 / np.sqrt(1 + self.counts[place]) for place in places(after)], np.float32)

    def update(self, step):
        self.steps.append(step)
        self.counts.update(places(step.after))
        return {"places": float(len(self.counts))}

    def state_dict(self):
        return {"counts": np.array(sorted(self.counts.items()), np.int64).reshape(-1, 2)}

    def load_state_dict(self, state):
        self.counts = Counter(dict(state["counts"].tolist()))


def places(snapshot) -> list[int]:
    """Place of each agent, from any of the observations."""
    known = snapshot.observation
    values = known["room"] if "room" in known else known["observation"].reshape(len(snapshot), -1)[:, 0]
    return [int(value) for value in values]
