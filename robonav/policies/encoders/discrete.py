"""Encoders of numbers that name things: earlier actions, modes, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.policies.encoders.base import KeyEncoder, is_vector


class DiscreteEncoder(KeyEncoder):
    """An embedding; for `Discrete`, such as `previous_action` in navigation."""

    dtype = np.int64

    def __init__(self, space: spaces.Discrete, width: int) -> None:
        super().__init__(space, width)
        self.first = int(space.start)
        self.weight = nn.Parameter(torch.randn(int(space.n), width))

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is Discrete."""
        return isinstance(space, spaces.Discrete)

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from numbers (...)."""
        return F.embedding(kept - self.first, self.weight)

    def initialise(self) -> None:
        """Small at first."""
        nn.init.normal_(self.weight, std=0.1)


class MultiDiscreteEncoder(KeyEncoder):
    """The sum of an embedding for each component; for `MultiDiscrete`."""

    dtype = np.int64
    offsets: Tensor

    def __init__(self, space: spaces.MultiDiscrete, width: int) -> None:
        super().__init__(space, width)
        sizes, first = space.nvec.flatten().astype(np.int64), space.start.flatten().astype(np.int64)
        self.shape = (len(sizes),)
        self.embedding = nn.Embedding(int(sizes.sum()), width)
        offsets = torch.from_numpy(np.concatenate([[0], sizes[:-1].cumsum()]) - first)
        self.register_buffer("offsets", offsets, persistent=False)

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is MultiDiscrete."""
        return isinstance(space, spaces.MultiDiscrete)

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from numbers (..., K)."""
        added: Tensor = self.embedding(kept + self.offsets).sum(-2)
        return added

    def initialise(self) -> None:
        """Small at first."""
        nn.init.normal_(self.embedding.weight, std=0.1)


class PreviousControlEncoder(KeyEncoder):
    """A linear layer; for a `previous_action` in a float Box."""

    def __init__(self, space: spaces.Box, width: int) -> None:
        super().__init__(space, width)
        self.shape = (int(np.prod(space.shape)),)
        self.linear = nn.Linear(self.shape[0], width)

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is a float Box named `previous_action`."""
        return name == "previous_action" and is_vector(space)

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from the last action (..., A)."""
        added: Tensor = self.linear(kept)
        return added


class TokensEncoder(KeyEncoder):
    """An embedding and a GRU (Cho et al. 2014) over a text; for whole numbers named `tokens`.

    Number 0 fills up the end of a text that is shorter.
    """

    dtype = np.int64

    def __init__(self, space: spaces.MultiDiscrete | spaces.Box, width: int) -> None:
        super().__init__(space, width)
        most = space.nvec if isinstance(space, spaces.MultiDiscrete) else space.high.astype(np.int64) + 1
        self.shape = (int(np.prod(space.shape)),)
        self.embedding = nn.Embedding(int(most.max()), width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is a sequence of whole numbers named `tokens`, or what ends so."""
        whole = isinstance(space, spaces.MultiDiscrete) or (
            isinstance(space, spaces.Box) and space.dtype.kind in "iu"
        )
        return whole and len(space.shape or ()) == 1 and name.rsplit("_", 1)[-1] == "tokens"

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from texts (..., L): the GRU's last state."""
        texts, which = torch.unique(
            kept.flatten(0, -2), dim=0, return_inverse=True
        )  # a text lasts many steps
        words = (texts != 0).sum(-1).clamp(min=1)
        states, _ = self.gru(self.embedding(texts))
        last = states[torch.arange(len(texts), device=texts.device), words - 1]
        return last[which].unflatten(0, kept.shape[:-1])
