"""The noisy-television battery: what somebody earns who stares at noise, beside somebody who explores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.checks.televisions import SIDE, TELEVISIONS, WHITE, Television, random_picture
from robonav.rewards.config import RewardConfig, RewardContext, every_agent
from robonav.rewards.protocol import IntrinsicReward, Snapshot, Transition

BAR = 0.2
SEE_THROUGH_NOISE = ("byol-hindsight", "lpm")  # whose papers claim it
ACTIONS = 4
_EPISODE = 250
_PLACES = 16
_MEASURED = 0.2  # the last part of the steps

View = NDArray[np.float32]


def noise(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Share of the bonus that a watcher earns who stands before each kind of television.

    One agent stands before each television, as many explore: they walk about rooms of 16 places whose views
    are fixed and can be learned, a new room every 250 steps. The share is the watcher's mean bonus over that
    of the watcher and an explorer, in the last fifth of the steps; a wall that stands still is the control.
    """
    world = Gallery(TELEVISIONS, explorers=len(TELEVISIONS), seed=0)
    reward = config.build(RewardContext(world.num_agents, world.space, spaces.Discrete(ACTIONS), seed=0))
    shares = shares_of(world.watch(reward, effort.watched_steps))
    worst = max(share for name, share in shares.items() if name != "still")
    claims = config.name in SEE_THROUGH_NOISE
    says = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return RewardFinding(
        "noise",
        f"{says}{f' (at most {BAR:.0%})' if claims else ''}",
        bool(worst <= BAR) if claims and effort.enough else None,
        {f"{name}_share": share for name, share in shares.items()} | {"worst_share": worst},
    )


class Gallery:
    """Watchers before televisions, one each, and explorers who enter a new room with each episode.

    Args:
        televisions: Makers by name.
        explorers: How many walk about.
        seed: Decides views, noise and steps.

    Attributes:
        num_agents: All of them.
        space: Of observations: a picture, and which television is looked at, or none.
    """

    def __init__(self, televisions: Mapping[str, type[Television]], explorers: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._televisions = {name: make(self._rng) for name, make in televisions.items()}
        self._places = np.zeros(explorers, np.int64)
        self.num_agents = len(televisions) + explorers
        stands = np.arange(self.num_agents).clip(max=len(televisions))  # the last one: among the rooms
        self._where = np.eye(len(televisions) + 1, dtype=np.float32)[stands]
        width = SIDE * SIDE + self._where.shape[1]
        self.space = spaces.Dict({"observation": spaces.Box(0.0, WHITE, (width,), np.float32)})
        self._new_room()

    def watch(self, reward: IntrinsicReward, steps: int) -> dict[str, float]:
        """Mean bonus of each watcher by television, and of "explorers", in the last fifth of the steps."""
        before = self._see(np.zeros(self.num_agents, np.int64))
        reward.reset(every_agent(self.num_agents), before)
        paid = []
        for count in range(1, steps + 1):
            action = self._rng.integers(0, ACTIONS, self.num_agents)
            over = np.full(self.num_agents, count % _EPISODE == 0)
            step = Transition(before, action, self._see(action), np.zeros_like(over), over)
            paid.append(reward.compute(*step))
            reward.update(step)
            before = step.after
            if over.any():
                self._new_room()
                before = self._see(action)
                reward.reset(over, before)
        means = np.mean(paid[-int(np.ceil(_MEASURED * steps)) :], axis=0)
        watchers = len(self._televisions)
        earned = dict(zip(self._televisions, means[:watchers].tolist(), strict=True))
        return earned | {"explorers": float(means[watchers:].mean())}

    def _new_room(self) -> None:
        self._room = np.stack([random_picture(self._rng) for _ in range(_PLACES)])

    def _see(self, action: NDArray[np.int64]) -> Snapshot:
        """Observations of all agents after an action: explorers move left (0) or right (1), or stay."""
        pressed = action[: len(self._televisions)] == 0
        shown = [
            screen.show(bool(button))
            for screen, button in zip(self._televisions.values(), pressed, strict=True)
        ]
        went = np.array([-1, 1, 0, 0])[action[len(shown) :]]
        self._places = (self._places + went) % _PLACES
        pictures = np.concatenate([shown, self._room[self._places]])
        return Snapshot({"observation": np.concatenate([pictures, self._where], axis=1)})


def shares_of(earned: Mapping[str, float]) -> dict[str, float]:
    """Each watcher's share of what it and an explorer earn; 1 where the explorer earns nothing."""
    explorer = max(earned["explorers"], 0.0)
    watchers = {name: max(mean, 0.0) for name, mean in earned.items() if name != "explorers"}
    return {name: mean / (mean + explorer) if explorer else 1.0 for name, mean in watchers.items()}
