"""The zero level of a block-sparse signed distance as a triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

Mesh = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8]]


def extract_mesh(
    blocks: NDArray[np.integer],
    distance: NDArray[np.floating],
    known: NDArray[np.bool_],
    color: NDArray[np.integer],
    voxel_size: float,
) -> Mesh:
    """Marching cubes over each block and the first layer of its neighbours; only cells with known corners.

    Args:
        blocks: (B, 3) block indices.
        distance: (B, n, n, n) signed distances, any unit.
        known: (B, n, n, n).
        color: (B, n, n, n, 4) sums of r, g, b and their number.
        voxel_size: Edge of a voxel, metres.

    Returns:
        Vertices (V, 3) metres, triangles (F, 3), outward side counter-clockwise, and colours (V, 3).
    """
    index = {tuple(block): i for i, block in enumerate(blocks.tolist())}
    parts: list[tuple[NDArray, NDArray, NDArray]] = []
    offset = 0
    for i, block in enumerate(blocks.tolist()):
        if not ((distance[i] <= 0) & known[i]).any() and not _has_neighbour(index, block):
            continue
        values, mask, colors = _padded(index, block, distance, known, color)
        vertices, triangles, tints = _dense_mesh(values, mask, colors)
        n = distance.shape[1]
        parts.append((vertices + np.multiply(block, n), triangles + offset, tints))
        offset += len(vertices)
    if not parts:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.uint8)
    vertices, triangles, tints = (np.concatenate(p) for p in zip(*parts, strict=True))
    return _welded(vertices, triangles, tints, voxel_size)


def extract_box(
    corner: NDArray[np.integer],
    distance: NDArray[np.floating],
    known: NDArray[np.bool_],
    color: NDArray[np.integer],
    voxel_size: float,
) -> Mesh:
    """The mesh of the cells between the voxels of one box: what `extract_mesh` gives there.

    Args:
        corner: (3,) index of the first voxel.
        distance: (a, b, c) signed distances, any unit.
        known: (a, b, c).
        color: (a, b, c, 4) sums of r, g, b and their number.
        voxel_size: Edge of a voxel, metres.
    """
    vertices, triangles, tints = _dense_mesh(distance, known, color)
    return _welded(vertices + corner, triangles, tints, voxel_size)


def _dense_mesh(values: NDArray, mask: NDArray, colors: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Vertices in voxels from the first one, triangles and colours of a box."""
    cells = _crossing_cells(values, mask)
    if not cells.any():
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros((0, 3))
    vertices, triangles, _, _ = marching_cubes(
        np.where(mask, values, 1e3),
        0.0,
        mask=_mask_of_cells(cells),
        gradient_direction="descent",
        allow_degenerate=False,
    )
    return vertices, triangles, _sample(colors, vertices)


def _has_neighbour(index: dict[tuple[int, ...], int], block: list[int]) -> bool:
    return any(
        (block[0] + c[0], block[1] + c[1], block[2] + c[2]) in index for c in np.ndindex(2, 2, 2) if any(c)
    )


def _padded(
    index: dict[tuple[int, ...], int],
    block: list[int],
    distance: NDArray,
    known: NDArray,
    color: NDArray,
) -> tuple[NDArray, NDArray, NDArray]:
    """One block with the first layer of the blocks that follow it along each axis."""
    n = distance.shape[1]
    values = np.ones((n + 1,) * 3)
    mask = np.zeros((n + 1,) * 3, bool)
    colors = np.zeros((n + 1,) * 3 + (4,), np.int64)
    for corner in np.ndindex(2, 2, 2):
        j = index.get((block[0] + corner[0], block[1] + corner[1], block[2] + corner[2]))
        if j is not None:
            target = tuple(slice(n, n + 1) if c else slice(0, n) for c in corner)
            source = tuple(slice(0, 1) if c else slice(0, n) for c in corner)
            values[target], mask[target], colors[target] = (
                distance[j][source],
                known[j][source],
                color[j][source],
            )
    return values, mask, colors


def _crossing_cells(values: NDArray, mask: NDArray) -> NDArray[np.bool_]:
    """Cells whose eight corners are known and differ in sign, one fewer than voxels along each axis."""
    sizes = [side - 1 for side in values.shape]
    corners = [
        tuple(slice(c, c + n) for c, n in zip(corner, sizes, strict=True)) for corner in np.ndindex(2, 2, 2)
    ]
    known = np.logical_and.reduce([mask[c] for c in corners])
    inside = [values[c] <= 0 for c in corners]
    return known & np.logical_or.reduce(inside) & ~np.logical_and.reduce(inside)


def _mask_of_cells(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells as a mask for skimage, which reads it at the highest corner."""
    mask = np.zeros(tuple(s + 1 for s in cells.shape), bool)
    mask[1:, 1:, 1:] = cells
    return mask


def _sample(colors: NDArray, vertices: NDArray) -> NDArray[np.float64]:
    """Mean colour (V, 3) of the two voxels at the ends of each vertex' edge."""
    low = np.floor(vertices).astype(int)
    high = np.ceil(vertices).astype(int)
    total = colors[tuple(low.T)] / np.maximum(colors[tuple(low.T)][:, 3:], 1)
    total += colors[tuple(high.T)] / np.maximum(colors[tuple(high.T)][:, 3:], 1)
    return total[:, :3] / np.maximum(total[:, 3:], 1)


def _welded(vertices: NDArray, triangles: NDArray, colors: NDArray, voxel_size: float) -> Mesh:
    """Join the vertices that neighbouring blocks share; vertices are at voxel centres + 0.5."""
    _, first, inverse = np.unique(
        np.round(vertices * 1024).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    triangles = inverse.reshape(-1)[triangles]
    proper = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 2] != triangles[:, 0])
    )
    positions = (vertices[first] + 0.5) * voxel_size
    return (
        positions.astype(np.float32),
        triangles[proper].astype(np.int32),
        np.clip(np.round(colors[first]), 0, 255).astype(np.uint8),
    )
