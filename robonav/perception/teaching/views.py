"""Views for teaching the predictor: the agent's frame, an earlier frame, and the targets."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.steps import FORWARD_M, TURN_RAD
from robonav.envs.scenes.scene import FreeSpace
from robonav.envs.sensors.camera import Camera
from robonav.perception.plane_sweep import SWEEP_SIDE, PlaneSweep, brightness
from robonav.perception.teaching.targets import scan

_MOVED = 0.85  # share of the views for which there is an earlier one
_STRAIGHT = 0.5  # share of these from which the agent has not turned since
_USUAL_TURNS = 2.0  # standard deviation of the number of turns of the others
_TRIES = 8  # headings that are tried for a move before a view goes without an earlier one
_TURN_ERROR_RAD, _LENGTH_ERROR = 0.007, 0.03  # standard deviations: robots do not move as they count
MOST_NOISE = 6.0  # of 255


@dataclass(frozen=True, eq=False)
class Views:
    """Rendered views and their targets.

    Attributes:
        rgb: (N, 3, 64, 64) uint8.
        before: (N, 3, 32, 32) uint8, what was seen before the latest move ahead.
        since: (N, 4) float32 whether it was seen, the turn and the way since then; see `EarlierFrames`.
        rays: (N, 32, 40, 3) bool, what `OccupancyPredictor.scan` should say of each step along each ray.
    """

    rgb: Tensor
    before: Tensor
    since: Tensor
    rays: Tensor

    @classmethod
    def join(cls, parts: list[Views]) -> Views:
        """All views of several."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def pick(self, chosen: Tensor) -> Views:
        """Some of the views."""
        return Views(self.rgb[chosen], self.before[chosen], self.since[chosen], self.rays[chosen])

    def split(self, size: int) -> list[Views]:
        """The views in parts of at most `size`."""
        return [self.pick(part) for part in torch.arange(len(self.rgb)).split(size)]

    def sweep(self, planes: PlaneSweep) -> Tensor:
        """Plane-sweep differences (N, 8, 32, 32) between the views and the earlier ones."""
        return planes.compare(brightness(self.rgb), brightness(self.before), self.since)


def render_views(world: LoadedScene, camera: Camera, count: int, rng: np.random.Generator) -> Views:
    """Views from random places of a world's floor in random directions, most after a move and turns."""
    xy = world.free_space.sample(rng, count)
    yaw = rng.uniform(-np.pi, np.pi, count)
    there, since = xy.copy(), np.zeros((count, 4), np.float32)
    for i in np.flatnonzero(rng.random(count) < _MOVED):
        way = _free_way(world.free_space, xy[i], yaw[i], rng)
        if way is not None:
            yaw[i], there[i] = way
            turns = 0 if rng.random() < _STRAIGHT else round(rng.normal(0.0, _USUAL_TURNS))
            since[i] = 1.0, turns * TURN_RAD, FORWARD_M, 0.0
    rgb, depth = seen_from(world, camera, there, yaw + since[:, 1])
    before, moved = rgb.copy(), np.flatnonzero(since[:, 0])
    if len(moved):
        before[moved] = seen_from(world, camera, xy[moved], yaw[moved])[0]
    halved = F.adaptive_avg_pool2d(torch.from_numpy(before).float(), SWEEP_SIDE).round().to(torch.uint8)
    return Views(
        torch.from_numpy(rgb), halved, torch.from_numpy(since), torch.from_numpy(scan(depth, camera))
    )


def _free_way(
    free_space: FreeSpace, xy: NDArray[np.floating], yaw: float, rng: np.random.Generator
) -> tuple[float, NDArray[np.floating]] | None:
    """A heading, by choice `yaw`, in which a move from `xy` (2,) is free, and where it ends."""
    for heading in (yaw, *rng.uniform(-np.pi, np.pi, _TRIES - 1)):
        there = xy + FORWARD_M * np.array([np.cos(heading), np.sin(heading)])
        if free_space.segment_is_free(xy, there):
            return heading, there
    return None


def seen_from(
    world: LoadedScene, camera: Camera, xy: NDArray[np.floating], yaw: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images (N, 3, H, W) and depth (N, H, W) from places (N, 2)."""
    floor = np.full((len(xy), 1), world.free_space.floor_z)
    rgb, depth = world.sensor.render(camera.poses(np.concatenate([xy, floor], axis=1), yaw))
    return np.ascontiguousarray(np.moveaxis(rgb, -1, 1)), depth


def vary(views: Views, generator: torch.Generator) -> Views:
    """The views as float in other light, noisy and half of them mirrored, after moves that are not exact."""
    count = len(views.rgb)
    mirrored = torch.rand(count, generator=generator) < 0.5
    light = torch.exp(0.5 * torch.randn(count, 1, 1, 1, generator=generator)).clamp(0.4, 2.0)
    tint = 0.85 + 0.3 * torch.rand(count, 3, 1, 1, generator=generator)
    noisy = MOST_NOISE * torch.rand(count, 1, 1, 1, generator=generator)

    def shown(rgb: Tensor, noisy: Tensor) -> Tensor:
        noise = noisy * torch.randn(rgb.shape, generator=generator)
        return (_flipped(rgb, mirrored, -1).float() * light * tint + noise).clamp(0.0, 255.0)

    turned = _TURN_ERROR_RAD * torch.randn(count, generator=generator)
    longer = _LENGTH_ERROR * torch.randn(count, 1, generator=generator)
    seen, turn, way = views.since.split([1, 1, 2], dim=1)
    since = torch.cat([seen, turn + turned[:, None], way * (1.0 + longer)], dim=1)
    to_the_left = torch.where(mirrored[:, None], since.new_tensor([1.0, -1.0, 1.0, -1.0]), 1.0)
    before = shown(views.before, noisy / 2.0)  # four pixels are averaged there
    return Views(shown(views.rgb, noisy), before, since * to_the_left, _flipped(views.rays, mirrored, 1))


def _flipped(values: Tensor, which: Tensor, dim: int) -> Tensor:
    return torch.where(which.view(-1, *[1] * (values.dim() - 1)), values.flip(dim), values)
