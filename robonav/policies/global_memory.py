"""A memory of the whole episode at a constant cost per step: linear attention over all frames before.

Katharopoulos et al. 2020 ("Transformers are RNNs", eq. 7 to 9) with the feature map ELU + 1, as ReCuriosity
uses it: a frame reads before it is written, and what it reads is added to its token.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPS = 1e-6  # nothing was written: the sum of weights is 0, and so is what is read


class MemoryState(NamedTuple):
    """What N agents have written, replaced and never changed in place.

    Attributes:
        content: (N, heads, d, d) sum of the products of key features and values.
        weight: (N, heads, d) sum of the key features.
    """

    content: Tensor
    weight: Tensor


class GlobalMemory(nn.Module):
    """Reads what earlier frames of the episode wrote; says nothing before it has learned something."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.initialise()

    def initialise(self) -> None:
        """Start as if there were no memory."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def new(self, batch: int, device: torch.device | str) -> MemoryState:
        """Empty memories of `batch` agents."""
        shape = (batch, self.heads, self.head_dim)
        return MemoryState(
            torch.zeros(*shape, self.head_dim, device=device), torch.zeros(shape, device=device)
        )

    def forward(self, x: Tensor, starts: Tensor) -> Tensor:
        """Whole sequences: x (B, T, width), starts (B, T) bool; gives (B, T, width).

        By the T x T products of queries and keys: for some thousand frames that is cheaper, and needs less
        memory, than the d x d content after every frame.
        """
        q, k, v = self._project(x)
        episode = starts.long().cumsum(1)
        earlier = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril(-1)
        readable = (earlier & (episode[:, :, None] == episode[:, None, :]))[:, None]
        weights = (q @ k.transpose(-1, -2)) * readable
        return self._add(x, weights @ v, weights.sum(-1, keepdim=True))

    def step(self, x: Tensor, starts: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """One frame: x (B, 1, width), starts (B,) bool; gives (B, 1, width) and the state afterwards."""
        q, k, v = self._project(x)
        goes_on = (~starts)[:, None, None]
        content, weight = state.content * goes_on[..., None], state.weight * goes_on
        x = self._add(x, q @ content, q @ weight[..., None])
        return x, MemoryState(content + k.transpose(-1, -2) @ v, weight + k[:, :, 0])

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of queries and keys, and values, (B, heads, T, d) of tokens x (B, T, width)."""
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return F.elu(q) + 1.0, F.elu(k) + 1.0, v

    def _add(self, x: Tensor, read: Tensor, weight: Tensor) -> Tensor:
        """Tokens with the normalised reading (B, heads, T, d) added."""
        normalised = read / weight.clamp_min(_EPS)
        result: Tensor = x + self.out(normalised.transpose(1, 2).flatten(2))
        return result


class NoGlobalMemory(nn.Module):
    """In place of `GlobalMemory` after a block that has none."""

    def initialise(self) -> None:
        """Nothing."""

    def new(self, batch: int, device: torch.device | str) -> MemoryState:
        """Nothing."""
        return MemoryState(torch.zeros(0, device=device), torch.zeros(0, device=device))

    def forward(self, x: Tensor, starts: Tensor) -> Tensor:
        """Tokens as they are."""
        return x

    def step(self, x: Tensor, starts: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """Token and state as they are."""
        return x, state
