"""A library of small periodic textures, drawn once per process, that houses share and tint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIZE = 64
Image = NDArray[np.float64]
_V, _U = np.mgrid[0:SIZE, 0:SIZE] / SIZE  # v down, u right, both in [0, 1)


@dataclass(frozen=True, eq=False)
class Texture:
    """An RGB image (64, 64, 3) uint8 and the metres it covers; height 0 = from floor to ceiling."""

    image: NDArray[np.uint8]
    width_m: float
    height_m: float


@dataclass(frozen=True, eq=False)
class TextureLibrary:
    """All textures, and the indices of those that suit each use."""

    textures: tuple[Texture, ...]
    uses: dict[str, tuple[int, ...]]


def noise(rng: np.random.Generator, roughness: float, stretch: float = 1.0) -> Image:
    """Periodic noise (64, 64) of zero mean and unit deviation with spectrum 1 / f**roughness."""
    fv, fu = np.fft.fftfreq(SIZE)[:, None] * stretch, np.fft.rfftfreq(SIZE)[None]
    radius = np.hypot(fv, fu)
    radius[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) / radius**roughness, s=(SIZE, SIZE))
    return field / field.std()


def _grey(values: Image) -> Image:
    return np.repeat(values[..., None], 3, axis=2)


def _mix(mask: Image, a: NDArray[np.float64], b: NDArray[np.float64]) -> Image:
    return mask[..., None] * a + (1 - mask[..., None]) * b


def _pale(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(0.7, 1.0, 3)


def _strong(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(0.15, 0.9, 3)


def _cells(
    rng: np.random.Generator, rows: int, columns: int, shift: float, joint: float
) -> tuple[Image, Image]:
    """A brick-like pattern: a random value per brick, and 1 inside bricks, 0 in the joints."""
    row = np.floor(_V * rows).astype(int)
    u = _U * columns + shift * (row % 2)
    column = np.floor(u).astype(int) % columns
    values = rng.standard_normal((rows, columns))[row, column]
    inside = ((_V * rows) % 1 > joint * rows) & (u % 1 > joint * columns)
    return values, inside.astype(float)


def _bricks(rng: np.random.Generator) -> Image:
    values, inside = _cells(rng, int(rng.choice([6, 8, 10])), int(rng.choice([2, 3, 4])), 0.5, 0.025)
    brick = 0.78 + 0.07 * values + 0.04 * noise(rng, 0.5)
    tone = np.stack([brick, brick * 0.97, brick * 0.95], axis=2)
    return _mix(inside, tone, np.full(3, rng.choice([0.45, 1.0])))


def _planks(rng: np.random.Generator) -> Image:
    values, inside = _cells(rng, int(rng.choice([4, 6, 8])), 1, 0.5, 0.016)
    wood = 0.84 + rng.uniform(0.02, 0.08) * values + rng.uniform(0.02, 0.06) * noise(rng, 1.0, stretch=0.12)
    joint = rng.uniform(0.5, 0.85)
    return _grey(wood * (joint + (1 - joint) * inside))


def _tiles(rng: np.random.Generator) -> Image:
    count = int(rng.choice([2, 3, 4, 6]))
    values, inside = _cells(rng, count, count, 0.0, 0.02)
    return _mix(
        inside, _grey(0.87 + 0.03 * values + 0.02 * noise(rng, 1.2)), np.full(3, rng.choice([0.5, 0.65, 1.0]))
    )


def _checker(rng: np.random.Generator) -> Image:
    count = int(rng.choice([2, 4]))
    mask = ((np.floor(_U * count) + np.floor(_V * count)) % 2).astype(float)
    dark = rng.uniform(0.25, 0.8) * _pale(rng)
    return _mix(mask, np.full(3, 0.95), dark) + _grey(0.02 * noise(rng, 1.0))


def _parquet(rng: np.random.Generator) -> Image:
    block = (np.floor(_U * 4) + np.floor(_V * 4)) % 2
    across = np.where(block > 0, _U, _V)
    strip = np.floor(across * 16).astype(int)
    tone = rng.standard_normal((16, 16))[strip, np.floor(np.where(block > 0, _V, _U) * 4).astype(int)]
    joint = (across * 16) % 1 > 0.2
    return _grey((0.82 + 0.06 * tone + 0.03 * noise(rng, 0.8)) * (0.75 + 0.25 * joint))


def _carpet(rng: np.random.Generator) -> Image:
    return _grey(0.85 + rng.uniform(0.02, 0.06) * noise(rng, 0.3) + rng.uniform(0, 0.05) * noise(rng, 1.5))


def _plaster(rng: np.random.Generator) -> Image:
    return _grey(0.93 + rng.uniform(0.01, 0.035) * noise(rng, 1.3))


def _concrete(rng: np.random.Generator) -> Image:
    _, inside = _cells(rng, 1, int(rng.choice([1, 2])), 0.0, 0.012)
    return _grey((0.8 + 0.06 * noise(rng, 1.4) + 0.02 * noise(rng, 0.3)) * (0.75 + 0.25 * inside))


def _stone(rng: np.random.Generator) -> Image:
    points = rng.random((int(rng.integers(12, 30)), 2))
    offset = np.stack([_V, _U], axis=2)[:, :, None] - points
    offset -= np.round(offset)
    near = np.sort(np.linalg.norm(offset, axis=3), axis=2)
    owner = np.argmin(np.linalg.norm(offset, axis=3), axis=2)
    tone = 0.82 + 0.07 * rng.standard_normal(len(points))[owner] + 0.03 * noise(rng, 1.0)
    return _mix((near[..., 1] - near[..., 0] > 0.025).astype(float), _grey(tone), np.full(3, 0.5))


def _stripes(rng: np.random.Generator) -> Image:
    count, duty = int(rng.choice([2, 3, 4, 6])), rng.uniform(0.2, 0.6)
    mask = ((_U * count) % 1 < duty).astype(float)
    return _mix(mask, _pale(rng) * rng.uniform(0.6, 1.0), np.full(3, 0.95)) + _grey(0.01 * noise(rng, 1.0))


def _wallpaper(rng: np.random.Generator) -> Image:
    count = int(rng.choice([2, 3, 4]))
    row = np.floor(_V * count)
    u, v = (_U * count + 0.5 * (row % 2) * (count % 2 == 0)) % 1 - 0.5, (_V * count) % 1 - 0.5
    petals = int(rng.choice([0, 4, 5, 6]))
    radius = rng.uniform(0.18, 0.34) * (1 + 0.35 * np.cos(petals * np.arctan2(v, u)))
    distance = np.abs(u) + np.abs(v) if rng.random() < 0.3 else np.hypot(u, v)
    return _mix((distance < radius).astype(float), _strong(rng) * 0.5 + 0.4, np.full(3, 0.95))


def _wainscot(rng: np.random.Generator) -> Image:
    """From floor to ceiling: skirting, panelled lower part, rail, plain upper part."""
    height, count = rng.uniform(0.55, 0.75), int(rng.choice([2, 3, 4, 8]))
    panel = 0.9 - 0.25 * ((_U * count) % 1 < 0.12) - 0.12 * (np.abs(_V - height - 0.04) < 0.012)
    lower = _grey(panel) * _strong(rng)
    image = _mix((height < _V).astype(float), lower, np.full(3, 0.95) + _grey(0.015 * noise(rng, 1.3)))
    image = _mix((np.abs(_V - height) < 0.012).astype(float), np.full(3, 0.4), image)
    return _mix((_V > 0.95).astype(float), np.full(3, rng.choice([0.25, 1.0])), image)


def _skirted(rng: np.random.Generator) -> Image:
    """From floor to ceiling: painted wall, skirting board, sometimes a frieze."""
    image = _grey(0.93 + 0.02 * noise(rng, 1.4) - 0.05 * _V)
    skirting = np.full(3, rng.uniform(0.2, 1.0)) if rng.random() < 0.6 else _strong(rng)
    image = _mix((rng.uniform(0.94, 0.97) < _V).astype(float), skirting, image)
    frieze = rng.uniform(0.05, 0.14) * (rng.random() < 0.6)
    return _mix((frieze > _V).astype(float), _pale(rng), image)


def _wood(rng: np.random.Generator) -> Image:
    rings = np.sin(2 * np.pi * (2 * _V + 0.35 * noise(rng, 2.0, stretch=0.2)) * rng.integers(1, 4))
    return _grey(0.82 + 0.07 * rings + 0.04 * noise(rng, 0.8, stretch=0.1))


def _fabric(rng: np.random.Generator) -> Image:
    weave = np.sin(2 * np.pi * 16 * _U) * np.sin(2 * np.pi * 16 * _V)
    return _grey(0.86 + 0.05 * weave + 0.04 * noise(rng, 0.8))


def _plaid(rng: np.random.Generator) -> Image:
    a, b = (((axis * 4) % 1 < rng.uniform(0.25, 0.5)).astype(float) for axis in (_U, _V))
    return 0.5 * (_mix(a, _strong(rng), np.ones(3)) + _mix(b, _strong(rng), np.ones(3)))


def _metal(rng: np.random.Generator) -> Image:
    return _grey(0.85 + 0.05 * noise(rng, 0.7, stretch=0.05) + 0.06 * np.sin(2 * np.pi * _U))


def _books(rng: np.random.Generator) -> Image:
    """One compartment of a shelf, full of spines."""
    edges = np.sort(rng.random(int(rng.integers(9, 16))))
    book = np.searchsorted(edges, _U[0])
    colours = rng.uniform(0.1, 0.95, (len(edges) + 1, 3))
    tops = rng.uniform(0.05, 0.4, len(edges) + 1)
    image = np.where((tops[book] < _V)[..., None], colours[book][None], 0.12)
    band = (np.abs(_V - rng.uniform(0.5, 0.8)) < 0.04) & (book % 3 == 0)
    return _mix(band.astype(float), np.array([0.9, 0.85, 0.5]), image)


def _drawers(rng: np.random.Generator) -> Image:
    """The front of a cabinet: doors or drawers with handles."""
    rows, columns = int(rng.choice([1, 2, 3, 4])), int(rng.choice([1, 2, 3]))
    v, u = (_V * rows) % 1, (_U * columns) % 1
    gap = (np.minimum(v, 1 - v) < 0.02 * rows) | (np.minimum(u, 1 - u) < 0.02 * columns)
    handle = (np.abs(v - 0.3) < 0.025 * rows) & (np.abs(u - 0.5) < 0.14)
    return _grey((0.9 + 0.02 * noise(rng, 1.0)) * (1 - 0.6 * gap) * (1 - 0.75 * handle))


def _picture(rng: np.random.Generator) -> Image:
    """A framed picture: a landscape, blocks of colour, or discs."""
    style = rng.integers(3)
    image = _mix((0.5 + 0.15 * noise(rng, 2.0) > _V).astype(float), _strong(rng), _strong(rng))
    for _ in range(int(rng.integers(2, 6)) * (style > 0)):
        (u, v), r = rng.uniform(0.1, 0.9, 2), rng.uniform(0.08, 0.3)
        distance = np.hypot(_U - u, _V - v) if style == 1 else np.maximum(np.abs(_U - u), np.abs(_V - v))
        image = _mix((distance < r).astype(float), _strong(rng), image)
    return _framed(image, _strong(rng), rng.uniform(0.03, 0.09))


def _poster(rng: np.random.Generator) -> Image:
    """Printed matter: a headline, lines of text, a block of colour."""
    lines = ((_V * 16) % 1 < 0.45) & (_V > 0.35) & (rng.uniform(0.6, 0.95) > _U) & (_U > 0.08)
    image = _mix(lines.astype(float), np.full(3, 0.15), _pale(rng))
    return _mix((rng.uniform(0.2, 0.45) > _V).astype(float), _strong(rng), image)


def _window(rng: np.random.Generator) -> Image:
    """A window with sky, something green below the horizon, and a frame with bars."""
    sky = _mix(_V, np.array([0.95, 0.95, 0.95]), rng.uniform([0.4, 0.6, 0.85], [0.75, 0.85, 1.0]))
    ground = rng.uniform([0.15, 0.3, 0.1], [0.5, 0.6, 0.4])
    image = _mix((0.65 + 0.08 * noise(rng, 1.8) < _V).astype(float), ground, sky)
    columns, rows = int(rng.choice([1, 2, 3])), int(rng.choice([1, 2]))
    u, v = (_U * columns) % 1, (_V * rows) % 1
    bars = (np.minimum(u, 1 - u) < 0.03 * columns) | (np.minimum(v, 1 - v) < 0.03 * rows)
    return _mix(bars.astype(float), np.full(3, rng.choice([0.2, 0.95])), image)


def _rug(rng: np.random.Generator) -> Image:
    edge = np.minimum(np.minimum(_U, 1 - _U), np.minimum(_V, 1 - _V))
    bands = rng.uniform(0.1, 0.95, (6, 3))[np.clip((edge * rng.uniform(8, 20)).astype(int), 0, 5)]
    motif = np.sin(2 * np.pi * rng.integers(2, 6) * _U) * np.sin(2 * np.pi * rng.integers(2, 6) * _V) > 0.3
    return _mix((motif & (edge > 0.15)).astype(float), _strong(rng), bands) + _grey(0.03 * noise(rng, 0.3))


def _ceiling_grid(rng: np.random.Generator) -> Image:
    _, inside = _cells(rng, 2, 2, 0.0, 0.015)
    image = _grey((0.9 + 0.015 * noise(rng, 0.4)) * (0.75 + 0.25 * inside))
    lamp = (np.abs(_U - 0.26) < 0.15) & (np.abs(_V - 0.26) < 0.15)
    return _mix((lamp & bool(rng.random() < 0.6)).astype(float), np.ones(3), image)


def _framed(image: Image, colour: NDArray[np.float64], width: float) -> Image:
    edge = np.minimum(np.minimum(_U, 1 - _U), np.minimum(_V, 1 - _V))
    return _mix((edge < width).astype(float), colour, image)


# family: (painter, how many, metres covered from, to, height fits the wall, uses)
_FAMILIES: tuple[tuple[Callable[[np.random.Generator], Image], int, float, float, bool, str], ...] = (
    (_plaster, 6, 1.5, 2.5, False, "wall wall wall ceiling ceiling plain"),
    (_skirted, 10, 1.5, 2.5, True, "wall wall"),
    (_wainscot, 8, 1.0, 2.0, True, "wall"),
    (_bricks, 7, 0.8, 1.6, False, "wall"),
    (_stripes, 7, 0.6, 1.5, False, "wall object"),
    (_wallpaper, 9, 0.5, 1.4, False, "wall object"),
    (_concrete, 5, 1.5, 2.5, False, "wall floor ceiling"),
    (_planks, 9, 0.8, 1.6, False, "floor floor wall ceiling"),
    (_tiles, 8, 0.8, 1.6, False, "floor floor wall"),
    (_checker, 5, 0.8, 1.6, False, "floor"),
    (_parquet, 5, 0.9, 1.6, False, "floor"),
    (_carpet, 6, 0.8, 1.5, False, "floor floor object"),
    (_stone, 5, 0.8, 1.4, False, "floor wall"),
    (_wood, 9, 0.6, 1.2, False, "object object wood"),
    (_fabric, 5, 0.5, 1.0, False, "object fabric"),
    (_plaid, 4, 0.5, 1.0, False, "fabric"),
    (_metal, 3, 0.8, 1.2, False, "object"),
    (_books, 8, 0.8, 1.0, False, "books"),
    (_drawers, 8, 1.0, 1.0, False, "front"),
    (_picture, 16, 1.0, 1.0, False, "picture"),
    (_poster, 6, 1.0, 1.0, False, "picture"),
    (_window, 8, 1.0, 1.0, False, "window"),
    (_rug, 8, 1.0, 1.0, False, "rug"),
    (_ceiling_grid, 3, 1.2, 1.2, False, "ceiling"),
)


@lru_cache(maxsize=1)
def texture_library() -> TextureLibrary:
    """Draw all textures; the same in every process."""
    rng = np.random.default_rng(np.random.SeedSequence(20240607))
    textures: list[Texture] = []
    uses: dict[str, list[int]] = {}
    for painter, count, low, high, fitted, names in _FAMILIES:
        for _ in range(count):
            metres = rng.uniform(low, high)
            for name in names.split():
                uses.setdefault(name, []).append(len(textures))
            image = (255 * np.clip(painter(rng), 0, 1)).astype(np.uint8)
            textures.append(Texture(image, metres, 0.0 if fitted else metres))
    return TextureLibrary(tuple(textures), {name: tuple(ids) for name, ids in uses.items()})
