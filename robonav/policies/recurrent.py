"""An LSTM in place of the transformer: the ablation with a memory of fixed size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn


@dataclass
class RecurrentState:
    """Recurrent state of N agents while acting; replaced and never changed in place.

    Attributes:
        hidden: (layers, N, width).
        cell: (layers, N, width).
    """

    hidden: Tensor
    cell: Tensor

    def branch(self) -> RecurrentState:
        """A state to try one step on."""
        return replace(self)

    def carry(self) -> RecurrentState:
        """Return the state from which learning recomputes what comes next."""
        return replace(self)

    def part(self, agents: Tensor) -> RecurrentState:
        """Return the state of some agents (B,) int64."""
        return RecurrentState(self.hidden[:, agents], self.cell[:, agents])


class RecurrentTrunk(nn.Module):
    """Layers of LSTM (Hochreiter & Schmidhuber 1997) beside a residual connection, then a norm.

    A layer has two thirds of the parameters of a transformer block of the same width. It always remembers
    the whole episode: the argument `context` of its methods, which it shares with the transformer, is None.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.width = width
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def new_cache(
        self, batch: int, device: torch.device | str = "cpu", context: int | None = None
    ) -> RecurrentState:
        """An empty memory for `batch` agents."""
        zeros = torch.zeros(self.lstm.num_layers, batch, self.width, device=device)
        return RecurrentState(zeros, zeros)

    def initialise(self) -> None:
        """Orthogonal weights, no bias."""
        for name, weight in self.lstm.named_parameters():
            (nn.init.zeros_ if "bias" in name else nn.init.orthogonal_)(weight)

    def forward(
        self, x: Tensor, starts: Tensor, context: int | None = None, memory: RecurrentState | None = None
    ) -> Tensor:
        """Whole sequences: x (B, T, width), starts (B, T) bool where episodes begin; gives (B, T, width).

        A `memory` is what was remembered before the first frame; it is not changed.
        """
        state, outputs = memory.branch() if memory else self.new_cache(x.shape[0], x.device), []
        begins = [0, *(torch.nonzero(starts[:, 1:].any(0))[:, 0] + 1).tolist()]
        for first, end in zip(begins, [*begins[1:], x.shape[1]], strict=True):
            outputs.append(self._advance(x[:, first:end], starts[:, first], state))
        return torch.cat(outputs, dim=1)

    def step(self, x: Tensor, starts: Tensor, cache: RecurrentState) -> Tensor:
        """One frame: x (B, width), starts (B,) bool; renews the cache, returns (B, width)."""
        return self._advance(x[:, None], starts, cache)[:, 0]

    def _advance(self, x: Tensor, starts: Tensor, state: RecurrentState) -> Tensor:
        """Frames x (B, T, width) of which only the first may start an episode, where starts (B,) says so."""
        goes_on = (~starts)[None, :, None]
        remembered = (state.hidden * goes_on, state.cell * goes_on)
        output, (state.hidden, state.cell) = self.lstm(x, remembered)
        normalised: Tensor = self.norm(x + output)
        return normalised
