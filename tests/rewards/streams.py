"""Steps of agents in spaces of every kind, for tests of rewards."""

import hashlib

import numpy as np
from gymnasium import spaces

from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, Transition

SPACES = {
    "box": spaces.Box(-np.inf, np.inf, (3,)),
    "discrete": spaces.Discrete(5, start=2),
    "dict": spaces.Dict(
        {
            "grid": spaces.Box(0, 255, (7, 7, 3), np.uint8),
            "pose.xy": spaces.Box(-1, 1, (2,)),
            "held": spaces.MultiBinary(3),
            "door": spaces.MultiDiscrete([2, 4]),
        }
    ),
}
ACTIONS = {"steps": spaces.Discrete(4), "velocities": spaces.Box(-1, 1, (2,))}


def context(observation, action, num_envs: int = 4, seed: int = 0) -> RewardContext:
    """Context for which a reward is built."""
    if not isinstance(observation, spaces.Dict):
        observation = spaces.Dict({"observation": observation})
    return RewardContext(num_envs, observation, action, seed)


def snapshot(space: spaces.Dict, num_envs: int) -> Snapshot:
    """Random observations."""
    rows = [space.sample() for _ in range(num_envs)]
    return Snapshot({key: np.stack([np.asarray(row[key]) for row in rows]) for key in space.spaces})


def stream(made: RewardContext, steps: int, seed: int = 1) -> list[Transition]:
    """Random steps; episodes of two of the agents end now and then."""
    made.observation_space.seed(seed)
    made.action_space.seed(seed)
    rng, before, found = np.random.default_rng(seed), snapshot(made.observation_space, made.num_envs), []
    for _ in range(steps):
        after = snapshot(made.observation_space, made.num_envs)
        action = np.stack([np.asarray(made.action_space.sample()) for _ in range(made.num_envs)])
        over = rng.random(made.num_envs) < 0.1
        found.append(Transition(before, action, after, over, np.zeros_like(over)))
        before = after
    return found


def run(reward, steps: list[Transition]) -> np.ndarray:
    """Rewards (T, N), each paid before its step is learned from."""
    paid = []
    for step in steps:
        paid.append(reward.compute(*step))
        reward.update(step)
        if step.over.any():
            reward.reset(step.over, step.after)
    return np.stack(paid)


def begin(reward, steps: list[Transition]) -> None:
    """All agents begin."""
    reward.reset(np.ones(len(steps[0].before), bool), steps[0].before)


def digest(reward) -> str:
    """Of the whole state."""
    total = hashlib.sha256()
    for name, array in sorted(reward.state_dict().items()):
        total.update(name.encode() + array.tobytes())
    return total.hexdigest()
