"""How a scene's own free space and the navmesh beside it compare: area, places, geodesic distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.geodesics import FreeSpaceGeodesics
from robonav.envs.scenes.navmesh import NavMesh
from robonav.envs.scenes.scene import FreeSpace

_GOALS, _STARTS, _POINTS = 20, 10, 2000
_MIN_WAY_M = 1.0  # a shorter way says more of cells than of ways
_BESIDE_M = 0.1  # as far off the navmesh a place still counts as on it


@dataclass(frozen=True)
class Agreement:
    """The free space of one floor against the navmesh under it.

    Attributes:
        navmesh_area_m2: Area of the whole navmesh, which may include roofs and tables.
        navmesh_islands: Its islands.
        indoor_area_m2: Area of its indoor island: the one that most of the floor's island 1 lies on.
        free_area_m2: Area of the floor's island 1.
        free_on_navmesh: Share of the floor's island 1 that lies on the indoor island, or 0.1 m beside it.
        navmesh_is_free: Share of the indoor island that lies on the floor's island 1.
        geodesic_difference: Median of ours / the navmesh's - 1 over random ways of at least 1 m between
            places of both.
        geodesic_difference_p95: 95th percentile of its magnitude.
        ways: How many ways were compared: those that lead somewhere on both.
    """

    navmesh_area_m2: float
    navmesh_islands: int
    indoor_area_m2: float
    free_area_m2: float
    free_on_navmesh: float
    navmesh_is_free: float
    geodesic_difference: float
    geodesic_difference_p95: float
    ways: int


def compare(floor: FreeSpace, navmesh: NavMesh, seed: int = 0) -> Agreement:
    """Hold a floor and a navmesh against each other, at random places and on random ways.

    Where no part of the floor lies on the navmesh, the areas of that part and the differences are 0.

    Args:
        floor: Free space; its island 1 is compared.
        navmesh: The scene's navmesh.
        seed: Decides places and ways.
    """
    rng = np.random.default_rng(seed)
    ours = _at_height(floor.sample(rng, _POINTS), floor.floor_z)
    below = navmesh.island_at(ours)
    indoor = int(np.bincount(below[below > 0]).argmax()) if (below > 0).any() else 0
    on_both = (below == indoor) & _beside(ours, navmesh)
    theirs = navmesh.sample(rng, _POINTS, indoor) if indoor else np.zeros((0, 3))
    difference = _differences(floor, navmesh, ours[on_both], rng) if indoor else np.zeros(0)
    return Agreement(
        navmesh_area_m2=navmesh.area_m2(),
        navmesh_islands=int(navmesh.islands.max()),
        indoor_area_m2=navmesh.area_m2(indoor),
        free_area_m2=floor.area_m2(),
        free_on_navmesh=float(np.mean(on_both)) if indoor else 0.0,
        navmesh_is_free=float(np.mean(floor.island_at(theirs[:, :2]) == 1)) if indoor else 0.0,
        geodesic_difference=float(np.median(difference)) if len(difference) else 0.0,
        geodesic_difference_p95=float(np.quantile(np.abs(difference), 0.95)) if len(difference) else 0.0,
        ways=len(difference),
    )


def _differences(
    floor: FreeSpace, navmesh: NavMesh, places: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Ours / the navmesh's - 1 on ways (M,) between random places of those (N, 3)."""
    if not len(places):
        return np.zeros(0)
    starts = places[rng.integers(len(places), size=_GOALS * _STARTS)]
    ends = np.repeat(places[rng.integers(len(places), size=_GOALS)], _STARTS, axis=0)
    theirs, ours = navmesh.geodesic(starts, ends), FreeSpaceGeodesics(floor).geodesic(starts, ends)
    both = np.isfinite(theirs) & np.isfinite(ours) & (theirs >= _MIN_WAY_M)
    return ours[both] / theirs[both] - 1


def _beside(points: NDArray[np.float64], navmesh: NavMesh) -> NDArray[np.bool_]:
    return np.linalg.norm((navmesh.snap(points) - points)[:, :2], axis=1) <= _BESIDE_M


def _at_height(xy: NDArray[np.float64], z: float) -> NDArray[np.float64]:
    return np.column_stack([xy, np.full(len(xy), z)])
