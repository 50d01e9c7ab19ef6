"""Observations of any space as inputs of small networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.rewards.protocol import State

_CLIP = 5.0  # standard deviations at which inputs are cut off
_LEAST_IMAGE = 3  # pixels along an edge
_STATISTICS = ("mean", "var", "count")
Inputs = dict[str, Tensor]


def is_image(space: spaces.Space[Any]) -> bool:
    """Whether a space holds images: three axes, of bytes or floats, no edge of pixels too short."""
    return (
        isinstance(space, spaces.Box)
        and len(space.shape) == 3
        and min(sorted(space.shape)[1:]) >= _LEAST_IMAGE
    )


class AsTheyAre:
    """Observations without a frozen network before them."""

    def space(self, space: spaces.Dict) -> spaces.Dict:
        """The space of what is read."""
        return space

    def view(self, observation: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """What is read of observations."""
        return observation


class ThroughPredictor:
    """Observations whose images `rgb` are replaced by features of a frozen predictor.

    Args:
        predictor: Gives features (N, F) of images (N, 3, H, W); its `config.features` is F.
    """

    def __init__(self, predictor: nn.Module) -> None:
        self._predictor = predictor
        self._said: list[tuple[NDArray[Any], NDArray[np.float32]]] = []

    def space(self, space: spaces.Dict) -> spaces.Dict:
        """The space of what is read: vectors of features instead of images."""
        width = int(self._predictor.config.features)  # type: ignore[union-attr,arg-type]
        return spaces.Dict({**space.spaces, "rgb": spaces.Box(-np.inf, np.inf, (width,), np.float32)})

    def view(self, observation: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """What is read of observations; of the same images the predictor is asked once."""
        images = observation["rgb"]
        for known, features in self._said:
            if known is images:
                return {**observation, "rgb": features}
        with torch.no_grad():
            rgb = torch.as_tensor(np.ascontiguousarray(np.moveaxis(images, -1, 1)))
            features = self._predictor(rgb).cpu().numpy()
        self._said = [*self._said[-1:], (images, features)]
        return {**observation, "rgb": features}


class Observations:
    """Reads the parts of observations that a reward is told to read.

    Numbers and images become floats in standard deviations from their running mean, cut off at 5; whole
    numbers of a known range become one-hot vectors.

    Args:
        space: What is read, by key.
        reward: Name in messages.
        device: Where tensors go.

    Raises:
        UsageError: A part is of a kind that cannot be read.
    """

    def __init__(self, space: spaces.Dict, reward: str, device: str = "cpu") -> None:
        self.space, self._device = space, device
        for key, part in space.spaces.items():
            known = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
            if not isinstance(part, known) or (isinstance(part, spaces.Box) and len(part.shape) > 3):
                raise UsageError(
                    f"reward {reward} cannot read observation {key!r}, which is {part}: expected Box, "
                    "Discrete, MultiDiscrete or MultiBinary; leave it out by naming other keys"
                )
        self.scales = {
            key: RunningMeanStd(shape=part.shape)
            for key, part in space.spaces.items()
            if isinstance(part, spaces.Box)
        }

    def read(self, observation: Mapping[str, NDArray[Any]]) -> Inputs:
        """Tensors (N, ...) by key: images (N, C, H, W), all else (N, F)."""
        return {key: self._part(key, part, observation[key]) for key, part in self.space.spaces.items()}

    def take_in(self, observation: Mapping[str, NDArray[Any]]) -> None:
        """Count observations (N, ...) in the means and deviations."""
        for key, scale in self.scales.items():
            scale.update(np.asarray(observation[key], np.float64))

    def state_dict(self) -> State:
        """The means and deviations."""
        return {
            f"{key}.{name}": np.asarray(getattr(scale, name))
            for key, scale in self.scales.items()
            for name in _STATISTICS
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        for key, scale in self.scales.items():
            scale.mean, scale.var = state[f"{key}.mean"].copy(), state[f"{key}.var"].copy()
            scale.count = float(state[f"{key}.count"])

    def _part(self, key: str, part: spaces.Space[Any], values: NDArray[Any]) -> Tensor:
        if isinstance(part, spaces.Box):
            scale = self.scales[key]
            scaled = (np.asarray(values, np.float64) - scale.mean) / np.sqrt(scale.var + 1e-8)
            scaled = scaled.clip(-_CLIP, _CLIP).astype(np.float32)
            if is_image(part):
                return torch.as_tensor(scaled if channels_first(part) else np.moveaxis(scaled, -1, 1)).to(
                    self._device
                )
            return torch.as_tensor(scaled.reshape(len(scaled), -1)).to(self._device)
        return one_hot(part, values).to(self._device)


def channels_first(space: spaces.Space[Any]) -> bool:
    """Whether the first axis of images is that of channels: the shortest one."""
    shape = space.shape or ()
    return int(np.argmin(shape)) == 0


def one_hot(space: spaces.Space[Any], values: NDArray[Any]) -> Tensor:
    """Whole numbers (N, ...) of a space as vectors (N, F) of zeros and ones."""
    values = np.asarray(values)
    if isinstance(space, spaces.Discrete):
        sizes, found = [int(space.n)], (values.reshape(-1, 1) - int(space.start)).astype(int)
    elif isinstance(space, spaces.MultiDiscrete):
        sizes, found = [int(n) for n in space.nvec.ravel()], values.reshape(len(values), -1).astype(int)
    else:
        return torch.as_tensor(values.reshape(len(values), -1).astype(np.float32))
    columns = [np.eye(n, dtype=np.float32)[found[:, i].clip(0, n - 1)] for i, n in enumerate(sizes)]
    return torch.as_tensor(np.concatenate(columns, axis=1))


def width_of(space: spaces.Space[Any]) -> int:
    """Length F of the vector that a space becomes."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum())
    return math.prod(space.shape or (1,))


def action_inputs(space: spaces.Space[Any], actions: NDArray[Any]) -> Tensor:
    """Actions (N, ...) as vectors (N, F): one-hot, or shares of their bounds."""
    if isinstance(space, spaces.Box):
        low, high = np.nan_to_num(space.low, neginf=-1.0), np.nan_to_num(space.high, posinf=1.0)
        scaled = 2 * (np.asarray(actions, np.float32) - low) / np.maximum(high - low, 1e-6) - 1
        return torch.as_tensor(scaled.reshape(len(scaled), -1).astype(np.float32))
    return one_hot(space, actions)


class Network(nn.Module):
    """A small network from the parts of observations, and further vectors, to a vector.

    Images pass two convolutions, all else goes straight to two hidden layers. Weights are orthogonal, and
    the last layer has no activation, so that random targets use their whole range.

    Args:
        space: Parts of observations by key; may be empty.
        outputs: Length of the result.
        hidden: Units of the hidden layers.
        extra: Length of the further vectors, such as actions.
    """

    def __init__(self, space: spaces.Dict, outputs: int, hidden: int = 64, extra: int = 0) -> None:
        super().__init__()
        self.keys = list(space.spaces)
        self.images = nn.ModuleDict()
        width = extra
        for key, part in space.spaces.items():
            if is_image(part):
                shape = part.shape or ()
                channels, *edges = shape if channels_first(part) else (shape[-1], *shape[:-1])
                self.images[key] = _convolutions(int(channels), min(edges))
                with torch.no_grad():
                    width += self.images[key](torch.zeros(1, int(channels), *edges)).shape[-1]
            else:
                width += width_of(part)
        self.head = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, outputs),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                nn.init.orthogonal_(layer.weight, math.sqrt(2))
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Inputs, *extra: Tensor) -> Tensor:
        """(N, outputs)."""
        parts = [self.images[key](inputs[key]) if key in self.images else inputs[key] for key in self.keys]
        found: Tensor = self.head(torch.cat([*parts, *extra], dim=-1))
        return found


def _convolutions(channels: int, edge: int) -> nn.Sequential:
    """Two convolutions; small images, such as the 7 x 7 of MiniGrid, keep their size."""
    if edge >= 24:
        layers = [nn.Conv2d(channels, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2), nn.ReLU()]
    else:
        layers = [nn.Conv2d(channels, 16, 2), nn.ReLU(), nn.Conv2d(16, 32, 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())
