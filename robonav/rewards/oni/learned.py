"""Base of the ONI rewards that learn from labels: a network that reads captions, and its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.files import load_optimizer, optimizer_tensors
from robonav.rewards.config import RewardContext
from robonav.rewards.oni.annotators import Item
from robonav.rewards.oni.config import OniConfig
from robonav.rewards.oni.reward import OniReward
from robonav.rewards.protocol import State

_LONGEST = 256  # bytes of a caption that are read
_REMEMBERED = 20_000  # scores between two trainings


@dataclass(frozen=True)
class OniLearnedConfig(OniConfig):
    """Options of networks that read captions.

    Raises:
        UsageError: A number is out of its range.
    """

    # trained often enough for the few steps of a check
    checked_with: ClassVar[dict[str, Any]] = {**OniConfig.checked_with, "horizon": 8}

    horizon: int = 32
    """Steps of all agents between two trainings."""
    gradient_steps: int = 8
    """Of a training."""
    samples: int = 256
    """Labels of a gradient step."""
    learning_rate: float = 1e-3
    """Of Adam."""
    width: int = 64
    """Hidden units."""

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        for name in ("horizon", "gradient_steps", "samples", "width"):
            if getattr(self, name) < 1:
                raise UsageError(
                    f"reward {self.name} has {name} {getattr(self, name)}: it has to be 1 or more"
                )


class CaptionNetwork(nn.Module):
    """Bytes of captions (B, L) to one number (B,): embeddings, convolutions, their maximum, two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, 16, padding_idx=0)
        self.convolutions = nn.Sequential(
            nn.Conv1d(16, width, 7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(3),
            nn.Conv1d(width, width, 5, padding=2),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, text: Tensor) -> Tensor:
        """(B,)."""
        found = self.convolutions(self.embedding(text).transpose(1, 2)).amax(-1)
        out: Tensor = self.head(found)[:, 0]
        return out


class OniLearned(OniReward):
    """A reward of captions that learns from labels; subclass it with `loss` and `paid`. It pays 0 at first.

    Attributes:
        networks: The network that reads captions, and what a subclass adds.
        trainings: How often it was trained.
    """

    def __init__(self, config: OniLearnedConfig, context: RewardContext) -> None:
        super().__init__(config, context)
        self.device = torch.device(context.device)
        self.generator = torch.Generator().manual_seed(context.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.networks = nn.ModuleDict({"reader": CaptionNetwork(config.width)}).to(self.device)
        self.optimizer = torch.optim.Adam(self.networks["reader"].parameters(), lr=config.learning_rate)
        self.trainings = 0
        self._known: dict[str, float] = {}

    def loss(self, items: Sequence[Item], labels: Tensor) -> Tensor:
        """Loss of a gradient step on labels (B,) of items."""
        raise NotImplementedError

    def paid(self, raw: Tensor) -> Tensor:
        """Reward (N,) for outputs of the network (N,)."""
        raise NotImplementedError

    def read(self, captions: Sequence[str]) -> Tensor:
        """Outputs of the network (B,) for captions, with gradients."""
        texts = np.zeros((len(captions), _LONGEST), np.uint8)
        for row, caption in zip(texts, captions, strict=True):
            said = caption.encode()[:_LONGEST]
            row[: len(said)] = np.frombuffer(said, np.uint8)
        out: Tensor = self.networks["reader"](torch.as_tensor(texts, device=self.device).long())
        return out

    def raw(self, captions: Sequence[str]) -> Tensor:
        """Outputs of the network (N,) for captions (N,), each read once between two trainings.

        They are read one by one: in a batch, a caption's last bit depends on the others.
        """
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        with torch.no_grad():
            for caption in captions:
                if caption not in self._known:
                    self._known[caption] = float(self.read([caption])[0])
        return torch.tensor([self._known[caption] for caption in captions], device=self.device)

    def scores(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Reward (N,) of captions; 0 before the first training."""
        if not self.trainings:
            return np.zeros(len(captions), np.float32)
        return self.paid(self.raw(captions)).float().cpu().numpy()

    def learn(self, captions: Sequence[str]) -> dict[str, float]:
        """Train after each `horizon` of steps."""
        if self._steps % self.config.horizon or not self.labels:
            return {}
        losses = [self._descend() for _ in range(self.config.gradient_steps)]
        self.trainings += 1
        self._known.clear()
        return {"loss": float(np.mean(losses))}

    def records(self) -> dict[str, Any]:
        """State to save as JSON."""
        return {**super().records(), "trainings": self.trainings}

    def restore(self, records: dict[str, Any]) -> None:
        """Take back what `records` gave."""
        super().restore(records)
        self.trainings = records["trainings"]

    def state_dict(self) -> State:
        """Labels, counters, weights, moments, and the generator's state."""
        tensors = {f"networks/{name}": value for name, value in self.networks.state_dict().items()}
        tensors |= {f"adam/{name}": value for name, value in optimizer_tensors(self.optimizer).items()}
        tensors["generator"] = self.generator.get_state()
        arrays = {name: value.detach().cpu().numpy().copy() for name, value in tensors.items()}
        return {**super().state_dict(), **arrays}

    def load_weights(self, state: State) -> None:
        """Restore weights, moments, and the generator."""
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
        self.networks.load_state_dict(_below("networks/", tensors))
        load_optimizer(self.optimizer, _below("adam/", tensors))
        self.generator.set_state(tensors["generator"])
        self._known.clear()

    def _descend(self) -> float:
        items = list(self.labels)
        chosen = torch.randperm(len(items), generator=self.generator)[: self.config.samples].tolist()
        picked = [items[index] for index in chosen]
        labels = torch.tensor([self.labels[item] for item in picked], device=self.device)
        loss = self.loss(picked, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks["reader"].parameters(), 10.0)
        self.optimizer.step()
        return float(loss.detach())


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
