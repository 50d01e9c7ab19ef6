"""Action heads: from hidden states to distributions over the actions of a Gymnasium space."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F

from robonav.errors import UsageError

LOG_STD_RANGE = (-5.0, 1.0)
_QUADRATURE = 32  # points of the Gauss-Hermite rule for the entropy


class ActionDistribution(Protocol):
    """Distributions (...) over actions; `Categorical` of torch is one."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities, or log-densities, (...) of actions (..., *action_shape)."""
        ...

    def entropy(self) -> Tensor:
        """Entropies (...) in nats."""
        ...


class MultiCategorical:
    """Independent categorical distributions, one for each component of an action."""

    def __init__(self, parts: list[Categorical]) -> None:
        self.parts = parts

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probabilities (...) of actions (..., K)."""
        each = [part.log_prob(value[..., k]) for k, part in enumerate(self.parts)]
        return torch.stack(each, dim=-1).sum(-1)

    def entropy(self) -> Tensor:
        """Entropies (...) in nats."""
        return torch.stack([part.entropy() for part in self.parts], dim=-1).sum(-1)


class SquashedGaussian:
    """Diagonal Gaussians whose samples `u` are squashed to a box: low + (high - low) (1 + tanh u) / 2.

    Haarnoja et al. 2018, appendix C. An action is kept as `u`, before the tanh: the tanh cannot be inverted
    where it has rounded to one.

    Args:
        mean: (..., A) of `u`.
        log_std: (A,) or (..., A) of `u`.
        half_width: (A,) half of high - low.
    """

    def __init__(self, mean: Tensor, log_std: Tensor, half_width: Tensor) -> None:
        self.mean, self.log_std, self.half_width = mean, log_std.expand_as(mean), half_width

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-densities (...) of squashed actions; `value` (..., A) is what the tanh is given."""
        normal = Normal(self.mean, self.log_std.exp(), validate_args=False)
        stretch = _log_slope_of_tanh(value) + self.half_width.log()
        return (normal.log_prob(value) - stretch).sum(-1)

    def entropy(self) -> Tensor:
        """Entropies (...) in nats, the tanh's part of them by Gauss-Hermite quadrature."""
        points, weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE)
        at = self.mean[..., None] + self.log_std.exp()[..., None] * self.mean.new_tensor(points)
        shares = self.mean.new_tensor(weights / weights.sum())
        stretch = (_log_slope_of_tanh(at) * shares).sum(-1) + self.half_width.log()
        return (self.log_std + 0.5 * math.log(2 * math.pi * math.e) + stretch).sum(-1)


class CategoricalHead(nn.Linear):
    """For `Discrete`: logits, to which a planner may add a prior."""

    action_dtype = np.int64
    action_shape: tuple[int, ...] = ()

    def __init__(self, width: int, space: spaces.Discrete) -> None:
        super().__init__(width, int(space.n))
        self.first = int(space.start)

    def distribution(self, hidden: Tensor, prior: Tensor | float = 0.0) -> Categorical:
        """Distributions (...) from hidden states (..., width), in the precision of the network."""
        # what acts checks for NaN itself, and tells it in a sentence
        return Categorical(logits=self(hidden) + prior, validate_args=False)

    @staticmethod
    def exact(distribution: Categorical) -> Categorical:
        """The same with float32 log-probabilities, whatever the network computed in."""
        return Categorical(logits=distribution.logits.float())

    def noise(self, count: int) -> Tensor:
        """Draw random numbers (count, n) for `count` actions, from torch's generator of the CPU."""
        return torch.empty(count, self.out_features).exponential_()

    @staticmethod
    def sample(distribution: Categorical, noise: Tensor) -> Tensor:
        """Actions (N,) by the exponential race: the smallest noise / probability wins."""
        return (distribution.logits - noise.to(distribution.logits).log()).argmax(-1)

    @staticmethod
    def draw(
        distribution: Categorical, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Actions (N,) on the CPU, of probabilities that are sharpened by a temperature below 1."""
        weights = distribution.probs.cpu().pow(1.0 / temperature)
        return torch.multinomial(weights, 1, generator=generator)[:, 0]

    @staticmethod
    def mode(distribution: Categorical) -> Tensor:
        """The most probable actions (N,)."""
        return distribution.logits.argmax(-1)

    def to_env(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Convert actions to those of the env's space, (N,) int64."""
        return actions + self.first if self.first else actions


class MultiCategoricalHead(nn.Linear):
    """For `MultiDiscrete`: logits of all components, one after the other."""

    action_dtype = np.int64

    def __init__(self, width: int, space: spaces.MultiDiscrete) -> None:
        if len(space.shape) != 1:
            raise UsageError(
                f"the actions are {space}, expected a MultiDiscrete in one dimension: flatten it with "
                "gymnasium.wrappers.TransformAction"
            )
        self.sizes = [int(size) for size in space.nvec]
        super().__init__(width, sum(self.sizes))
        self.action_shape = (len(self.sizes),)
        self.first = np.asarray(space.start, np.int64)

    def distribution(self, hidden: Tensor, prior: Tensor | float = 0.0) -> MultiCategorical:
        """Distributions (...) from hidden states (..., width), in the precision of the network."""
        logits = self(hidden) + prior
        return MultiCategorical([Categorical(logits=part) for part in logits.split(self.sizes, dim=-1)])

    @staticmethod
    def exact(distribution: MultiCategorical) -> MultiCategorical:
        """The same with float32 log-probabilities, whatever the network computed in."""
        return MultiCategorical([CategoricalHead.exact(part) for part in distribution.parts])

    def noise(self, count: int) -> Tensor:
        """Draw random numbers (count, all logits) for `count` actions, from torch's generator of the CPU."""
        return torch.empty(count, self.out_features).exponential_()

    def sample(self, distribution: MultiCategorical, noise: Tensor) -> Tensor:
        """Actions (N, K), each component by its exponential race."""
        noises = noise.split(self.sizes, dim=-1)
        each = [CategoricalHead.sample(*pair) for pair in zip(distribution.parts, noises, strict=True)]
        return torch.stack(each, dim=-1)

    @staticmethod
    def draw(
        distribution: MultiCategorical, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Actions (N, K) on the CPU, of probabilities that are sharpened by a temperature below 1."""
        parts = distribution.parts
        return torch.stack([CategoricalHead.draw(part, temperature, generator) for part in parts], dim=-1)

    @staticmethod
    def mode(distribution: MultiCategorical) -> Tensor:
        """The most probable actions (N, K)."""
        return torch.stack([CategoricalHead.mode(part) for part in distribution.parts], dim=-1)

    def to_env(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Convert actions to those of the env's space, (N, K) int64."""
        return actions + self.first


class GaussianHead(nn.Linear):
    """For `Box`: means of a diagonal Gaussian, squashed to the bounds; log-std is the same in all states."""

    action_dtype = np.float32
    low: Tensor
    high: Tensor

    def __init__(self, width: int, space: spaces.Box) -> None:
        if not (np.isfinite(space.low).all() and np.isfinite(space.high).all() and space.shape):
            raise UsageError(
                f"the actions are {space}, expected a Box with finite bounds: set them with "
                "gymnasium.wrappers.RescaleAction or in the env's action_space"
            )
        super().__init__(width, int(np.prod(space.shape)))
        self.action_shape = (self.out_features,)
        self.env_shape, self.env_dtype = space.shape, space.dtype
        self.log_std = nn.Parameter(torch.zeros(self.out_features))
        for name, bound in (("low", space.low), ("high", space.high)):
            self.register_buffer(
                name, torch.as_tensor(bound.flatten(), dtype=torch.float32), persistent=False
            )

    def distribution(self, hidden: Tensor, prior: Tensor | float = 0.0) -> SquashedGaussian:
        """Distributions (...) from hidden states (..., width), in the precision of the network."""
        log_std = self.log_std.clamp(*LOG_STD_RANGE)
        return SquashedGaussian(self(hidden) + prior, log_std, 0.5 * (self.high - self.low))

    @staticmethod
    def exact(distribution: SquashedGaussian) -> SquashedGaussian:
        """The same in float32, whatever the network computed in."""
        found = distribution
        return SquashedGaussian(found.mean.float(), found.log_std.float(), found.half_width)

    def noise(self, count: int) -> Tensor:
        """Draw random numbers (count, A) for `count` actions, from torch's generator of the CPU."""
        return torch.randn(count, self.out_features)

    @staticmethod
    def sample(distribution: SquashedGaussian, noise: Tensor) -> Tensor:
        """Actions (N, A) before the tanh."""
        return distribution.mean + distribution.log_std.exp() * noise.to(distribution.mean)

    @staticmethod
    def draw(
        distribution: SquashedGaussian, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Actions (N, A) before the tanh, on the CPU; density**(1 / temperature) of that Gaussian."""
        mean, std = distribution.mean.cpu(), distribution.log_std.exp().cpu()
        return mean + math.sqrt(temperature) * std * torch.randn(mean.shape, generator=generator)

    @staticmethod
    def mode(distribution: SquashedGaussian) -> Tensor:
        """The middle of the distribution before the tanh, (N, A)."""
        return distribution.mean

    def to_env(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Convert actions to those of the env's space, (N, *shape), within its bounds."""
        low, high = self.low.cpu().numpy(), self.high.cpu().numpy()
        squashed = np.clip(low + 0.5 * (high - low) * (1.0 + np.tanh(actions)), low, high)
        return squashed.reshape(len(actions), *self.env_shape).astype(self.env_dtype)


ActionHead = CategoricalHead | MultiCategoricalHead | GaussianHead


def head_for(space: spaces.Space[Any], width: int) -> ActionHead:
    """The head that acts in an action space.

    Raises:
        UsageError: There is none for this space.
    """
    if isinstance(space, spaces.Discrete):
        return CategoricalHead(width, space)
    if isinstance(space, spaces.MultiDiscrete):
        return MultiCategoricalHead(width, space)
    if isinstance(space, spaces.Box):
        return GaussianHead(width, space)
    raise UsageError(f"the actions are {space}, expected Discrete, MultiDiscrete or Box: wrap the env")


def _log_slope_of_tanh(u: Tensor) -> Tensor:
    """log(1 - tanh(u)**2), exact where the tanh has rounded to one."""
    return 2.0 * (math.log(2.0) - u - F.softplus(-2.0 * u))
