"""One picture of a scene: where one can walk and start, seen from above, and four views from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from robonav.envs.navigation.episodes import seeded_start
from robonav.envs.scenes.scene import FreeSpace, Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor

VIEWS = 4
_VIEW = Camera(width=320, height=240)
_PLAN_PIXELS = 2 * _VIEW.height
_BELOW_CEILING_M = 2.0  # from there the plan looks down
_MARGIN_CELLS = 8
_START, _FREE, _ELSEWHERE = (217, 48, 37), np.array([80, 190, 110]), np.array([240, 190, 70])
Start = tuple[float, float, float]


def draw_preview(scene: Scene, seed: int = 0, threads: int = 0) -> Image.Image:
    """The plan on the left, numbered starts on it; what a robot sees from each on the right.

    In the plan, which looks down from 2 m above the floor, x points right and y up; lighter is higher. Green
    is the island where agents start, yellow are islands that they cannot reach.

    Args:
        scene: Loaded, with free space.
        seed: Decides the starts.
        threads: Threads for ray casting; 0 = all cores.
    """
    free_space = scene.free_space
    assert free_space is not None  # scene sets load scenes with it
    sensor = RaycastSensor(scene, _VIEW, threads)
    starts = [seeded_start(free_space, seed + k) for k in range(VIEWS)]
    plan = _plan(sensor, free_space, starts)
    views = _views(sensor, free_space, starts)
    picture = Image.new("RGB", (plan.width + 2 * _VIEW.width, _PLAN_PIXELS), "white")
    picture.paste(plan, (0, (picture.height - plan.height) // 2))
    for k, view in enumerate(views):
        picture.paste(view, (plan.width + k % 2 * _VIEW.width, k // 2 * _VIEW.height))
    return picture


def _views(sensor: RaycastSensor, free_space: FreeSpace, starts: Sequence[Start]) -> list[Image.Image]:
    positions = np.array([(x, y, free_space.floor_z) for x, y, _ in starts])
    rgb, _ = sensor.render(sensor.camera.poses(positions, np.array([yaw for _, _, yaw in starts])))
    views = [Image.fromarray(image) for image in rgb]
    for k, view in enumerate(views):
        _number(ImageDraw.Draw(view), (12, 12), k)
    return views


def _plan(sensor: RaycastSensor, free_space: FreeSpace, starts: Sequence[Start]) -> Image.Image:
    used = np.argwhere(free_space.islands > 0)
    low, high = used.min(axis=0) - _MARGIN_CELLS, used.max(axis=0) + _MARGIN_CELLS + 1
    scale = _PLAN_PIXELS / max(high - low)
    side = (high - low) * free_space.cell_size
    pixels = np.maximum((scale * (high - low)).astype(int), 1)
    axes = [(np.arange(n) + 0.5) / n * length for n, length in zip(pixels, side, strict=True)]
    corner = np.array(free_space.origin_xy) + low * free_space.cell_size
    xy = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) + corner
    image = Image.fromarray(_coloured(sensor, free_space, xy).swapaxes(0, 1)[::-1].copy())
    draw = ImageDraw.Draw(image)
    for k, (x, y, yaw) in enumerate(starts):
        u, v = (np.array([x, y]) - corner) / side * pixels
        v = pixels[1] - v
        draw.line([u, v, u + 18 * np.cos(yaw), v - 18 * np.sin(yaw)], fill=_START, width=3)
        _number(draw, (u, v), k)
    return image


def _coloured(sensor: RaycastSensor, free_space: FreeSpace, xy: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours (X, Y, 3) of the plan at points (X, Y, 2): grey by height, tinted where one can walk."""
    top = free_space.floor_z + _BELOW_CEILING_M
    above = np.concatenate([xy, np.full((*xy.shape[:2], 1), top)], axis=-1).reshape(-1, 3)
    down = np.broadcast_to(np.array([0.0, 0.0, -1.0]), above.shape)
    height = (_BELOW_CEILING_M - sensor.distances(above, down)).reshape(xy.shape[:2])
    grey = np.where(np.isfinite(height), 40 + 180 * np.clip(height / _BELOW_CEILING_M, 0, 1), 255)
    colours = np.repeat(grey[..., None], 3, axis=-1)
    island = free_space.island_at(xy)
    for mask, tint in ((island == 1, _FREE), (island > 1, _ELSEWHERE)):
        colours[mask] = 0.35 * colours[mask] + 0.65 * tint
    return colours.astype(np.uint8)


def _number(draw: ImageDraw.ImageDraw, at: tuple[float, float], k: int) -> None:
    x, y = at
    draw.ellipse([x - 9, y - 9, x + 9, y + 9], fill=_START)
    draw.text((x, y), str(k + 1), fill="white", anchor="mm")
