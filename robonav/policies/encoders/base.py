"""The interface of an encoder of one observation key."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn


class KeyEncoder(nn.Module):
    """Makes of one key of an observation what it adds to tokens; learning reads again what acting kept.

    Attributes:
        shape: Of what is kept of one agent's step; images are (C, H, W).
        dtype: Of what is kept.
    """

    shape: tuple[int, ...] = ()
    dtype: type[np.generic] = np.float32

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it can read a key of that name and space."""
        raise NotImplementedError

    def __init__(self, space: spaces.Space[Any], width: int) -> None:
        super().__init__()

    def keep(self, value: Tensor) -> Tensor:
        """Return the form (N, *shape) of a key of N agents in which acting stores it for learning."""
        return value.reshape(len(value), *self.shape).to(torch.from_numpy(np.zeros((), self.dtype)).dtype)

    def initialise(self) -> None:
        """Draw the first weights; torch's are kept by default."""

    def moments(self, kept: NDArray[Any]) -> NDArray[np.float64]:
        """Sums over a rollout (T, N, *shape) that `adapt` needs; of no size where it needs none."""
        return np.zeros(0)

    def adapt(self, moments: NDArray[np.float64]) -> None:
        """Adapt normalisers to sums over a rollout that has been learned from."""


def is_vector(space: spaces.Space[Any]) -> bool:
    """Whether it is a Box of floating-point numbers in one dimension."""
    return isinstance(space, spaces.Box) and len(space.shape) == 1 and space.dtype.kind == "f"
