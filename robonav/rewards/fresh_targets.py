"""Networks that regress on a fresh random target for every visit, so that their error tells visit counts.

What such a network says of a state converges to the mean of the n targets that were drawn there, whose
variance is 1/n of that of one target. Visits and their targets are kept in a ring, and those of rare states
are learned from as often as those of frequent ones (Lobel et al. 2023, section 3.3).
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Network
from robonav.rewards.learned import Batch, LearnedConfig, LearnedReward
from robonav.rewards.protocol import State, Transition

_RING = "ring."


@dataclass(frozen=True)
class FreshTargetsConfig(LearnedConfig):
    """Options of rewards that regress on fresh random targets."""

    hidden: int = 128
    """Units of hidden layers; with fewer, states that were seen once are told from others too badly."""
    learning_rate: float = 1e-3
    """Of Adam."""
    horizon: int = 8
    """Steps of all environments between updates."""
    epochs: int = 8
    """Gradient steps an update, each on `batch_size` visits of the ring."""
    remembered: int = 20_000
    """Visits in the ring; older ones are forgotten."""
    average: float = 0.998
    """Share of the averaged network that stays in a gradient step (Polyak); it is the one that is asked."""


class FreshTargets(LearnedReward):
    """What rewards of this kind share; a subclass draws targets and says what the error is worth."""

    def __init__(self, config: FreshTargetsConfig, context: RewardContext) -> None:
        self._ring: dict[str, NDArray[Any]] = {}
        self._written = 0
        super().__init__(config, context)

    def build(self) -> nn.ModuleDict:
        """The network that learns, and its average."""
        network = Network(self.space, self.config.outputs, self.config.hidden)
        average = deepcopy(network).requires_grad_(False)
        return nn.ModuleDict({"network": network, "average": average})

    def draw(self, count: int) -> Tensor:
        """Fresh deviations (count, outputs) of mean 0 and variance 1."""
        raise NotImplementedError

    def centre(self, inputs: dict[str, Tensor]) -> Tensor:
        """The mean (B, outputs) of the targets of states."""
        raise NotImplementedError

    def variance(self, inputs: dict[str, Tensor]) -> Tensor:
        """Estimates (B,) of 1/n: the mean squared error of the averaged network against the mean."""
        error: Tensor = self.networks["average"](inputs) - self.centre(inputs)
        return error.square().mean(-1)

    def update(self, step: Transition) -> dict[str, float]:
        """Put the visits into the ring, each with a target; learn when there are enough new ones."""
        arrays = self._arrays(step)
        visits = {key: value for key, value in arrays.items() if key.startswith("after.")}
        visits["target"] = self.draw(len(step.terminated)).numpy()
        self._remember(visits)
        return super().update(step)

    def learn(self, batch: Batch) -> dict[str, float]:
        """One gradient step on visits of the ring, rare states as often as frequent ones."""
        assert isinstance(self.config, FreshTargetsConfig)
        rows = self._sample(self.config.batch_size)
        inputs = self._visited(rows)
        target = torch.as_tensor(self._ring["target"][rows]).to(self.context.device)
        with torch.no_grad():
            target = self.centre(inputs) + target
        loss = (self.networks["network"](inputs) - target).square().mean()
        self.descend(loss)
        averaged, learned = (self.networks[name].parameters() for name in ("average", "network"))
        with torch.no_grad():
            for slow, fast in zip(averaged, learned, strict=True):
                slow.lerp_(fast, 1 - self.config.average)
            self._ring["weight"][rows] = self.variance(inputs).clamp(1e-4, 1.0).cpu().numpy()
        return {"loss": float(loss.detach())}

    def state_dict(self) -> State:
        """That of all rewards that learn, and the ring."""
        kept = min(self._written, len(self._ring.get("weight", ())))
        ring = {f"{_RING}{key}": values[:kept].copy() for key, values in self._ring.items()}
        return {**super().state_dict(), **ring, "written": np.asarray(self._written)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        self._written = int(state["written"])
        super().load_state_dict(state)
        self._ring = {}
        for key in [key for key in state if key.startswith(_RING)]:
            self._ring[key[len(_RING) :]] = self._room_for(state[key])
            self._ring[key[len(_RING) :]][: len(state[key])] = state[key]

    def _room_for(self, values: NDArray[Any]) -> NDArray[Any]:
        assert isinstance(self.config, FreshTargetsConfig)
        return np.zeros((self.config.remembered, *values.shape[1:]), values.dtype)

    def _remember(self, visits: dict[str, NDArray[Any]]) -> None:
        visits["weight"] = np.ones(len(visits["target"]), np.float32)
        if not self._ring:
            self._ring = {key: self._room_for(values) for key, values in visits.items()}
        rows = (self._written + np.arange(len(visits["target"]))) % len(self._ring["weight"])
        for key, values in visits.items():
            self._ring[key][rows] = values
        self._written += len(rows)

    def _sample(self, count: int) -> NDArray[np.int64]:
        """Rows of the ring, each with a probability of about 1/n of its state."""
        kept = min(self._written, len(self._ring["weight"]))
        shares = torch.as_tensor(self._ring["weight"][:kept])
        found: NDArray[np.int64] = torch.multinomial(shares, count, True, generator=self.rng).numpy()
        return found

    def _visited(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        start = "after."
        named = {k[len(start) :]: v[rows] for k, v in self._ring.items() if k.startswith(start)}
        return self.observations.read(named)


@dataclass(frozen=True)
class RddConfig(FreshTargetsConfig):
    """RDD: the squared distance of a network from the mean of the random targets it learned, about 1/n."""

    spread: float = 1.0
    """Standard deviation of the targets around the fixed random network."""

    name: ClassVar[str] = "rdd"
    source: ClassVar[str] = "Fang et al. 2025 (2505.11044), eq. 11, over the variance of a target"

    def build(self, context: RewardContext) -> RandomDistributionDistillation:
        """The reward for an environment."""
        return RandomDistributionDistillation(self, context)


class RandomDistributionDistillation(FreshTargets):
    """mean_d (f(o') - m(o'))^2 / s^2; f learns fresh samples of N(m(o'), s^2) with m fixed and random."""

    def build(self) -> nn.ModuleDict:
        """As all of this kind, and the fixed network m."""
        mean = Network(self.space, self.config.outputs, self.config.hidden).requires_grad_(False)
        return nn.ModuleDict({**super().build(), "mean": mean})

    def draw(self, count: int) -> Tensor:
        """Normal deviations."""
        assert isinstance(self.config, RddConfig)
        return self.config.spread * torch.randn(count, self.config.outputs, generator=self.rng)

    def centre(self, inputs: dict[str, Tensor]) -> Tensor:
        """What the fixed network says."""
        found: Tensor = self.networks["mean"](inputs)
        return found

    def variance(self, inputs: dict[str, Tensor]) -> Tensor:
        """Estimates (B,) of 1/n."""
        assert isinstance(self.config, RddConfig)
        return super().variance(inputs) / self.config.spread**2

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,): the estimate of 1/n."""
        return self.variance(step.after)


@dataclass(frozen=True)
class CoinFlipConfig(FreshTargetsConfig):
    """Coin-Flip Network: about 1/sqrt(n), from the mean of n coin flips."""

    name: ClassVar[str] = "coin-flip"
    source: ClassVar[str] = "Lobel et al. 2023 (2306.03186), eq. 5"

    def build(self, context: RewardContext) -> CoinFlipNetwork:
        """The reward for an environment."""
        return CoinFlipNetwork(self, context)


class CoinFlipNetwork(FreshTargets):
    """sqrt(mean_d f(o')^2), where f learns fresh vectors of -1 and 1 for every visit."""

    def draw(self, count: int) -> Tensor:
        """Coin flips."""
        return 2.0 * torch.randint(0, 2, (count, self.config.outputs), generator=self.rng).float() - 1

    def centre(self, inputs: dict[str, Tensor]) -> Tensor:
        """0: coins are fair."""
        some = next(iter(inputs.values()))
        return torch.zeros(len(some), self.config.outputs, device=some.device)

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,): the root of the estimate of 1/n."""
        return self.variance(step.after).sqrt()
