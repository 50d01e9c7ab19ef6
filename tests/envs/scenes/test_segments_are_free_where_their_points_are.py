"""Whether an agent may walk straight on, against the label of each point of the way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.scenes.scene import FreeSpace

places = st.tuples(st.floats(-0.6, 1.6), st.floats(-0.6, 1.6)).map(np.array)


@settings(max_examples=300)
@given(start=places, end=places, seed=st.integers(0, 50), origin=places)
def test_a_segment_is_free_if_all_its_points_are(
    start: np.ndarray, end: np.ndarray, seed: int, origin: np.ndarray
) -> None:
    islands = np.random.default_rng(seed).choice(3, p=(0.02, 0.9, 0.08), size=(30, 20)).astype(np.int32)
    space = FreeSpace(islands, tuple(origin - 0.5), 0.0)
    steps = max(2, int(np.ceil(np.linalg.norm(end - start) / 0.025)) + 1)
    points = start + np.linspace(0.0, 1.0, steps)[:, None] * (end - start)
    assert space.segment_is_free(start, end) == bool(np.all(space.island_at(points) > 0))


def test_free_blocked_and_outside() -> None:
    islands = np.ones((20, 20), np.int32)
    islands[10] = 0
    space = FreeSpace(islands, (0.0, 0.0), 0.0)
    assert space.segment_is_free(np.array([0.1, 0.1]), np.array([0.1, 0.9]))
    assert not space.segment_is_free(np.array([0.1, 0.1]), np.array([0.9, 0.1]))
    assert not space.segment_is_free(np.array([0.1, 0.1]), np.array([0.1, 1.1]))
    assert not space.segment_is_free(np.array([0.1, 0.1]), np.array([-0.1, 0.1]))
