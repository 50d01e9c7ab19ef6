"""Teaches the eye of the explorer, from rendered views of worlds whose geometry is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from robonav import checkpoint
from robonav.checkpoint import load_eye
from robonav.envs.navigation import World, WorldCache
from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.scene import FreeSpace
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.policies.vision import (
    COLUMNS,
    HEADINGS_DEG,
    NEARNESS_CELLS,
    SIDE,
    VisionConfig,
    VisionEncoder,
    VisionHeads,
)
from robonav.provenance import git_revision, versions
from robonav.vision_worlds import AlteredScenes

REACH_M = 3.0  # free runs are measured up to here
OBSTACLE_M = (0.2, 1.5)  # heights above the floor at which things stand in an agent's way
_STEP_M = 0.05
_HORIZON = 0.02  # downward component of a ray of depth 1 from which on it should meet the floor
_FILES = {"config.json", "model.safetensors", "training.safetensors"}


@dataclass(frozen=True)
class VisionTrainConfig:
    """Everything that decides how the eye is taught."""

    scenes: str = "procedural"
    """Worlds to look at (their `train` split): `procedural`, a mesh file, or a folder."""
    rounds: int = 72
    """Rounds of rendering and learning."""
    scenes_per_round: int = 16
    """Worlds that each round renders views of."""
    views_per_scene: int = 256
    """Views of each of them."""
    kept_rounds: int = 8
    """Views of so many rounds are kept to learn from."""
    passes: int = 3
    """How often a view is learnt from, on average."""
    batch: int = 128
    """Views per gradient step."""
    altered: float = 0.6
    """Share of the worlds that are shown in other paint, wider, without ceiling or with holes."""
    auxiliary: float = 1.0
    """Weight of depth images and free runs, beside the scan that the policy's own map is drawn from."""
    learning_rate: float = 1.5e-3
    """Adam's highest learning rate, of a one-cycle schedule."""
    checkpoint_every: int = 8
    """Rounds between checkpoints."""
    seed: int = 0
    """Decides weights, worlds, views and their order."""
    threads: int = 0
    """CPU threads; 0 = all cores."""
    init: str | None = None
    """An eye to teach further: one that ships with robonav, or a folder of this command; None = a new one."""
    vision: VisionConfig = field(default_factory=VisionConfig)
    """Size of a new eye."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is written."""
        for name in ("rounds", "scenes_per_round", "views_per_scene", "kept_rounds", "passes", "batch"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        if not 0.0 <= self.altered <= 1.0:
            raise UsageError(f"altered is {self.altered}: give a share, 0 to 1")

    @property
    def steps_per_round(self) -> int:
        """Gradient steps of one round."""
        return max(1, self.passes * self.scenes_per_round * self.views_per_scene // self.batch)


@dataclass(frozen=True, eq=False)
class Views:
    """Rendered views and what is known about them.

    Attributes:
        rgb: (N, 3, 64, 64) uint8.
        nearness: (N, 16, 16) float32, 1 / (1 + depth in metres), 0 = no return, averaged over cells.
        scan: (N, 2, 16) float32 nearness by image column: of the nearest obstacle, and at eye level.
        free_runs: (N, 7) float32, how far one could walk towards each of `HEADINGS_DEG`, over `REACH_M`.
    """

    rgb: Tensor
    nearness: Tensor
    scan: Tensor
    free_runs: Tensor

    @classmethod
    def join(cls, parts: list[Views]) -> Views:
        """All views of several."""
        return cls(
            torch.cat([part.rgb for part in parts]),
            torch.cat([part.nearness for part in parts]),
            torch.cat([part.scan for part in parts]),
            torch.cat([part.free_runs for part in parts]),
        )

    def pick(self, chosen: Tensor) -> Views:
        """Some of the views."""
        return Views(self.rgb[chosen], self.nearness[chosen], self.scan[chosen], self.free_runs[chosen])


def free_runs(
    free_space: FreeSpace, xy: NDArray[np.floating], yaw: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Metres (N, 7) that an agent at xy (N, 2), heading yaw (N,), can walk straight; at most `REACH_M`."""
    angles = yaw[:, None] + np.radians(HEADINGS_DEG)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    distances = np.arange(1, round(REACH_M / _STEP_M) + 1) * _STEP_M
    points = xy[:, None, None] + directions[:, :, None] * distances[:, None]
    free = free_space.island_at(points) > 0
    return (np.cumprod(free, axis=-1).sum(axis=-1) * _STEP_M).astype(np.float32)


def nearness(depth: NDArray[np.float32], cells: int = NEARNESS_CELLS) -> NDArray[np.float32]:
    """Nearness 1 / (1 + depth in metres), 0 = no return, means of cells: (N, H, W) to (N, cells, cells)."""
    near = np.where(depth > 0, 1.0 / (1.0 + depth), 0.0).astype(np.float32)
    count, height, width = depth.shape
    return near.reshape(count, cells, height // cells, cells, width // cells).mean(axis=(2, 4))


def scan(depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Nearness (N, 2, 16) by column of depth images (N, H, W) metres, 0 = no return.

    First of the nearest point between `OBSTACLE_M` above the floor, then the mean about the horizon. Where
    nothing is seen below the horizon the floor has an end, which stops an agent as a wall does.
    """
    count, height, width = depth.shape
    downward = camera.directions()[..., 1]
    above_floor = camera.height_m - downward * depth
    is_obstacle = (depth > 0) & (above_floor > OBSTACLE_M[0]) & (above_floor < OBSTACLE_M[1])
    near = np.where(depth > 0, 1.0 / (1.0 + depth), 0.0)
    missing_floor = np.where(downward > _HORIZON, downward / (downward + camera.height_m), 0.0)
    hindrance = np.where(is_obstacle, near, np.where(depth > 0, 0.0, missing_floor))
    by_column = (count, height, COLUMNS, width // COLUMNS)
    obstacle = hindrance.reshape(by_column).max(axis=(1, 3))
    rows = slice(height // 2 - 2, height // 2 + 2)
    sight = near[:, rows].reshape(count, 4, COLUMNS, -1).mean(axis=(1, 3))
    return np.stack([obstacle, sight], axis=1).astype(np.float32)


def render_views(world: World, camera: Camera, count: int, rng: np.random.Generator) -> Views:
    """Views from random places of a world's floor in random directions."""
    xy = world.free_space.sample(rng, count)
    yaw = rng.uniform(-np.pi, np.pi, count)
    floor = np.full((count, 1), world.free_space.floor_z)
    rgb, depth = world.sensor.render(camera.poses(np.concatenate([xy, floor], axis=1), yaw))
    return Views(
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(rgb, -1, 1))),
        torch.from_numpy(nearness(depth)),
        torch.from_numpy(scan(depth, camera)),
        torch.from_numpy(free_runs(world.free_space, xy, yaw) / REACH_M),
    )


def vary(views: Views, generator: torch.Generator) -> tuple[Tensor, Views]:
    """Images (N, 3, 64, 64) as float, in other light, noisy and half of them mirrored, and their views."""
    count = len(views.rgb)
    mirrored = torch.rand(count, generator=generator) < 0.5
    light = torch.exp(0.5 * torch.randn(count, 1, 1, 1, generator=generator)).clamp(0.4, 2.0)
    tint = 0.85 + 0.3 * torch.rand(count, 3, 1, 1, generator=generator)
    rgb = torch.where(mirrored[:, None, None, None], views.rgb.flip(-1), views.rgb)
    near = torch.where(mirrored[:, None, None], views.nearness.flip(-1), views.nearness)
    ranges = torch.where(mirrored[:, None, None], views.scan.flip(-1), views.scan)
    runs = torch.where(mirrored[:, None], views.free_runs.flip(-1), views.free_runs)
    noisy = 6.0 * torch.rand(count, 1, 1, 1, generator=generator)
    noise = noisy * torch.randn(rgb.shape, generator=generator)
    return (rgb.float() * light * tint + noise).clamp(0.0, 255.0), Views(rgb, near, ranges, runs)


def scan_loss(told: Tensor, true: Tensor) -> Tensor:
    """Squared error of nearness, and how unlikely it was by the eye's own doubts: (N, 4, 16), (N, 2, 16)."""
    error, doubt = (told[:, :2] - true).square(), told[:, 2:]
    unlikelihood = error / doubt.square() + 2.0 * doubt.log()  # of a Gaussian, up to constants
    return 8.0 * error.mean() + 0.02 * unlikelihood.mean()


class VisionTraining:
    """A run that teaches an eye; every random number follows from the seed and the round, so it can resume.

    Raises:
        UsageError: The folder already holds a run and `resume` is False, or it holds other files.
    """

    def __init__(self, config: VisionTrainConfig, out: Path, resume: bool = False) -> None:
        if (out / "config.json").exists() and not resume:
            raise UsageError(f"{out}: already holds a run; add --resume, or choose another --out")
        others = sorted({path.name for path in out.glob("*")} - _FILES)
        if others:  # a checkpoint replaces the whole folder
            raise UsageError(f"{out}: holds {others[0]}, which is not part of an eye; choose another --out")
        self.config, self.out = config, out
        if config.threads:
            torch.set_num_threads(config.threads)
        self.camera = Camera(SIDE, SIDE)
        scenes = open_scenes(config.scenes, "train")
        self._scenes = AlteredScenes(scenes, config.altered, np.random.default_rng(config.seed))
        self._worlds = WorldCache(self._scenes, self.camera, config.threads, 1)
        torch.manual_seed(config.seed)
        self.encoder = load_eye(config.init).train() if config.init else VisionEncoder(config.vision)
        self.heads = VisionHeads(self.encoder.config.features)
        parameters = [*self.encoder.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=config.learning_rate)
        self.round = 0
        if (out / "training.safetensors").exists():
            self._restore()

    def learn(self) -> Iterator[dict[str, float]]:
        """Render and learn, round by round; yields what each round showed, and saves every few rounds."""
        kept = [self._render(r) for r in range(max(0, self.round - self.config.kept_rounds + 1), self.round)]
        while self.round < self.config.rounds:
            fresh = self._render(self.round)
            shown = self.errors(fresh) if self.round else {}
            kept = [*kept, fresh][-self.config.kept_rounds :]
            loss = self._learn_from(Views.join(kept))
            self.round += 1
            if self.round % self.config.checkpoint_every == 0 or self.round == self.config.rounds:
                self.save(shown)
            yield {"round": self.round, "loss": loss, **shown}

    def errors(self, views: Views) -> dict[str, float]:
        """Errors on views that were not learnt from: squared nearness (image, scan), metres of free run."""
        with torch.no_grad():
            features = self.encoder(views.rgb)
            near, runs = self.heads(features)
            ranges = self.encoder.scan(features)[:, :2]
        return {
            "nearness_mse": float(F.mse_loss(near, views.nearness)),
            "scan_mse": float(F.mse_loss(ranges, views.scan)),
            "free_run_error_m": REACH_M * float((runs - views.free_runs).abs().mean()),
        }

    def save(self, shown: dict[str, float]) -> None:
        """Replace the folder's files by the present state."""
        config = {
            "format": checkpoint.FORMAT,
            "training": {**asdict(self.config), "vision": asdict(self.encoder.config)},
            "rounds": self.round,
            "errors_on_unseen_views": shown,
            "versions": versions(),
            "git_revision": git_revision(),
        }
        tensors = {
            "model.safetensors": dict(self.encoder.state_dict()),
            "training.safetensors": {
                **{f"heads.{name}": value for name, value in self.heads.state_dict().items()},
                **checkpoint.optimizer_tensors(self.optimizer),
                "round": torch.tensor(self.round),
            },
        }
        checkpoint.write_folder(self.out, tensors, {"config.json": json.dumps(config, indent=1)})

    def _restore(self) -> None:
        checkpoint.read_config(self.out)
        tensors = checkpoint.read_tensors(self.out / "training.safetensors")
        try:
            self.encoder.load_state_dict(checkpoint.read_tensors(self.out / "model.safetensors"))
            heads = {k.removeprefix("heads."): v for k, v in tensors.items() if k.startswith("heads.")}
            self.heads.load_state_dict(heads)
            checkpoint.load_optimizer(self.optimizer, tensors)
            self.round = int(tensors["round"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise checkpoint.CheckpointError(
                f"{self.out}: cannot be resumed from ({error}); start again in another --out"
            ) from error

    def _render(self, number: int) -> Views:
        self._scenes.rng = rng = np.random.default_rng([self.config.seed, number])
        ids, size = self._scenes.scene_ids, self.config.scenes_per_round
        order = np.random.default_rng(self.config.seed).permutation(len(ids))
        chosen = [ids[order[(number * size + i) % len(ids)]] for i in range(size)]
        count = self.config.views_per_scene
        return Views.join([render_views(self._worlds.get(s), self.camera, count, rng) for s in chosen])

    def _learn_from(self, views: Views) -> float:
        generator = torch.Generator().manual_seed(1_000_003 * self.config.seed + self.round)
        steps, losses = self.config.steps_per_round, []
        for step in range(steps):
            self._set_learning_rate((self.round + step / steps) / self.config.rounds)
            chosen = torch.randint(len(views.rgb), (self.config.batch,), generator=generator)
            image, wanted = vary(views.pick(chosen), generator)
            features = self.encoder(image)
            near, runs = self.heads(features)
            beside = 4.0 * F.mse_loss(near, wanted.nearness)
            beside = beside + F.smooth_l1_loss(runs, wanted.free_runs, beta=0.1)
            loss = scan_loss(self.encoder.scan(features), wanted.scan) + self.config.auxiliary * beside
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
