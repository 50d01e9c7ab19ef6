"""Base of the runs that teach a frozen network from rendered views of scenes with known geometry."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from robonav.envs.navigation.loaded_scenes import LoadedScene, LoadedScenes
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.files import (
    FORMAT,
    CheckpointError,
    load_optimizer,
    optimizer_tensors,
    read_config,
    read_tensors,
    write_folder,
)
from robonav.perception.predictor import SIDE
from robonav.perception.teaching.worlds import AlteredScenes
from robonav.provenance import git_revision, versions

_FILES = {"config.json", "model.safetensors", "training.safetensors"}
_COUNTS = ("rounds", "scenes_per_round", "views_per_scene", "kept_rounds", "passes", "batch")


@dataclass(frozen=True)
class TeachingConfig:
    """Settings of all teaching runs."""

    scenes: str = "procedural"
    """Worlds to look at (their `train` split): `procedural`, a mesh file, or a folder."""
    rounds: int = 105
    """Rounds of rendering and learning."""
    scenes_per_round: int = 16
    """Worlds that each round renders views of."""
    views_per_scene: int = 256
    """Views of each of them."""
    kept_rounds: int = 8
    """Views of so many rounds are kept to learn from."""
    passes: int = 3
    """Mean number of times that a view is learnt from."""
    batch: int = 128
    """Views per gradient step."""
    altered: float = 0.75
    """Share of the worlds that are shown in other paint, wider, cluttered, without ceiling or with holes."""
    learning_rate: float = 1.2e-3
    """Adam's highest learning rate, of a one-cycle schedule."""
    checkpoint_every: int = 8
    """Rounds between checkpoints."""
    seed: int = 0
    """Decides weights, worlds, views and their order."""
    threads: int = 0
    """CPU threads; 0 = all cores."""
    init: str | None = None
    """Network to teach further: one that ships with robonav, or a folder of this command; None = new."""

    def __post_init__(self) -> None:
        """Check the settings, before anything is written."""
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        if not 0.0 <= self.altered <= 1.0:
            raise UsageError(f"altered is {self.altered}: give a share, 0 to 1")

    @property
    def steps_per_round(self) -> int:
        """Gradient steps of one round."""
        return max(1, self.passes * self.scenes_per_round * self.views_per_scene // self.batch)


Config = TypeVar("Config", bound=TeachingConfig)
Network = TypeVar("Network", bound=nn.Module)
Views = TypeVar("Views")


class Teaching(ABC, Generic[Config, Network, Views]):
    """A run that teaches a network; every random number follows from seed and round, so it can resume.

    Raises:
        UsageError: The folder already holds a run and `resume` is False, or it holds other files.
    """

    what: str  # is taught

    def __init__(self, config: Config, out: Path, resume: bool = False) -> None:
        if (out / "config.json").exists() and not resume:
            raise UsageError(f"{out}: already holds a run; add --resume, or choose another --out")
        others = sorted({path.name for path in out.glob("*")} - _FILES)
        if others:  # a checkpoint replaces the whole folder
            raise UsageError(
                f"{out}: holds {others[0]}, which is not part of {self.what}; choose another --out"
            )
        self.config, self.out = config, out
        if config.threads:
            torch.set_num_threads(config.threads)
        self.camera = Camera(SIDE, SIDE)
        scenes = open_scenes(config.scenes, "train")
        self._scenes = AlteredScenes(scenes, config.altered, np.random.default_rng(config.seed))
        self._worlds = LoadedScenes(self._scenes, self.camera, config.threads, 1)
        torch.manual_seed(config.seed)
        self.network = self._start()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)
        self.round = 0
        if (out / "training.safetensors").exists():
            self._restore()

    @abstractmethod
    def _start(self) -> Network:
        """The initial network."""

    @abstractmethod
    def _sizes(self) -> dict[str, Any]:
        """The network's sizes in a checkpoint."""

    @abstractmethod
    def _look(self, world: LoadedScene, rng: np.random.Generator) -> Views:
        """Views of a world."""

    @abstractmethod
    def _join(self, views: list[Views]) -> Views:
        """All views of several."""

    @abstractmethod
    def _loss(self, views: Views, generator: torch.Generator) -> Tensor:
        """The loss of a batch that is drawn from some views."""

    @abstractmethod
    def errors(self, views: Views) -> dict[str, float]:
        """Errors on held-out views."""

    def learn(self) -> Iterator[dict[str, float]]:
        """Render and learn, round by round; yields the errors of each round, and saves every few rounds."""
        kept = [self._render(r) for r in range(max(0, self.round - self.config.kept_rounds + 1), self.round)]
        while self.round < self.config.rounds:
            fresh = self._render(self.round)
            shown = self.errors(fresh) if self.round else {}
            kept = [*kept, fresh][-self.config.kept_rounds :]
            loss = self._learn_from(self._join(kept))
            self.round += 1
            if self.round % self.config.checkpoint_every == 0 or self.round == self.config.rounds:
                self.save(shown)
            yield {"round": self.round, "loss": loss, **shown}

    def save(self, shown: dict[str, float]) -> None:
        """Replace the folder's files by the present state."""
        config = {
            "format": FORMAT,
            "training": {**asdict(self.config), **self._sizes()},
            "rounds": self.round,
            "errors_on_unseen_views": shown,
            "versions": versions(),
            "git_revision": git_revision(),
        }
        tensors = {
            "model.safetensors": dict(self.network.state_dict()),
            "training.safetensors": {
                **optimizer_tensors(self.optimizer),
                "round": torch.tensor(self.round),
            },
        }
        write_folder(self.out, tensors, {"config.json": json.dumps(config, indent=1)})

    def _restore(self) -> None:
        read_config(self.out)
        tensors = read_tensors(self.out / "training.safetensors")
        try:
            self.network.load_state_dict(read_tensors(self.out / "model.safetensors"))
            load_optimizer(self.optimizer, tensors)
            self.round = int(tensors["round"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{self.out}: cannot be resumed from ({error}); start again in another --out"
            ) from error

    def _render(self, number: int) -> Views:
        self._scenes.rng = rng = np.random.default_rng([self.config.seed, number])
        ids, size = self._scenes.scene_ids, self.config.scenes_per_round
        order = np.random.default_rng(self.config.seed).permutation(len(ids))
        chosen = [ids[order[(number * size + i) % len(ids)]] for i in range(size)]
        return self._join([self._look(self._worlds.get(scene), rng) for scene in chosen])

    def _learn_from(self, views: Views) -> float:
        generator = torch.Generator().manual_seed(1_000_003 * self.config.seed + self.round)
        steps, losses = self.config.steps_per_round, []
        for step in range(steps):
            self._set_learning_rate((self.round + step / steps) / self.config.rounds)
            loss = self._loss(views, generator)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def _set_learning_rate(self, progress: float) -> None:
        """One cycle: up over the first tenth, then down along a cosine."""
        rise = min(1.0, progress / 0.1)
        fall = 0.5 * (1 + np.cos(np.pi * max(0.0, progress - 0.1) / 0.9))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * max(0.02, rise * fall)
