"""Ways through the plane, and views that change smoothly along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RING = [(0, 0), (12, 0), (12, 8), (0, 8), (0, 0)]
_WAVES = np.random.default_rng(0).normal(size=(64, 2)) * 0.7
_PHASES = np.random.default_rng(1).uniform(0, 2 * np.pi, 64)


def walk(corners: Sequence[tuple[float, float]], step: float = 0.25) -> np.ndarray:
    """Positions (T, 2) along straight lines, `step` metres apart; shorter at the corners."""
    points = [np.array([corners[0]], float)]
    for a, b in zip(np.array(corners[:-1], float), np.array(corners[1:], float), strict=True):
        count = int(np.ceil(np.linalg.norm(b - a) / step - 1e-9))
        points.append(a + (b - a) * np.arange(1, count + 1)[:, None] / count)
    return np.concatenate(points)


def views(positions: np.ndarray) -> np.ndarray:
    """Unit embeddings (T, 64): random waves, alike (cosine > 0.9) within about half a metre."""
    waves = np.cos(positions @ _WAVES.T + _PHASES)
    return waves / np.linalg.norm(waves, axis=-1, keepdims=True)


def odometry(positions: np.ndarray, seed: int, scale: float = 0.01, turn: float = 0.002) -> np.ndarray:
    """Dead reckoning of a way (T, 2): lengths off by a constant factor, headings by a random walk."""
    rng = np.random.default_rng(seed)
    moves = np.diff(positions, axis=0)
    angles = np.cumsum(rng.normal(size=len(moves)) * turn)
    c, s = np.cos(angles), np.sin(angles)
    turned = np.stack([c * moves[:, 0] - s * moves[:, 1], s * moves[:, 0] + c * moves[:, 1]], axis=1)
    steps = (1 + rng.uniform(-scale, scale)) * turned
    return np.vstack([positions[:1], positions[0] + np.cumsum(steps, axis=0)])
