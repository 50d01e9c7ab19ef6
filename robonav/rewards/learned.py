"""Base of rewards that learn: they gather steps, train networks on them, and can be saved bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.files import load_optimizer, optimizer_tensors
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.features import ActionReader, Batch, ObservationReader, Standardiser, rows, stacked
from robonav.rewards.protocol import Snapshot, State, Transition


class StepTensors(NamedTuple):
    """Steps as tensors, (N, ...) of one moment or (T, N, ...) of T.

    Attributes:
        before: Observations where agents acted.
        action: (..., A).
        after: Observations that followed.
        first: (...) bool, an episode began there.
    """

    before: Batch
    action: Tensor
    after: Batch
    first: Tensor

    def rows(self, which: Any) -> StepTensors:
        """Some of them."""
        return StepTensors(
            rows(self.before, which), self.action[which], rows(self.after, which), self.first[which]
        )

    def flat(self) -> StepTensors:
        """(T, N, ...) as (T N, ...)."""
        before, after = (
            {key: values.flatten(0, 1) for key, values in part.items()} for part in (self.before, self.after)
        )
        return StepTensors(before, self.action.flatten(0, 1), after, self.first.flatten(0, 1))


def as_sequence(steps: list[StepTensors]) -> StepTensors:
    """T moments (N, ...) as one of (T, N, ...)."""
    return StepTensors(
        stacked(step.before for step in steps),
        torch.stack([step.action for step in steps]),
        stacked(step.after for step in steps),
        torch.stack([step.first for step in steps]),
    )


@dataclass(frozen=True)
class LearnedConfig(RewardConfig):
    """Options of every reward that learns.

    Raises:
        UsageError: A number is out of its range.
    """

    source: ClassVar[str] = ""

    keys: tuple[str, ...] | None = None
    """Entries of the observation that it reads; None = all."""
    features: Literal["observation", "predictor"] = "observation"
    """Input: observations, or the frozen predictor's features of camera images."""
    learns: bool = True
    """False = the ablation control: the same networks, never trained."""
    horizon: int = 32
    """Steps of all agents that are gathered before it trains; 1 = after each step."""
    epochs: int = 1
    """Passes over the gathered steps."""
    batch: int = 64
    """Samples of a gradient step."""
    share: float = 1.0
    """Share of the samples that train, drawn anew each time (RND: 0.25 with 128 environments)."""
    learning_rate: float = 1e-3
    """Of Adam."""
    width: int = 256
    """Hidden units."""
    window: int | None = None
    """Samples after which older ones fade from mean and deviation of the inputs; None = never."""

    def __post_init__(self) -> None:
        """Check ranges."""
        whole = {"horizon": self.horizon, "epochs": self.epochs, "batch": self.batch, "width": self.width}
        for name, value in whole.items():
            if value < 1:
                raise UsageError(f"reward {self.name} has {name} {value}: it has to be 1 or more")
        if not 0.0 < self.share <= 1.0:
            raise UsageError(f"reward {self.name} has share {self.share}: it has to be above 0 and up to 1")


class LearnedReward:
    """An intrinsic reward that learns from the steps it is shown; subclass it.

    A subclass gives `build`, `loss` and `bonus`. The reward is 0 until the first training, as inputs have no
    scale before it. Nothing here draws from torch's global generator.

    Args:
        config: Its options.
        context: The environment.

    Attributes:
        networks: All modules, the scale of inputs among them.
        read: Makes tensors of observations.
        read_action: Makes vectors of actions.
        generator: Draws all that is random, on the CPU.
        trainings: How often it has trained.
        memory: Tensors (N, ...) that it keeps of each agent between steps, by name.
    """

    clip: ClassVar[float] = 5.0  # standard deviations at which inputs are cut off

    def __init__(self, config: LearnedConfig, context: RewardContext) -> None:
        self.config: Any = config
        self.device = torch.device(context.device)
        self.read = ObservationReader(context, config.keys, config.features, config.name)
        self.read_action = ActionReader(context, config.name)
        self.generator = torch.Generator().manual_seed(context.seed)
        self.scale = Standardiser(self.read, config.window, self.clip)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.networks = nn.ModuleDict({"scale": self.scale, **self.build()}).to(self.device)
        self.optimizers = self.build_optimizers()
        self.trainings = 0
        self.memory = self.blank(context.num_envs)
        self._pending: list[StepTensors] = []
        self._first = np.ones(context.num_envs, bool)

    def build(self) -> dict[str, nn.Module]:
        """The networks by name."""
        raise NotImplementedError

    def loss(self, steps: StepTensors) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of a gradient step on steps (B, ...), and numbers to log."""
        raise NotImplementedError

    def bonus(self, steps: StepTensors) -> Tensor:
        """Reward (N,) of steps (N, ...); without gradients, and without any change."""
        raise NotImplementedError

    def build_optimizers(self) -> list[torch.optim.Optimizer]:
        """One that trains all networks with gradients."""
        return [self.adam(self.networks)]

    def adam(self, *modules: nn.Module) -> torch.optim.Optimizer:
        """Adam on the weights of modules that have gradients."""
        learned = [w for module in modules for w in module.parameters() if w.requires_grad]
        return torch.optim.Adam(learned, lr=self.config.learning_rate)

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Know where episodes begin; what was learned stays."""
        self._first = self._first | mask

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of a step that `update` has not seen; 0 before the first training."""
        if not self.trainings:
            return np.zeros(len(after), np.float32)
        with torch.no_grad():
            paid = self.bonus(self._steps(before, action, after))
        return paid.float().cpu().numpy()

    def update(self, step: Transition) -> dict[str, float]:
        """Gather the step, and train when there are `horizon` of them."""
        steps = self._steps(step.before, step.action, step.after)
        self._first = np.zeros_like(self._first)
        with torch.no_grad():
            self.took_in(steps)
        self._pending.append(steps)
        if len(self._pending) < self.horizon():
            return {}
        gathered, self._pending = as_sequence(self._pending), []
        self.rescale(gathered.flat())
        metrics = self.train(gathered)
        self.trainings += 1
        return metrics

    def blank(self, num_envs: int) -> dict[str, Tensor]:
        """Memory of each agent at the start, (N, ...) by name."""
        return {}

    def horizon(self) -> int:
        """Steps to gather before the next training."""
        return int(self.config.horizon)

    def rescale(self, steps: StepTensors) -> None:
        """Count steps (B, ...) in the scale of inputs."""
        self.scale.update(steps.after)

    def took_in(self, steps: StepTensors) -> None:
        """Keep what the next step needs of this one."""

    def train(self, gathered: StepTensors) -> dict[str, float]:
        """Train on steps (T, N, ...); returns the means of what there is to log."""
        flat = gathered.flat()
        logs = []
        for _ in range(self.config.epochs):
            for chosen in self.minibatches(len(flat.action)):
                logs.append(self.descend(flat.rows(chosen)))
        return {name: float(np.mean([log[name] for log in logs])) for name in logs[0]}

    def minibatches(self, samples: int) -> tuple[Tensor, ...]:
        """Row numbers of each gradient step: all rows in random order, or a random share of them."""
        kept = max(1, round(self.config.share * samples))
        order = torch.randperm(samples, generator=self.generator)[:kept]
        return order.to(self.device).split(self.config.batch)

    def descend(self, steps: StepTensors) -> dict[str, float]:
        """One gradient step, unless this is the control that never learns."""
        loss, logs = self.loss(steps)
        if self.config.learns:
            self.step(self.optimizers[0], loss)
        return {"loss": float(loss.detach()), **{name: float(value.detach()) for name, value in logs.items()}}

    @staticmethod
    def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        """One step of an optimiser down a loss."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def draw(self, *shape: int) -> Tensor:
        """Normal numbers."""
        return torch.randn(*shape, generator=self.generator).to(self.device)

    def state_dict(self) -> State:
        """Weights, moments, scales, the generator's state, steps that wait to be trained on."""
        tensors: dict[str, Tensor] = {f"networks/{k}": v for k, v in self.networks.state_dict().items()}
        for index, optimizer in enumerate(self.optimizers):
            tensors |= {f"{index}/{name}": value for name, value in optimizer_tensors(optimizer).items()}
        if self._pending:
            tensors |= {f"pending/{name}": v for name, v in _flat(as_sequence(self._pending)).items()}
        tensors |= {f"memory/{name}": value for name, value in self.memory.items()}
        tensors["generator"] = self.generator.get_state()
        arrays = {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
        return {**arrays, "trainings": np.asarray(self.trainings)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave; what belongs to single agents only if there are as many.

        Raises:
            KeyError, RuntimeError: It is the state of something else.
        """
        self.networks.load_state_dict(_below(state, "networks"))
        for index, optimizer in enumerate(self.optimizers):
            load_optimizer(optimizer, _below(state, str(index)))
        self.generator.set_state(torch.from_numpy(np.array(state["generator"])))
        self.trainings = int(state["trainings"])
        pending, memory = _unstacked(_below(state, "pending"), self.device), _below(state, "memory")
        self._pending = pending if pending and len(pending[0].action) == len(self._first) else []
        self.memory |= {
            name: value.to(self.device)
            for name, value in memory.items()
            if value.shape == self.memory[name].shape
        }

    def _steps(self, before: Snapshot, action: NDArray[Any], after: Snapshot) -> StepTensors:
        first = torch.as_tensor(self._first, device=self.device)
        return StepTensors(self.read(before), self.read_action(action), self.read(after), first)


def _below(state: State, name: str) -> dict[str, Tensor]:
    """Tensors whose names begin with `name/`, without that."""
    return {
        key.partition("/")[2]: torch.from_numpy(np.array(value))
        for key, value in state.items()
        if key.startswith(f"{name}/")
    }


def _flat(steps: StepTensors) -> dict[str, Tensor]:
    before = {f"before/{key}": value for key, value in steps.before.items()}
    after = {f"after/{key}": value for key, value in steps.after.items()}
    return {**before, **after, "action": steps.action, "first": steps.first}


def _unstacked(tensors: dict[str, Tensor], device: torch.device) -> list[StepTensors]:
    if not tensors:
        return []
    sides: dict[str, Batch] = {"before": {}, "after": {}}
    for name, tensor in tensors.items():
        side, _, key = name.partition("/")
        if key:
            sides[side][key] = tensor.to(device)
    action, first = tensors["action"].to(device), tensors["first"].to(device)
    whole = StepTensors(sides["before"], action, sides["after"], first)
    return [whole.rows(moment) for moment in range(len(action))]
