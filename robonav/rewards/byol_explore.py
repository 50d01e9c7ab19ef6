"""BYOL-Explore: the error of a recurrent model that foretells its own codes of what is seen many steps on."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Encoder, blend, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors

Memory = dict[str, Tensor]


@dataclass(frozen=True)
class ByolExploreConfig(LearnedConfig):
    """Options of BYOL-Explore."""

    name: ClassVar[str] = "byol-explore"
    source: ClassVar[str] = "Guo et al. 2022, BYOL-Explore, arXiv 2206.08332"

    code: int = 64
    """Width of a code."""
    ahead: int = 8
    """Steps that it foretells, K."""
    ema: float = 0.99
    """Share of itself that the target keeps at each gradient step; the same for the scale of errors."""
    prioritise: bool = True
    """Pay only what exceeds the mean error."""
    epochs: int = 4
    """Gradient steps on the sequences that were gathered."""

    def build(self, context: RewardContext) -> ByolExplore:
        """The reward for an environment."""
        return ByolExplore(self, context)


class ErrorScale(nn.Module):
    """Moving mean and deviation of errors."""

    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(self, ema: float) -> None:
        super().__init__()
        self._ema = ema
        for name in ("mean", "square", "weight"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def update(self, errors: Tensor) -> None:
        """Count errors in."""
        self.mean.lerp_(errors.mean(), 1 - self._ema)
        self.square.lerp_(errors.square().mean(), 1 - self._ema)
        self.weight.lerp_(torch.ones_like(self.weight), 1 - self._ema)

    def forward(self, errors: Tensor, prioritise: bool) -> Tensor:
        """Errors in deviations; with `prioritise` what exceeds their mean."""
        mean, square = self.mean / self.weight, self.square / self.weight
        deviation = (square - mean.square()).clamp(min=1e-12).sqrt()
        return ((errors - mean).clamp(min=0) if prioritise else errors) / deviation


class ByolExplore(LearnedReward):
    """BYOL-Explore (Guo et al. 2022): errors of all forecasts that end on a step, summed.

    A GRU makes a belief of what was seen and done; another rolls it on by actions alone, up to K steps. The
    error of the forecast for what was seen i steps later belongs to the step that led there. Noise pays for
    ever here: lpm is for worlds with noise.
    """

    def build(self) -> dict[str, nn.Module]:
        """Encoder, its moving average, two recurrent cells, predictor, scale of errors."""
        config, actions = self.config, self.read_action.width
        encoder = nn.Sequential(
            Encoder(self.read.shapes, config.width, config.code),
            nn.LayerNorm(config.code, elementwise_affine=False),
        )
        return {
            "encoder": encoder,
            "target": deepcopy(encoder).requires_grad_(False),
            "belief": nn.GRUCell(config.code + actions, config.width),
            "forecast": nn.GRUCell(actions, config.width),
            "predictor": mlp(config.width, config.width, config.code),
            "error": ErrorScale(config.ema),
        }

    def bonus(self, steps: StepTensors) -> Tensor:
        """Errors of all forecasts of what the action led to."""
        errors = self.advance(self.memory, steps)[1].sum(-1)
        scaled: Tensor = self.networks["error"](errors, self.config.prioritise)
        return scaled

    def took_in(self, steps: StepTensors) -> None:
        """Remember beliefs and forecasts."""
        self.memory |= self.advance(self.memory, steps)[0]

    def blank(self, num_envs: int) -> Memory:
        """No belief yet; under `start/` what was remembered when the steps that wait began."""
        shapes: dict[str, tuple[int, ...]] = {
            "belief": (self.config.width,),
            "action": (self.read_action.width,),
            "forecasts": (self.config.ahead, self.config.width),
        }
        now = {name: torch.zeros(num_envs, *shape, device=self.device) for name, shape in shapes.items()}
        now["age"] = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        return now | {f"start/{name}": value for name, value in now.items()}

    def advance(self, memory: Memory, steps: StepTensors) -> tuple[Memory, Tensor]:
        """Return the memory after steps (N, ...), and the errors (N, K) of forecasts made 1..K steps ago."""
        goes_on = (~steps.first).float()[:, None]
        age = torch.where(steps.first, 0, memory["age"] + 1)
        known = torch.cat(
            [self.networks["encoder"](self.scale(steps.before)), memory["action"] * goes_on], -1
        )
        belief = self.networks["belief"](known, memory["belief"] * goes_on)
        rolled = torch.cat([belief[:, None], memory["forecasts"][:, :-1]], dim=1)
        count = rolled.shape[1]
        actions = steps.action[:, None].expand(-1, count, -1).flatten(0, 1)
        forecasts = self.networks["forecast"](actions, rolled.flatten(0, 1)).unflatten(0, (-1, count))
        with torch.no_grad():
            truth = F.normalize(self.networks["target"](self.scale(steps.after)), dim=-1)
        apart = F.normalize(self.networks["predictor"](forecasts), dim=-1) - truth[:, None]
        valid = torch.arange(count, device=age.device) <= age[:, None]
        after = {"belief": belief, "forecasts": forecasts, "action": steps.action, "age": age}
        return after, apart.square().sum(-1) * valid

    def train(self, gathered: StepTensors) -> dict[str, float]:
        """Gradient steps on whole sequences."""
        logs = []
        for _ in range(self.config.epochs):
            memory: Memory = {
                name: self.memory[f"start/{name}"] for name in ("belief", "action", "forecasts", "age")
            }
            losses = []
            for moment in range(len(gathered.action)):
                memory, apart = self.advance(memory, gathered.rows(moment))
                losses.append(apart.sum(-1))
            errors = torch.stack(losses)
            if self.config.learns:
                self.step(self.optimizers[0], errors.mean())
                blend(self.networks["target"], self.networks["encoder"], self.config.ema)
            logs.append(float(errors.detach().mean()))
            scale: ErrorScale = self.networks["error"]  # type: ignore[assignment]
            scale.update(errors)
        self.memory |= {name: self.memory[name.partition("/")[2]] for name in self.memory if "/" in name}
        return {"loss": sum(logs) / len(logs)}
