"""What rewards that learn share: features of the frozen predictor, an optimiser, what outlives episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from torch import Tensor, nn

from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.files import load_optimizer, optimizer_tensors
from robonav.rewards.config import RewardContext
from robonav.rewards.on_frames import OnFrames
from robonav.rewards.protocol import State

_CLIP = 5.0  # standard deviations at which features are cut off
_STATISTICS = ("mean", "var", "count")


class LearnsFromFrames(OnFrames):
    """A reward of frames whose state outlives episodes."""

    inner: Any

    def state_dict(self) -> State:
        """State of the reward."""
        state: State = self.inner.state_dict()
        return state

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        self.inner.load_state_dict(state)


def the_predictor(context: RewardContext, reward: str) -> nn.Module:
    """The frozen predictor.

    Raises:
        UsageError: There is none.
    """
    context.privileged_world(reward)
    if context.predictor is None:
        raise UsageError(f"reward {reward} reads features of robonav's predictor: give one as `predictor`")
    return context.predictor


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
    return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])


class Learner:
    """Looks at frames through the predictor, trains networks on what it sees, and can be saved.

    First frames of episodes are only remembered: a run that is resumed sees its first ones twice.

    Args:
        num_envs: Number of environments.
        predictor: Gives features (N, F) of images (N, 3, H, W).
        build: Makes the networks for F features.
        learning_rate: Of Adam.
        seed: Decides the initial weights.

    Attributes:
        goes_on: (N,) bool, the environment's episode has a frame before the next one.
    """

    def __init__(
        self,
        num_envs: int,
        predictor: nn.Module,
        build: Callable[[int], nn.ModuleDict],
        learning_rate: float,
        seed: int,
    ) -> None:
        self._predictor = predictor
        self._last: tuple[NDArray[np.uint8], Tensor] | None = None
        features = int(predictor.config.features)  # type: ignore[union-attr,arg-type]
        self._statistics = RunningMeanStd(shape=(features,))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = build(features)
        learned = [weight for weight in self.networks.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.Adam(learned, lr=learning_rate)
        self.goes_on = np.zeros(num_envs, bool)

    def reset(self, env_ids: Sequence[int] | None) -> None:
        """New episodes begin in these environments (None: in all)."""
        self.goes_on[slice(None) if env_ids is None else list(env_ids)] = False

    def look(self, frames: Frames) -> Tensor:
        """What the predictor says of frames, (N, F); of the same images twice it is asked once."""
        if self._last is None or self._last[0] is not frames.rgb:
            rgb = torch.as_tensor(np.ascontiguousarray(np.moveaxis(frames.rgb, -1, 1)))
            with torch.no_grad():
                self._last = frames.rgb, self._predictor(rgb)
        return self._last[1]

    def standardised(self, features: Tensor) -> Tensor:
        """Features (..., F) in standard deviations from the mean of all so far, cut off at 5."""
        deviation = np.sqrt(self._statistics.var + 1e-8)
        scaled = (features.numpy() - self._statistics.mean) / deviation
        return torch.as_tensor(scaled.clip(-_CLIP, _CLIP), dtype=torch.float32)

    def take_in(self, features: Tensor) -> None:
        """Count features (B, F) in the mean and the deviation."""
        self._statistics.update(features.numpy())

    def descend(self, loss: Tensor) -> None:
        """One gradient step."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Weights, Adam's moments, and the statistics of features."""
        tensors = {**self.networks.state_dict(), **optimizer_tensors(self._optimizer)}
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        return {**arrays, **{name: np.asarray(getattr(self._statistics, name)) for name in _STATISTICS}}

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` gave.

        Raises:
            KeyError: Something is missing.
            RuntimeError: Weights are of another size, or are not those of this reward.
        """
        statistics = {name: state[name] for name in _STATISTICS}
        tensors = {name: torch.tensor(array) for name, array in state.items() if name not in statistics}
        moments = {name: tensor for name, tensor in tensors.items() if name.startswith("optimizer.")}
        self.networks.load_state_dict({name: t for name, t in tensors.items() if name not in moments})
        load_optimizer(self._optimizer, moments)
        self._statistics.mean, self._statistics.var = statistics["mean"], statistics["var"]
        self._statistics.count = float(statistics["count"])
