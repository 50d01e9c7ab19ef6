"""Completeness and mean distance equal what brute force over the whole cloud says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from robonav.evaluation.metrics import Coverage, SampleIndex, completeness_pct


def frames_of(rng: np.random.Generator, count: int, rays: int) -> list[tuple[np.ndarray, ...]]:
    """Rays from random eyes to random points of a 3 x 2 x 1 m block; some hit nothing."""
    frames = []
    for _ in range(count):
        eye = rng.uniform(0, 1, 3).astype(np.float32)
        points = rng.uniform([0, 0, 0], [3, 2, 1], (rays, 3)).astype(np.float32)
        lengths = np.linalg.norm(points - eye, axis=1)
        directions = (points - eye) / lengths[:, None]
        lengths[rng.random(rays) < 0.1] = np.inf
        frames.append((eye, directions.astype(np.float32), lengths.astype(np.float32)))
    return frames


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
def test_what_is_seen_equals_brute_force_and_distances_nearly_so(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.uniform([-0.5, 0, 0], [3, 2.5, 1], (500, 3)).astype(np.float32)
    coverage, frames = Coverage(SampleIndex(samples)), frames_of(rng, count, 200)
    for frame in frames:
        coverage.observe(*frame)
    cloud = np.concatenate([(e + d * t[:, None])[np.isfinite(t)] for e, d, t in frames])
    exact = cKDTree(cloud).query(samples)[0]
    unclear = np.abs(exact - 0.05) < 1e-5
    assert np.array_equal(coverage.seen[~unclear], (exact <= 0.05)[~unclear])
    found = coverage.distances()
    assert (found >= exact - 1e-5).all()
    settled = exact <= 0.02
    assert (found[settled] <= 0.02 + 1e-5).all()
    between = ~settled & (exact < 0.0499)
    assert found[between] == pytest.approx(exact[between], abs=1e-5)
    assert (found <= exact + 0.05 * np.sqrt(3) + 1e-5).all()
    assert found.mean() - exact.mean() < 0.015


def test_nothing_is_seen_before_the_first_frame_and_distances_are_infinite() -> None:
    coverage = Coverage(SampleIndex(np.zeros((3, 3), dtype=np.float32)))
    assert completeness_pct(coverage.seen) == 0
    assert np.isinf(coverage.distances()).all()


def test_half_of_a_plane_seen_is_fifty_percent() -> None:
    x, y = np.meshgrid(np.arange(0.01, 2, 0.02), np.arange(0.01, 2, 0.02))
    samples = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(np.float32)
    coverage, eye = Coverage(SampleIndex(samples)), np.array([0.5, 1, 1], dtype=np.float32)
    offset = samples[samples[:, 0] < 1.0 - 0.05] - eye
    lengths = np.linalg.norm(offset, axis=1)
    coverage.observe(eye, (offset / lengths[:, None]).astype(np.float32), lengths.astype(np.float32))
    assert completeness_pct(coverage.seen) == pytest.approx(50, abs=1.1)


def test_far_distances_are_metres_to_the_nearest_observed_point() -> None:
    samples = np.array([[0, 0, 0], [3, 4, 0]], dtype=np.float32)
    coverage = Coverage(SampleIndex(samples))
    down = np.array([[0, 0, -1]], dtype=np.float32)
    coverage.observe(np.array([0, 0, 1], dtype=np.float32), down, np.ones(1, dtype=np.float32))
    assert coverage.distances() == pytest.approx([0, 5])
