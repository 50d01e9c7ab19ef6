"""Observations and actions of any environment as tensors, and small networks that read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import is_image_space_channels_first
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot

Batch = dict[str, Tensor]  # by observation key: images (B, C, H, W), vectors (B, F)
_PREDICTED = "predictor"  # the one key of inputs that are the frozen predictor's features
_NO_BOUND = 1e6  # ranges that wide say nothing about the numbers within
_SMALL = 8  # pixels a side at which convolutions stop to halve images


def choices(space: spaces.Space[Any]) -> list[int] | None:
    """Number of values of each component of a discrete space; None where components are continuous."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec.ravel()]
    return None


def one_hot(values: NDArray[Any], space: spaces.Space[Any]) -> Tensor:
    """One-hot codes (N, sum of choices) of values (N, ...) of a `Discrete` or `MultiDiscrete` space."""
    counts = choices(space) or []
    start = np.ravel(getattr(space, "start", 0))
    index = torch.as_tensor(np.asarray(values, np.int64).reshape(len(values), len(counts)) - start)
    return torch.cat([F.one_hot(index[:, i], n) for i, n in enumerate(counts)], dim=1).float()


class ObservationReader:
    """Makes tensors of the observations that a reward reads.

    Args:
        context: Of the reward.
        keys: Which entries are read; None = all.
        features: "observation", or "predictor" for the frozen predictor's features of camera images.
        reward: Its name, for errors.

    Attributes:
        shapes: By key: (C, H, W) of images, (F,) of vectors.
        standardised: Keys of the continuous entries, which `Standardiser` is to scale.
        bounds: By key: least and largest values (2, *shape) of the entries that have both.

    Raises:
        UsageError: An entry cannot be read, or there is no predictor or image.
    """

    def __init__(
        self,
        context: RewardContext,
        keys: Sequence[str] | None = None,
        features: Literal["observation", "predictor"] = "observation",
        reward: str = "",
    ) -> None:
        self._device = torch.device(context.device)
        self._spaces = dict(context.select(keys, reward).spaces)
        self._predictor = context.predictor if features == "predictor" else None
        self._images = _images(self._spaces)
        self._last: list[tuple[NDArray[Any], Tensor]] = []
        if features == "predictor":
            self._check_predictor(context, reward)
            width = int(context.predictor.config.features)  # type: ignore[union-attr,arg-type]
            self.shapes: dict[str, tuple[int, ...]] = {_PREDICTED: (width,)}
            self.standardised: tuple[str, ...] = (_PREDICTED,)
            self.bounds: dict[str, NDArray[np.float32]] = {}
            return
        self.shapes = {key: _shape(key, space, reward) for key, space in self._spaces.items()}
        self.standardised = tuple(key for key, space in self._spaces.items() if isinstance(space, spaces.Box))
        self.bounds = {
            key: self._laid_out(key, np.stack([space.low, space.high])).astype(np.float32)
            for key, space in self._spaces.items()
            if isinstance(space, spaces.Box) and _has_bounds(space)
        }

    def __call__(self, seen: Snapshot) -> Batch:
        """Tensors (N, ...) by key; bytes of images stay bytes.

        Raises:
            UsageError: A number is not finite.
        """
        if self._predictor is not None:
            return {_PREDICTED: self._predicted(seen)}
        return {key: self._entry(key, np.asarray(seen.observation[key])) for key in self.shapes}

    def _entry(self, key: str, values: NDArray[Any]) -> Tensor:
        space = self._spaces[key]
        if choices(space):
            return one_hot(values, space).to(self._device)
        if not np.isfinite(values).all():
            raise UsageError(f"observation {key!r} has numbers that are not finite: rewards need finite ones")
        tensor = torch.as_tensor(self._laid_out(key, values)).to(self._device)
        return tensor if tensor.dtype == torch.uint8 else tensor.float()

    def _laid_out(self, key: str, values: NDArray[Any]) -> NDArray[Any]:
        """Values (N, ...) as (N, *shape): images with their channels first, the rest flat."""
        shape = self.shapes[key]
        if len(shape) == 3 and tuple(values.shape[1:]) != shape:
            values = np.moveaxis(values, -1, 1)
        return np.ascontiguousarray(values).reshape(-1, *shape)

    def _predicted(self, seen: Snapshot) -> Tensor:
        """The predictor's features (N, F), asked once an image: a step's end is the next one's start."""
        rgb = seen.frames.rgb if seen.frames is not None else np.asarray(seen.observation[self._images[0]])
        for image, known in self._last:
            if image is rgb:
                return known
        last = rgb if rgb.shape[1] == 3 else np.moveaxis(rgb, -1, 1)
        with torch.no_grad():
            said = self._predictor(torch.as_tensor(np.ascontiguousarray(last)).to(self._device))  # type: ignore[misc]
        self._last = [(rgb, said), *self._last[:1]]
        features: Tensor = said
        return features

    def _check_predictor(self, context: RewardContext, reward: str) -> None:
        if context.predictor is None:
            raise UsageError(
                f"reward {reward} is to read the predictor's features, and there is no predictor: "
                "leave its option features at observation"
            )
        if context.world is None and len(self._images) != 1:
            raise UsageError(
                f"the predictor reads one image, and the chosen observations have {self._images or 'none'}: "
                f"name one in the option keys of reward {reward}"
            )


def _has_bounds(space: spaces.Box) -> bool:
    """Whether each number has a least and a largest value; the limits of floats are none."""
    low, high = space.low.astype(float), space.high.astype(float)
    return bool(np.isfinite(high - low).all() and (high > low).all() and (high - low).max() < _NO_BOUND)


def _images(known: Mapping[str, spaces.Space[Any]]) -> list[str]:
    return [key for key, space in known.items() if isinstance(space, spaces.Box) and len(space.shape) == 3]


def _shape(key: str, space: spaces.Space[Any], reward: str) -> tuple[int, ...]:
    counts = choices(space)
    if counts:
        return (sum(counts),)
    if isinstance(space, spaces.MultiBinary):
        return (int(np.prod(space.shape)),)
    if not isinstance(space, spaces.Box) or not np.prod(space.shape):
        raise UsageError(
            f"reward {reward} cannot read observation {key!r} of {space}: it reads Box, Discrete, "
            "MultiDiscrete and MultiBinary; name others in its option keys"
        )
    if len(space.shape) != 3:
        return (int(np.prod(space.shape)),)
    if is_image_space_channels_first(space):
        return space.shape
    return (space.shape[2], *space.shape[:2])


class ActionReader:
    """Makes vectors of actions: one-hot where they are discrete, in [-1, 1] where they have bounds.

    Attributes:
        width: A, numbers of an action.

    Raises:
        UsageError: The actions are of no readable space.
    """

    def __init__(self, context: RewardContext, reward: str = "") -> None:
        self._space, self._device = context.action_space, torch.device(context.device)
        self._choices = choices(self._space)
        if not self._choices and not isinstance(self._space, spaces.Box | spaces.MultiBinary):
            raise UsageError(
                f"reward {reward} cannot read actions of {self._space}: "
                "it reads Box, Discrete, MultiDiscrete and MultiBinary"
            )
        self.width = sum(self._choices) if self._choices else int(np.prod(self._space.shape or (1,)))

    def __call__(self, action: NDArray[Any]) -> Tensor:
        """Vectors (N, A) of actions (N, ...)."""
        if self._choices:
            return one_hot(action, self._space).to(self._device)
        flat = np.asarray(action, np.float32).reshape(len(action), self.width)
        if isinstance(self._space, spaces.Box) and self._space.is_bounded("both"):
            low, high = self._space.low.ravel(), self._space.high.ravel()
            flat = 2.0 * (flat - low) / np.maximum(high - low, 1e-6) - 1.0
        return torch.as_tensor(flat, dtype=torch.float32, device=self._device)

    def loss(self, guess: Tensor, action: Tensor) -> Tensor:
        """Error (B,) of guesses (B, A) of actions (B, A): cross-entropy, or mean squared error."""
        if not self._choices:
            return (guess - action).square().mean(-1)
        pairs = zip(guess.split(self._choices, -1), action.split(self._choices, -1), strict=True)
        entropies = [-(truth * logits.log_softmax(-1)).sum(-1) for logits, truth in pairs]
        return torch.stack(entropies).mean(0)


class RunningMoments(nn.Module):
    """Mean and variance of all that was seen, or of about the last `window` samples.

    Args:
        shape: Of one sample.
        window: Samples after which older ones fade; None = they never do.
        clip: Standard deviations at which samples are cut off.
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, shape: Sequence[int], window: int | None = None, clip: float = 5.0) -> None:
        super().__init__()
        self._window, self._clip = window, clip
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("var", torch.ones(*shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, samples: Tensor) -> None:
        """Count samples (B, *shape) in (Chan et al. 1979)."""
        new, samples = len(samples), samples.float()
        mean, var = samples.mean(0), samples.var(0, unbiased=False)
        share = new / (int(self.count) + new)
        apart = mean - self.mean
        self.var += share * (var - self.var) + share * (1 - share) * apart.square()
        self.mean += share * apart
        self.count += new
        if self._window is not None:
            self.count.clamp_(max=self._window)

    def forward(self, samples: Tensor) -> Tensor:
        """Samples in standard deviations from the mean, cut off."""
        return ((samples - self.mean) / (self.var + 1e-8).sqrt()).clamp(-self._clip, self._clip)


class Standardiser(nn.Module):
    """Scales the continuous entries of observations by their running mean and deviation.

    Args:
        reader: Says which entries there are.
        window: Samples after which older ones fade; None = they never do.
        clip: Standard deviations at which they are cut off.
    """

    def __init__(self, reader: ObservationReader, window: int | None = None, clip: float = 5.0) -> None:
        super().__init__()
        # keys may hold dots, which names of modules may not
        self._names = {key: str(index) for index, key in enumerate(reader.standardised)}
        self.moments = nn.ModuleDict(
            {name: RunningMoments(reader.shapes[key], window, clip) for key, name in self._names.items()}
        )

    def update(self, batch: Batch) -> None:
        """Count a batch in."""
        for key, name in self._names.items():
            moments: RunningMoments = self.moments[name]  # type: ignore[assignment]
            moments.update(batch[key])

    def forward(self, batch: Batch) -> Batch:
        """The batch in float32, its continuous entries in standard deviations."""
        return {
            key: self.moments[self._names[key]](values.float()) if key in self._names else values.float()
            for key, values in batch.items()
        }


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
    return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])


def cnn(shape: tuple[int, ...], width: int) -> nn.Sequential:
    """A small convolutional network from images (B, *shape) to (B, width), of any size from 1 pixel on."""
    layers: list[nn.Module] = []
    channels, side = shape[0], max(shape[1:])
    while side > _SMALL or len(layers) < 4:
        stride = 2 if side > _SMALL else 1
        wider = 64 if layers else 32
        layers += [nn.Conv2d(channels, wider, 3, stride, padding=1), nn.ReLU()]
        channels, side = wider, -(-side // stride)
    body = nn.Sequential(*layers, nn.Flatten())
    with torch.no_grad():
        flat = body(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(body, nn.Linear(flat, width))


class Encoder(nn.Module):
    """Reads a standardised batch: images by convolutions, the rest as it is, then linear layers.

    Args:
        shapes: Of the entries, as of an `ObservationReader`.
        sizes: Of the linear layers; the last one has no ReLU behind it.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], *sizes: int) -> None:
        super().__init__()
        self._images = [key for key, shape in shapes.items() if len(shape) == 3]
        self._vectors = [key for key, shape in shapes.items() if len(shape) == 1]
        self.eyes = nn.ModuleList([cnn(shapes[key], sizes[0]) for key in self._images])
        inputs = sizes[0] * len(self._images) + sum(shapes[key][0] for key in self._vectors)
        self.body = mlp(inputs, *sizes)

    def forward(self, batch: Batch) -> Tensor:
        """(B, sizes[-1])."""
        seen = [F.relu(eye(batch[key])) for key, eye in zip(self._images, self.eyes, strict=True)]
        out: Tensor = self.body(torch.cat([*seen, *[batch[key] for key in self._vectors]], dim=-1))
        return out


def frozen_random(network: nn.Module) -> nn.Module:
    """The network with orthogonal weights of gain sqrt(2) and no gradients: a target (Burda et al. 2019)."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(module.weight, gain=2**0.5)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network.requires_grad_(False).eval()


def blend(target: nn.Module, source: nn.Module, keep: float) -> None:
    """Move the weights of a target towards those of its source."""
    with torch.no_grad():
        for old, new in zip(target.parameters(), source.parameters(), strict=True):
            old.lerp_(new, 1 - keep)


def rows(batch: Batch, which: Any) -> Batch:
    """Some rows of a batch."""
    return {key: values[which] for key, values in batch.items()}


def stacked(batches: Iterable[Batch]) -> Batch:
    """Batches (N, ...) as one (T, N, ...)."""
    found = list(batches)
    return {key: torch.stack([batch[key] for batch in found]) for key in found[0]}
