"""Whether a bonus counts: its slope against the true number of visits in a tabular world."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.config import RewardConfig, RewardContext, every_agent
from robonav.rewards.protocol import IntrinsicReward, Snapshot, Transition

# Slopes of log bonus against log count that the papers derive: 1/n or 1/sqrt(n).
SLOPES = {"rdd": -1.0, "coin-flip": -0.5, "pseudo-counts": -0.5, "episodic-cells": -0.5}
TOLERANCE = 0.1
# A memory of an episode holds some thousand steps, and kernels see the ten nearest of them.
_MOST_IN_AN_EPISODE = 256
_MOST = {"pseudo-counts": 8}
_STATES_OF_A_COUNT = 3
_AGENTS = 8


def calibration(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Slope and R² of log bonus against log count, over states visited 1, 2, 4, ... times in random order."""
    most = min(effort.visits, _MOST_IN_AN_EPISODE if config.episodic else effort.visits)
    most = min(most, _MOST.get(config.name, most))
    counts = np.repeat(2 ** np.arange(int(np.log2(most)) + 1), _STATES_OF_A_COUNT)
    # an episodic reward has a memory for each agent: all visits have to be those of one
    agents = 1 if config.episodic else _AGENTS
    space = spaces.Dict({"observation": spaces.Box(0.0, 1.0, (len(counts),), np.float32)})
    reward = config.build(RewardContext(agents, space, spaces.Discrete(2), seed=0))
    last = visit(reward, counts, agents)
    slope, r2 = fit(counts, bonuses(reward, len(counts), last))
    expected = SLOPES.get(config.name)
    bar = "" if expected is None else f" (expected {expected:+.1f} ± {TOLERANCE})"
    return RewardFinding(
        "calibration",
        f"slope {slope:+.2f}, R² {r2:.2f}{bar}",
        None if expected is None or not effort.enough else bool(abs(slope - expected) <= TOLERANCE),
        {"slope": slope, "r2": r2},
    )


def visit(reward: IntrinsicReward, counts: NDArray[np.int64], agents: int) -> Snapshot:
    """Visit each state as often as `counts` (S,) says, in random order; where the agents are then."""
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    missing = -len(order) % agents
    order = np.concatenate([order, np.full(missing, counts.argmax())]).reshape(-1, agents)
    before = _seen(order[0], len(counts))
    reward.reset(every_agent(agents), before)
    nobody = np.zeros(agents, bool)
    for states in order:
        step = Transition(before, np.zeros(agents, np.int64), _seen(states, len(counts)), nobody, nobody)
        reward.compute(*step)
        reward.update(step)
        before = step.after
    return before


def bonuses(reward: IntrinsicReward, states: int, before: Snapshot) -> NDArray[np.float64]:
    """Mean reward (S,) of a step into each state."""
    agents = len(before)
    nobody, action = np.zeros(agents, bool), np.zeros(agents, np.int64)
    paid = [
        reward.compute(before, action, _seen(np.full(agents, state), states), nobody, nobody).mean()
        for state in range(states)
    ]
    return np.asarray(paid, np.float64)


def fit(counts: NDArray[np.int64], paid: NDArray[np.float64]) -> tuple[float, float]:
    """Least squares of log bonus on log count, over states that are paid: slope and R²."""
    positive = paid > 0
    if positive.sum() < 2 or len(set(counts[positive])) < 2:
        return 0.0, 0.0
    x, y = np.log(counts[positive]), np.log(paid[positive])
    slope, offset = np.polyfit(x, y, 1)
    spread = ((y - y.mean()) ** 2).sum()
    r2 = 1 - ((y - slope * x - offset) ** 2).sum() / spread if spread > 1e-12 else 0.0
    return float(slope), float(r2)


def _seen(states: NDArray[np.int64], size: int) -> Snapshot:
    return Snapshot({"observation": np.eye(size, dtype=np.float32)[states]})
