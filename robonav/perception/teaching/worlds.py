"""Altered scenes for teaching: without ceilings, with holes, other paint, wider and higher rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.scene import FreeSpace, Scene
from robonav.perception.teaching.clutter import cluttered

# Shares of the altered worlds.
_OPEN_ROOF = 0.5
_HOLES = 0.4
_CUT_OFF = 0.3
_PARAPETS = 0.25
_OTHER_HEIGHT = 0.6
_WIDENED = 0.4
_REPAINTED = 0.8
_CLUTTERED = 0.5
# Shares of the repainted worlds.
_ALIKE = 0.2  # floor and walls in nearly the same colour
_UNLIT = 0.5  # the same light from everywhere, as scanned textures are shown
_PATCHED = 0.2  # some triangles in another colour, as in labelled scans
_PLAIN = 0.5  # of the materials: one colour, no texture
_PALE = 0.5  # of the materials: grey, or white
_MOST_HOLES = 0.15  # of all triangles
_MOST_PATCHES = 0.2  # of all triangles
_WIDEST = 3.5  # times as wide and as long: rooms become halls
_PARAPET_M = (0.4, 1.6)  # how high walls and furniture are left on one side of a line
_ABOVE_HEADS_M = 2.0  # what is higher above the floor is drawn nearer to this height, or farther up
_LOWEST, _HIGHEST = 0.1, 6.0  # how much nearer or farther
_CEILING_M = 2.0  # level faces at least so high above the floor are a ceiling


@dataclass
class AlteredScenes:
    """A scene set of which a share is altered, anew each time a scene is loaded.

    Attributes:
        scenes: The set.
        share: Share of altered scenes, 0 to 1.
        rng: Draws scenes and alterations.
    """

    scenes: SceneSet
    share: float
    rng: np.random.Generator

    @property
    def scene_ids(self) -> Sequence[str]:
        """Names of all scenes of the set."""
        return self.scenes.scene_ids

    def load(self, scene_id: str) -> Scene:
        """The scene as it is, or altered, half of these with things standing about."""
        scene = self.scenes.load(scene_id)
        if self.rng.random() >= self.share:
            return scene
        scene = altered(scene, self.rng)
        return cluttered(scene, self.rng) if self.rng.random() < _CLUTTERED else scene


def altered(scene: Scene, rng: np.random.Generator) -> Scene:
    """A scene with other paint, wider, with walls of another height, without its ceiling or with holes.

    An agent can stand where it could, in the widened scene where that has moved to: what is missing was
    scanned badly, it is not a way out.

    Args:
        scene: Any scene.
        rng: Decides everything.
    """
    keeps = np.ones(len(scene.triangles), dtype=bool)
    if rng.random() < _OPEN_ROOF:
        keeps &= ~_is_ceiling(scene)
    if rng.random() < _HOLES:
        keeps &= rng.random(len(keeps)) >= rng.uniform(0.0, _MOST_HOLES)
    if rng.random() < _CUT_OFF:
        keeps &= ~_beyond_a_line(scene, rng)
    vertices = scene.vertices.astype(np.float64)
    if rng.random() < _PARAPETS:
        keeps &= ~_cut_down(scene, vertices, rng)
    colors, texture_ids = scene.corner_colors, scene.texture_ids
    if rng.random() < _REPAINTED:
        colors, texture_ids = _repainted(scene, rng)
    widening = rng.uniform(1.0, _WIDEST) if rng.random() < _WIDENED else 1.0
    stretch = np.exp(rng.uniform(np.log(_LOWEST), np.log(_HIGHEST))) if rng.random() < _OTHER_HEIGHT else 1.0
    vertices *= (widening, widening, 1.0)
    vertices[:, 2] = _stretched(vertices[:, 2], _floor_z(scene) + _ABOVE_HEADS_M, stretch)
    return replace(
        scene,
        vertices=vertices.astype(scene.vertices.dtype),
        free_space=scene.free_space and _widened(scene.free_space, widening),
        triangles=scene.triangles[keeps],
        corner_uvs=scene.corner_uvs[keeps],
        corner_colors=colors[keeps],
        texture_ids=texture_ids[keeps],
    )


def _widened(free_space: FreeSpace, widening: float) -> FreeSpace:
    x, y = free_space.origin_xy
    cell_size = free_space.cell_size * widening
    return replace(free_space, origin_xy=(x * widening, y * widening), cell_size=cell_size)


def _stretched(z: NDArray[np.floating], start: float, stretch: float) -> NDArray[np.floating]:
    """Heights (V,), what lies above `start` so many times as far above it."""
    return np.where(z > start, start + (z - start) * stretch, z)


def _cut_down(scene: Scene, vertices: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Lower `vertices` (V, 3) to a height on one side of a line; gives the faces (T,) that were all above."""
    height = _floor_z(scene) + rng.uniform(*_PARAPET_M)
    angle, through = rng.uniform(0.0, 2.0 * np.pi), vertices[rng.integers(len(vertices)), :2]
    is_cut = (vertices[:, :2] - through) @ np.array([np.cos(angle), np.sin(angle)]) > 0
    is_cut &= vertices[:, 2] > height
    gone: NDArray[np.bool_] = is_cut[scene.triangles].all(axis=1)
    vertices[is_cut, 2] = height
    return gone


def _floor_z(scene: Scene) -> float:
    return (
        scene.free_space.floor_z if scene.free_space else float(scene.vertices[scene.triangles][..., 2].min())
    )


def _is_ceiling(scene: Scene) -> NDArray[np.bool_]:
    corners = scene.vertices[scene.triangles]
    floor_z = _floor_z(scene)
    flat: NDArray[np.bool_] = np.ptp(corners[..., 2], axis=1) < 0.05
    return flat & (corners[..., 2].min(axis=1) > floor_z + _CEILING_M)


def _beyond_a_line(scene: Scene, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Faces on the smaller side of an upright plane through a random vertex: scans end somewhere."""
    angle, through = rng.uniform(0.0, 2.0 * np.pi), scene.vertices[rng.integers(len(scene.vertices)), :2]
    offsets = scene.vertices[scene.triangles].mean(axis=1)[:, :2] - through
    beyond: NDArray[np.bool_] = offsets @ np.array([np.cos(angle), np.sin(angle)]) > 0
    return beyond if beyond.mean() < 0.5 else ~beyond


def _repainted(scene: Scene, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Corner colours (T, 3, 3) and texture ids (T,), a new tint for every texture; shadows stay or go."""
    materials, of_triangle = np.unique(scene.texture_ids, return_inverse=True)
    plain = (rng.random(len(materials)) < _PLAIN) | (materials < 0)
    pale = rng.random((len(materials), 1)) < _PALE
    tints = np.where(
        pale, rng.uniform(0.75, 1.3, (len(materials), 1)), rng.uniform(0.05, 1.1, (len(materials), 3))
    )
    if rng.random() < _ALIKE:
        tints = tints[:1] * rng.uniform(0.85, 1.15, (len(materials), 1))
    own = scene.corner_colors.astype(np.float32)
    if rng.random() < _UNLIT:
        own = _evenly_lit(own, of_triangle)
    shade = own.mean(axis=-1, keepdims=True)
    colors = np.where(plain[of_triangle, None, None], shade, own) * tints[of_triangle, None]
    texture_ids = np.where(plain[of_triangle], -1, scene.texture_ids).astype(np.int32)
    if rng.random() < _PATCHED:
        patched = rng.random(len(colors)) < rng.uniform(0.0, _MOST_PATCHES)
        colors[patched] = rng.uniform(0.0, 255.0, (np.count_nonzero(patched), 1, 3))
        texture_ids[patched] = -1
    return colors.clip(0, 255).astype(np.uint8), texture_ids


def _evenly_lit(colors: NDArray[np.float32], of_triangle: NDArray[np.int64]) -> NDArray[np.float32]:
    """Each material's corner colours (T, 3, 3) as bright as its brightest one in twenty, all the same."""
    even = np.empty_like(colors)
    for material in range(int(of_triangle.max()) + 1):
        own = of_triangle == material
        even[own] = np.quantile(colors[own].reshape(-1, 3), 0.95, axis=0)
    return even
