"""Mip pyramids of a scene's textures, in one flat buffer for the sensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = 13  # of a mip pyramid: enough for 4096-texel textures
_GROUP_BYTES = 1 << 22


@dataclass(frozen=True, eq=False)
class TexturePyramids:
    """The mip pyramids of K textures: texture k, level l starts at texel level_offset[k, l].

    Attributes:
        texels: (N + 1, 3) uint8 RGB, row by row; the last so that four bytes can be read at any.
        sizes: (K, 2) int32 width and height of each texture; one of 1 x 1 where there is none.
        level_offset: (K, 13) int32.
    """

    texels: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    level_offset: NDArray[np.int32]

    @classmethod
    def of(cls, textures: Sequence[NDArray[np.uint8]]) -> TexturePyramids:
        """The pyramids of RGB images (h, w, 3)."""
        sizes = np.array([texture.shape[1::-1] for texture in textures] or [(1, 1)], dtype=np.int32)
        offsets, counts = _layout(sizes)
        texels = np.zeros((counts.sum() + 1, 3), dtype=np.uint8)
        for group in _alike(textures):
            images = np.stack([textures[k] for k in group]) if len(group) > 1 else textures[group[0]][None]
            for level in range(LEVELS):
                for k, image in zip(group, images, strict=True):
                    start = offsets[k, level]
                    texels[start : start + counts[k, level]] = image.reshape(-1, 3)
                images = _halved(images)
        return cls(texels, sizes, offsets)

    @classmethod
    def restored(cls, texels: NDArray[np.uint8], sizes: NDArray[np.int32]) -> TexturePyramids:
        """Pyramids from known texels and the sizes of their textures."""
        return cls(texels, sizes, _layout(sizes)[0])

    def largest_levels(self, count: int) -> tuple[NDArray[np.uint8], ...]:
        """The first `count` textures (h, w, 3) themselves, as views of the buffer."""
        images = []
        for (width, height), start in zip(self.sizes[:count], self.level_offset[:, 0], strict=False):
            images.append(self.texels[start : start + width * height].reshape(height, width, 3))
        return tuple(images)


def _layout(sizes: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """First texel and number of texels of each level (K, 13) of textures of sizes (K, 2)."""
    level_sizes = np.maximum(sizes[:, None].astype(np.int64) >> np.arange(LEVELS)[:, None], 1)
    counts = level_sizes.prod(axis=-1)
    offsets = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
    return offsets.astype(np.int32), counts


def _alike(textures: Sequence[NDArray[np.uint8]]) -> Iterator[list[int]]:
    """Indices of textures of one size, a few megabytes at a time: halving many at once is fast."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for k, texture in enumerate(textures):
        by_shape.setdefault(texture.shape, []).append(k)
    for shape, group in by_shape.items():
        count = max(1, _GROUP_BYTES // (shape[0] * shape[1] * 3))
        for start in range(0, len(group), count):
            yield group[start : start + count]


def _halved(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Next mip level of images (K, h, w, 3): means of 2 x 2 texels.

    Each pair is rounded up, as in the OpenGL that drew our reference: with the plain mean, errors double.
    """
    height, width = images.shape[1:3]
    if max(height, width) == 1:
        return images
    upper, lower = (images[:, k : max(height & ~1, 1) : 2] for k in (0, min(1, height - 1)))
    rows: NDArray[np.integer] = (np.add(upper, lower, dtype=np.uint16) + 1) >> 1
    left, right = (rows[:, :, k : max(width & ~1, 1) : 2] for k in (0, min(1, width - 1)))
    return ((left + right + 1) >> 1).astype(np.uint8)
