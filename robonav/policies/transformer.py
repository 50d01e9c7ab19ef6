"""A causal sliding-window transformer: whole sequences when learning, a key-value cache when acting.

Both ways give the same output (tested to 1e-4): a frame attends to the last `window` frames of its own
episode, positions enter by rotation of queries and keys (RoPE), so only distances matter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rotary(positions: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (..., dim / 2) of rotary position embedding (Su et al. 2021, eq. 15)."""
    frequencies = 10_000.0 ** (-torch.arange(0, dim, 2, device=positions.device, dtype=torch.float32) / dim)
    angles = positions[..., None].float() * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of features; x (..., dim), cos and sin broadcastable to (..., dim / 2)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


@dataclass
class KeyValueCache:
    """Memory of N agents while acting: a ring of the last keys and values of each block.

    Learning recomputes everything of a rollout, and reads what was there when it began from `carry`.

    Attributes:
        keys: One (N, heads, window, head_dim) tensor per block, already rotated; NaN where none was written.
        values: As `keys`.
        age: (N,) int64, number of frames since the episode started, the current one not counted.
        context: How many frames the agents may look back on, the current one included; None = no limit.
        step: Number of frames written since the cache was made.
    """

    keys: list[Tensor]
    values: list[Tensor]
    age: Tensor
    context: int | None
    step: int = 0

    def branch(self) -> KeyValueCache:
        """A cache to try one step on: the rings are shared, the next step here writes its slot again."""
        return replace(self)

    def carry(self) -> KeyValueCache:
        """A copy of what is there, for learning from what comes now; counts frames from low numbers again.

        Positions must not grow for ever: angles of rotation would lose their digits.
        """
        shift = max(0, self.step - max((ring.shape[2] for ring in self.keys), default=0))
        if shift:
            dim, device = self.keys[0].shape[3], self.age.device
            cos, sin = rotary(torch.tensor([-shift], device=device), dim)
            self.keys = [rotate(ring.roll(-shift, dims=2), cos, sin) for ring in self.keys]
            self.values = [ring.roll(-shift, dims=2) for ring in self.values]
            self.step -= shift
        return self.part(torch.arange(len(self.age), device=self.age.device))

    def part(self, agents: Tensor) -> KeyValueCache:
        """A copy of what some agents (B,) int64 remember."""
        keys, values = ([ring[agents] for ring in rings] for rings in (self.keys, self.values))
        return replace(self, keys=keys, values=values, age=self.age[agents])

    def past(self, block: int) -> tuple[Tensor, Tensor]:
        """Keys and values (N, heads, frames, head_dim) of a block, oldest first."""
        window = self.keys[block].shape[2]
        filled = min(self.step, window)
        slots = torch.arange(self.step - filled, self.step, device=self.age.device) % window
        return self.keys[block][:, :, slots], self.values[block][:, :, slots]


class Block(nn.Module):
    """Pre-norm attention and MLP with residual connections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries, rotated keys and values (B, heads, T, head_dim) of tokens x (B, T, width)."""
        q, k, v = self.qkv(self.norm_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual of the attention result (B, heads, T, head_dim), then of the MLP."""
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm_mlp(x))


class CausalTransformer(nn.Module):
    """A stack of blocks over frame tokens with a sliding window that never crosses an episode start.

    Args:
        width: Width of a token.
        blocks: Number of blocks.
        heads: Attention heads per block.
        window: Frames that a frame attends to in one block, itself included.
    """

    def __init__(self, width: int, blocks: int, heads: int, window: int) -> None:
        super().__init__()
        self.width, self.heads, self.window = width, heads, window
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def layers(self) -> list[Block]:
        """The blocks, from the input to the output."""
        return cast(list[Block], list(self.blocks))

    def windows(self, context: int | None = None) -> list[int]:
        """Frames that each block attends to, so that all together look back on `context` frames, or fully."""
        if context is None:
            return [self.window] * len(self.blocks)
        steps, more = divmod(context - 1, len(self.blocks))
        return [min(self.window, 1 + steps + (i < more)) for i in range(len(self.blocks))]

    def new_cache(
        self, batch: int, device: torch.device | str = "cpu", context: int | None = None
    ) -> KeyValueCache:
        """An empty memory for `batch` agents that may look back on `context` frames."""
        keys, values = (
            [
                torch.full((batch, self.heads, window, self.width // self.heads), torch.nan, device=device)
                for window in self.windows(context)
            ]
            for _ in range(2)
        )
        age = torch.zeros(batch, dtype=torch.int64, device=device)
        return KeyValueCache(keys, values, age, context)

    def initialise(self) -> None:
        """Let residual branches start small."""
        for block in self.layers():
            nn.init.orthogonal_(block.out.weight, gain=0.1)
            nn.init.orthogonal_(block.mlp[2].weight, gain=0.1)  # type: ignore[arg-type]

    def forward(
        self, x: Tensor, starts: Tensor, context: int | None = None, memory: KeyValueCache | None = None
    ) -> Tensor:
        """Whole sequences: x (B, T, width), starts (B, T) bool where episodes begin; gives (B, T, width).

        With a `context`, frames further back than that have no influence, by whatever way. A `memory` is
        what was remembered before the first frame; no gradient goes there.
        """
        first = memory.step if memory else 0
        cos, sin = rotary(first + torch.arange(x.shape[1], device=x.device), self.width // self.heads)
        windows = self.windows(context)
        masks = {window: self._mask(starts, window, memory) for window in set(windows)}
        for number, (block, window) in enumerate(zip(self.layers(), windows, strict=True)):
            q, k, v = block.project(x, cos, sin)
            mask = masks[window]
            if memory:
                past_k, past_v = memory.past(number)
                k, v = torch.cat([past_k.to(k), k], dim=2), torch.cat([past_v.to(v), v], dim=2)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
            x = block.finish(x, attended)
        return self.norm(x)

    def step(self, x: Tensor, starts: Tensor, cache: KeyValueCache) -> Tensor:
        """One frame: x (B, width), starts (B,) bool; writes to the cache, returns (B, width)."""
        cache.age = torch.where(starts, torch.zeros_like(cache.age), cache.age)
        cos, sin = rotary(torch.tensor([cache.step], device=x.device), self.width // self.heads)
        visible = {window: self._visible(window, cache) for window in set(self.windows(cache.context))}
        x = x[:, None]
        for block, keys, values in zip(self.layers(), cache.keys, cache.values, strict=True):
            q, k, v = block.project(x, cos, sin)
            window = keys.shape[2]
            slot, filled = cache.step % window, min(cache.step + 1, window)
            keys[:, :, slot], values[:, :, slot] = k[:, :, 0], v[:, :, 0]
            attended = F.scaled_dot_product_attention(
                q, keys[:, :, :filled], values[:, :, :filled], attn_mask=visible[window]
            )
            x = block.finish(x, attended)
        cache.age, cache.step = cache.age + 1, cache.step + 1
        return self.norm(x)[:, 0]

    @staticmethod
    def _visible(window: int, cache: KeyValueCache) -> Tensor:
        """(B, 1, 1, filled) bool: slots of a ring that were written in the agent's present episode."""
        written = torch.arange(min(cache.step + 1, window), device=cache.age.device)
        behind = (cache.step % window - written) % window  # frames since a slot was written
        return (behind[None] <= cache.age[:, None])[:, None, None]

    @staticmethod
    def _mask(starts: Tensor, window: int, memory: KeyValueCache | None) -> Tensor | None:
        """(B, 1, T, past + T) bool: the same episode, not later, within the window; None = just causal."""
        length = starts.shape[1]
        if memory is None and length <= window and not bool(starts[:, 1:].any()):
            return None
        episode = read = starts.long().cumsum(1)
        time = seen = torch.arange(length, device=starts.device)
        if memory:
            behind = torch.arange(min(memory.step, window), 0, -1, device=starts.device)
            same = behind <= memory.age[:, None]  # of the episode that goes on if none starts
            seen, read = torch.cat([-behind, time]), torch.cat([same.long() - 1, episode], dim=1)
        distance = time[:, None] - seen[None, :]
        near = (distance >= 0) & (distance < window)
        return (near[None] & (episode[:, :, None] == read[:, None, :]))[:, None]
