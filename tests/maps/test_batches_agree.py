"""A CPU's kernels in C++ build the maps that Warp's own source builds, which a GPU runs."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.maps.reconstruction import pool
from robonav.maps.reconstruction.blocks import SDF_UNITS
from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction
from tests.maps.shapes import look, room_depth


def frames(pinhole: Pinhole, num_envs: int, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB, depth with holes and far returns, and poses of a turn in the room."""
    rng = np.random.default_rng(step)
    poses = np.stack([look((0.3 * env - 0.5, 0.2, 1.25), 20.0 * step + 77 * env) for env in range(num_envs)])
    shape = (pinhole.height, pinhole.width)
    depth = np.stack([np.resize(room_depth(T), shape) for T in poses]).astype(np.float32)
    depth[rng.random(depth.shape) < 0.05] = rng.choice([0.0, np.nan, np.inf, 1e6])
    return rng.integers(0, 256, (*depth.shape, 3), dtype=np.uint8), depth, poses


@pytest.mark.parametrize("shape", [(48, 48), (13, 31), (9, 5), (1, 1)])
@pytest.mark.parametrize(
    "options",
    [{}, {"truncation": 0.3}, {"memory_frames": 4}, {"voxel_size": 0.023}, {"max_depth": 2.0}],
    ids=str,
)
def test_both_kernels_build_the_same_map(
    shape: tuple[int, int], options: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks, colours and bits are the same; a distance may be rounded to the next of its steps.

    No wall lies between two voxels, where rounding would decide.
    """
    monkeypatch.setattr(pool, "_AHEAD", 0)
    pinhole = Pinhole(shape[1], shape[0], 24.0, 24.0, shape[1] / 2, shape[0] / 2)
    batches, plain = (Reconstruction(3, pinhole, **options) for _ in range(2))
    plain._batches = False
    for step in [*range(10), *range(10), *[3] * 20]:  # often enough for voxels to settle
        rgb, depth, poses = frames(pinhole, 3, step)
        for each in (batches, plain):
            each.integrate(rgb, depth, poses)
    assert np.unpackbits(plain._pool.grid.settled.numpy().view(np.uint8)).any()
    for env in range(3):
        places, sdf, color, known = batches._pool.read(env)
        places_, sdf_, color_, known_ = plain._pool.read(env)
        np.testing.assert_array_equal(places, places_)
        different = (color != color_).any(axis=-1) | (known != known_) | (np.abs(sdf - sdf_) > 1 / SDF_UNITS)
        assert different.sum() <= 2e-3 * known_.sum()
        assert (sdf != sdf_).sum() <= 0.05 * known_.sum()
