"""Scans put a robot right whose odometry drifts, and leave it alone where they know nothing better."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from robonav.maps.scan_matching import ScanMatcher

ROOM = np.array([[-3.0, -2.0], [4.0, -2.0], [4.0, 1.0], [2.5, 1.0], [2.5, 2.5], [-3.0, 2.5]])  # corners
HALL = np.array([[-60.0, -1.0], [60.0, -1.0], [60.0, 1.0], [-60.0, 1.0]])


def scan_from(
    pose: NDArray[np.float64], corners: NDArray[np.float64], columns: int = 32
) -> NDArray[np.float64]:
    """Points of a level scan of 90 degrees and at most 5 m: the nearest crossing of each ray with a wall."""
    angles = np.arctan(np.linspace(1, -1, columns))
    rays = np.column_stack([np.cos(angles + pose[2]), np.sin(angles + pose[2])])
    starts, sides = corners, np.roll(corners, -1, axis=0) - corners
    gaps = starts - pose[:2]
    cross = rays[:, None, 0] * sides[:, 1] - rays[:, None, 1] * sides[:, 0]
    with np.errstate(divide="ignore"):
        ranges = (gaps[:, 0] * sides[:, 1] - gaps[:, 1] * sides[:, 0]) / cross
        along = (gaps[:, 0] * rays[:, None, 1] - gaps[:, 1] * rays[:, None, 0]) / cross
    hits = np.where((along >= 0) & (along <= 1) & (ranges > 0), ranges, np.inf).min(axis=1)
    seen = hits < 5.0
    return hits[seen, None] * np.column_stack([np.cos(angles), np.sin(angles)])[seen]


def walk(corners: NDArray[np.float64], moves: list[tuple[float, float]], gain: float, drift: float):
    """True poses, those of odometry that is off by a factor, and those of the matcher."""
    matcher, true, odometry, found = ScanMatcher(), np.zeros(3), np.zeros(3), []
    for ahead, turn in [(0.0, 0.0), *moves]:
        true[2] += turn
        true[:2] += ahead * np.array([np.cos(true[2]), np.sin(true[2])])
        odometry[2] += gain * turn
        odometry[:2] += gain * ahead * np.array([np.cos(odometry[2]), np.sin(odometry[2])])
        pose = matcher.locate(scan_from(true, corners), odometry, drift)
        found.append((true.copy(), odometry.copy(), pose))
    return (np.array(column) for column in zip(*found, strict=True))


ROUND = [(0.0, np.pi / 12)] * 24
TO_AND_FRO = [(0.25, 0.0)] * 8 + [(0.0, np.pi / 12)] * 12 + [(0.25, 0.0)] * 8 + [(0.0, np.pi / 12)] * 12


@pytest.mark.parametrize("gain", [0.97, 1.03])
@pytest.mark.parametrize("moves", [ROUND, TO_AND_FRO, TO_AND_FRO * 3])
def test_it_stays_where_it_is_while_odometry_drifts_away(moves, gain):
    true, odometry, found = walk(ROOM, moves, gain, drift=0.03)
    assert np.abs(odometry - true)[-1].max() > 0.15
    assert np.linalg.norm(found - true, axis=1)[:, None].max() < 0.12
    assert np.abs(found - true)[-1, :2].max() < 0.06
    assert abs(found[-1, 2] - true[-1, 2]) < np.radians(1.5)


def test_exact_odometry_in_doubt_is_hardly_changed():
    true, _, found = walk(ROOM, TO_AND_FRO * 2, 1.0, drift=0.03)
    assert np.abs(found - true).max() < 0.03


def test_odometry_that_is_not_in_doubt_is_believed():
    _, odometry, found = walk(ROOM, TO_AND_FRO, 1.03, drift=0.0)
    np.testing.assert_allclose(found, odometry, atol=1e-12)


def test_a_bare_corridor_corrects_across_but_not_along():
    true, odometry, found = walk(HALL, [(0.25, 0.0)] * 40, 1.03, drift=0.03)
    assert found[-1, 0] == pytest.approx(odometry[-1, 0], abs=0.01)  # nothing tells how far it went
    assert np.abs(found - true)[:, 1].max() < 0.02


def test_where_nothing_is_seen_odometry_stays():
    matcher, nothing = ScanMatcher(), np.zeros((0, 2))
    for k in range(4):
        odometry = np.array([0.25 * k, 0.0, 0.1 * k])
        np.testing.assert_allclose(matcher.locate(nothing, odometry, 0.03), odometry)
    one = np.array([[1.0, 0.0]])
    np.testing.assert_allclose(matcher.locate(one, odometry, 0.03), odometry)
