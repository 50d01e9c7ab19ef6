"""What rewards that learn share: they gather steps, learn in minibatches, and resume to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.files import load_optimizer, optimizer_tensors
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.features import (
    AsTheyAre,
    Inputs,
    Observations,
    ThroughPredictor,
    action_inputs,
    width_of,
)
from robonav.rewards.protocol import Snapshot, State, Transition

_NETWORK, _ADAM, _SCALE, _PENDING = "network.", "adam.", "scale.", "pending."


@dataclass(frozen=True)
class LearnedConfig(RewardConfig):
    """Options of all rewards that learn."""

    keys: tuple[str, ...] | None = None
    """Which parts of the observation are read; none named = all."""
    hidden: int = 64
    """Units of hidden layers."""
    outputs: int = 64
    """Length of what networks give."""
    learning_rate: float = 3e-4
    """Of Adam."""
    horizon: int = 32
    """Steps of all environments that are gathered before networks learn from them."""
    epochs: int = 1
    """Passes over them."""
    batch_size: int = 256
    """Steps of one gradient step."""
    share: float = 1.0
    """Share of the steps that are learned from (Burda et al. 2019 take 1/4 with 128 environments)."""
    features: Literal["observation", "predictor"] = "observation"
    """What images `rgb` are read as: pixels, or features of robonav's frozen predictor."""
    learns: bool = True
    """False = networks stay as they were drawn: the control that tells whether learning is what pays."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Steps (B,) that a reward learns from; see `Transition`."""

    before: Inputs
    action: Tensor
    after: Inputs
    over: Tensor


class LearnedReward:
    """An intrinsic reward whose networks learn from all steps; a subclass says what is paid and learned.

    It pays nothing before it has learned for the first time: errors of networks that were only drawn say
    nothing. Random numbers are its own, so that nothing else changes when it is left out.

    Args:
        config: Its options.
        context: The environments.
    """

    def __init__(self, config: LearnedConfig, context: RewardContext) -> None:
        self.config, self.context = config, context
        read = context.select(config.keys, config.name)
        self._eyes = self._frozen(read)
        self.space: spaces.Dict = self._eyes.space(read)
        self.observations = Observations(self.space, config.name, context.device)
        self.action_width = width_of(context.action_space)
        self.rng = torch.Generator().manual_seed(context.seed)
        self.updates = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.networks = self.build().to(context.device)
        self.optimizer = torch.optim.Adam(self.learned_weights(), lr=config.learning_rate)
        self._pending: list[dict[str, NDArray[Any]]] = []

    def build(self) -> nn.ModuleDict:
        """The networks, drawn at random."""
        raise NotImplementedError

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,) of steps; no gradients are kept."""
        raise NotImplementedError

    def learn(self, batch: Batch) -> dict[str, float]:
        """One gradient step on a minibatch, and numbers to log."""
        raise NotImplementedError

    def learned_weights(self) -> list[nn.Parameter]:
        """What `optimizer` changes."""
        return [weight for weight in self.networks.parameters() if weight.requires_grad]

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Nothing to forget: what was learned stays."""

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of a step; 0 before the first update."""
        if self.config.learns and not self.updates:
            return np.zeros(len(terminated), np.float32)
        with torch.no_grad():
            step = self._batch(self._arrays(Transition(before, action, after, terminated, truncated)))
            paid: NDArray[np.float32] = self.bonus(step).float().cpu().numpy()
        return paid

    def update(self, step: Transition) -> dict[str, float]:
        """Gather the step; learn when there are enough of them."""
        self._pending.append(self._arrays(step))
        if len(self._pending) < self.config.horizon:
            return {}
        gathered = {key: np.concatenate([part[key] for part in self._pending]) for key in self._pending[0]}
        self._pending = []
        self.observations.take_in(_named(gathered, "after."))
        metrics: dict[str, float] = {}
        for rows in self._minibatches(len(gathered["over"])):
            metrics = self.learn(self._batch({key: values[rows] for key, values in gathered.items()}))
        self.updates += 1
        return metrics

    def read(self, seen: Snapshot) -> Inputs:
        """What networks are given of observations (N, ...)."""
        return self.observations.read(self._eyes.view(seen.observation))

    def descend(self, loss: Tensor) -> None:
        """One step of Adam."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def state_dict(self) -> State:
        """Networks, Adam's moments, scales of inputs, random numbers, and steps not yet learned from."""
        tensors = {f"{_NETWORK}{name}": value for name, value in self.networks.state_dict().items()}
        tensors |= {f"{_ADAM}{name}": value for name, value in optimizer_tensors(self.optimizer).items()}
        state = {name: value.detach().cpu().numpy().copy() for name, value in tensors.items()}
        state |= {f"{_SCALE}{name}": value for name, value in self.observations.state_dict().items()}
        state |= {"rng": self.rng.get_state().numpy(), "updates": np.asarray(self.updates)}
        if self._pending:
            stacked = {key: np.stack([part[key] for part in self._pending]) for key in self._pending[0]}
            state |= {f"{_PENDING}{key}": values for key, values in stacked.items()}
        return state

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave.

        Raises:
            KeyError, RuntimeError: It is the state of another reward, or of other observations.
        """
        self.networks.load_state_dict({k: torch.tensor(v) for k, v in _named(state, _NETWORK).items()})
        load_optimizer(self.optimizer, {k: torch.tensor(v) for k, v in _named(state, _ADAM).items()})
        self.observations.load_state_dict(_named(state, _SCALE))
        self.rng.set_state(torch.tensor(state["rng"]))
        self.updates = int(state["updates"])
        stacked = _named(state, _PENDING)
        steps = len(stacked["over"]) if stacked else 0
        self._pending = [{key: values[t] for key, values in stacked.items()} for t in range(steps)]

    def _minibatches(self, count: int) -> list[NDArray[np.int64]]:
        """Rows of each minibatch of all epochs, in random order."""
        if not self.config.learns:
            return []
        rows = []
        for _ in range(self.config.epochs):
            order = torch.randperm(count, generator=self.rng).numpy()
            chosen = order[: max(1, round(self.config.share * count))]
            rows += np.array_split(chosen, max(1, round(len(chosen) / self.config.batch_size)))
        return rows

    def _frozen(self, read: spaces.Dict) -> AsTheyAre | ThroughPredictor:
        if self.config.features == "observation":
            return AsTheyAre()
        if self.context.predictor is None or "rgb" not in read.spaces:
            raise UsageError(
                f"reward {self.config.name} is to read images `rgb` through the predictor, and here are "
                f"{', '.join(read.spaces)}, predictor {self.context.predictor}: take features observation"
            )
        return ThroughPredictor(self.context.predictor)

    def _arrays(self, step: Transition) -> dict[str, NDArray[Any]]:
        before, after = (self._eyes.view(seen.observation) for seen in (step.before, step.after))
        return {
            **{f"before.{key}": np.asarray(before[key]) for key in self.space.spaces},
            **{f"after.{key}": np.asarray(after[key]) for key in self.space.spaces},
            "action": np.asarray(step.action),
            "over": np.asarray(step.over),
        }

    def _batch(self, arrays: Mapping[str, NDArray[Any]]) -> Batch:
        return Batch(
            self.observations.read(_named(arrays, "before.")),
            action_inputs(self.context.action_space, arrays["action"]).to(self.context.device),
            self.observations.read(_named(arrays, "after.")),
            torch.as_tensor(arrays["over"]).to(self.context.device),
        )


def _named(values: Mapping[str, NDArray[Any]], start: str) -> dict[str, NDArray[Any]]:
    """The values whose names begin so, by the rest of their names."""
    return {key[len(start) :]: value for key, value in values.items() if key.startswith(start)}
