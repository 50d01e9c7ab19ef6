"""BYOL-Hindsight: the error of a model that is told, in hindsight, what could not be foretold."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Encoder, blend, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class ByolHindsightConfig(LearnedConfig):
    """Options of BYOL-Hindsight.

    Experimental: the paper's weights were not to be had, and with these noise still earns about as much as
    exploration in a small gallery; `lpm` is for worlds with noise.
    """

    name: ClassVar[str] = "byol-hindsight"
    source: ClassVar[str] = "Jarrett et al. 2023, Curiosity in hindsight, arXiv 2211.10515"

    code: int = 64
    """Width of a code."""
    hindsight: int = 64
    """Width of the latent that holds what could not be foretold."""
    noise: int = 8
    """Random numbers that the generator may use."""
    invariance: float = 1.0
    """Weight of the latent's independence, lambda."""
    critic_steps: int = 1
    """Gradient steps of the critic for each of the generator."""
    ema: float = 0.99
    """Share of itself that the target keeps at each gradient step."""
    epochs: int = 4
    """Passes over the gathered steps."""

    def build(self, context: RewardContext) -> ByolHindsight:
        """The reward for an environment."""
        return ByolHindsight(self, context)


def mutual_information(scores: Tensor) -> Tensor:
    """Mean over i of log(exp s_ii / mean_j exp s_ij) of a critic's scores (B, B), at most log B."""
    return (scores.diagonal() - scores.logsumexp(1) + math.log(len(scores))).mean()


class Latents(nn.Module):
    """Keeps the latents of the last gradient step, which those of a single step are compared with."""

    kept: Tensor

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(count, width))

    def keep(self, latents: Tensor) -> None:
        """Keep these (B, Z)."""
        self.kept[: len(latents)] = latents.detach()

    def forward(self) -> Tensor:
        """(B, Z)."""
        return self.kept


class ByolHindsight(LearnedReward):
    """BYOL-Hindsight (Jarrett et al. 2023), with the code of the observation as the belief.

    A generator makes a latent Z of a step and what followed it; from the step and Z the next code is
    reconstructed. A critic, with an optimiser of its own, raises a bound on how much Z tells of the step; the
    generator lowers it, so that Z holds noise alone. The reward is the error and what Z still tells of the
    step, against latents of the last training: for noise both are to vanish, for a rule not yet learned not.
    """

    def build(self) -> dict[str, nn.Module]:
        """Encoder, its moving average, generator, reconstruction, and the critic's two halves."""
        config, width, code = self.config, self.config.width, self.config.code
        step = code + self.read_action.width
        encoder = nn.Sequential(
            Encoder(self.read.shapes, width, code), nn.LayerNorm(code, elementwise_affine=False)
        )
        return {
            "encoder": encoder,
            "target": deepcopy(encoder).requires_grad_(False),
            "generator": mlp(step + code + config.noise, width, config.hindsight),
            "reconstruction": mlp(step + config.hindsight, width, code),
            "critic_step": mlp(step, width, 64),
            "critic_latent": mlp(config.hindsight, width, 64),
            "error": Latents(config.batch, config.hindsight),
        }

    def build_optimizers(self) -> list[torch.optim.Optimizer]:
        """One lowers the generator's loss, and one raises the critic's bound."""
        parts = self.networks
        learner = self.adam(parts["encoder"], parts["generator"], parts["reconstruction"])
        return [learner, self.adam(parts["critic_step"], parts["critic_latent"])]

    def descend(self, steps: StepTensors) -> dict[str, float]:
        """A step of the critic up its bound, then one of the generator."""
        known, truth = self._known(steps), self._truth(steps)
        latent = self._latent(known, truth, self.draw(len(truth), self.config.noise))
        for _ in range(self.config.critic_steps):
            bound = mutual_information(self._scores(known.detach(), latent.detach()))
            if self.config.learns:
                self.step(self.optimizers[1], -bound)
        error = self._error(known, latent, truth).mean()
        told = mutual_information(self._scores(known.detach(), latent))
        if self.config.learns:
            self.step(self.optimizers[0], error + self.config.invariance * told)
            blend(self.networks["target"], self.networks["encoder"], self.config.ema)
        self.networks["error"].keep(latent)  # type: ignore[operator]
        return {"reconstruction": float(error.detach()), "mutual_information": float(bound.detach())}

    def bonus(self, steps: StepTensors) -> Tensor:
        """The error of the reconstruction, and what its latent tells of the step, without noise drawn."""
        known, truth = self._known(steps), self._truth(steps)
        latent = self._latent(known, truth, truth.new_zeros(len(truth), self.config.noise))
        kept = self.networks["error"]()
        own = self._scores(known, latent).diagonal()
        others = self._scores(known, kept).logsumexp(1) - math.log(len(kept))
        return self._error(known, latent, truth) + self.config.invariance * (own - others)

    def _known(self, steps: StepTensors) -> Tensor:
        return torch.cat([self.networks["encoder"](self.scale(steps.before)), steps.action], dim=-1)

    def _truth(self, steps: StepTensors) -> Tensor:
        with torch.no_grad():
            return F.normalize(self.networks["target"](self.scale(steps.after)), dim=-1)

    def _latent(self, known: Tensor, truth: Tensor, noise: Tensor) -> Tensor:
        latent: Tensor = self.networks["generator"](torch.cat([known, truth, noise], dim=-1))
        return latent

    def _error(self, known: Tensor, latent: Tensor, truth: Tensor) -> Tensor:
        made = F.normalize(self.networks["reconstruction"](torch.cat([known, latent], dim=-1)), dim=-1)
        return (made - truth).square().sum(-1)

    def _scores(self, known: Tensor, latent: Tensor) -> Tensor:
        scores: Tensor = self.networks["critic_step"](known) @ self.networks["critic_latent"](latent).T
        return scores / 8.0  # of the root of the width, as in attention
