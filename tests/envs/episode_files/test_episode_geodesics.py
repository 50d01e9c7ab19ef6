"""Distances noted in real episodes against shortest paths on the real floor's raster, found another way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from robonav.envs.episode_files import read_habitat_episodes
from robonav.envs.episode_files.placement import StartFloor
from robonav.envs.scenes.scene import FreeSpace

CELL_M = 0.1
SAMPLED = 60  # of 18,000 episodes


@pytest.fixture(scope="module")
def angiola(shared_data: Path) -> FreeSpace:
    """The one floor of the scene; its raster has rows along Habitat's z and columns along its x."""
    folder = shared_data / "gibson_floors"
    (floor,) = json.loads((folder / "index.json").read_text())["Angiola"]
    free = np.load(folder / "Angiola_f0.npy", allow_pickle=False) == 1
    x, z = floor["origin_xz"]
    far = (-(z + CELL_M * free.shape[0]), -(x + CELL_M * free.shape[1]))
    # our x is -z and our y is -x, so both axes run backwards
    return FreeSpace(ndimage.label(free[::-1, ::-1])[0].astype(np.int32), far, floor["y"], CELL_M)


def corners(floor: FreeSpace) -> NDArray[np.float64]:
    """Free cells that touch a blocked one by a corner only: shortest paths bend nowhere else."""
    free = np.pad(floor.islands > 0, 1)
    at = np.zeros_like(free)
    for dx, dy in [(1, 1), (1, -1), (-1, 1), (-1, -1)]:
        beside = np.roll(free, dx, 0) & np.roll(free, dy, 1)
        at |= free & beside & ~np.roll(free, (dx, dy), (0, 1))
    return floor.centres(np.argwhere(at[1:-1, 1:-1]))


def visible(floor: FreeSpace, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the straight lines from a (N, 2) to b (N, 2) stay free, looked at every half cell."""
    steps = int(np.ceil(np.linalg.norm(a - b, axis=1).max() / (CELL_M / 2)))
    free = np.ones(len(a), dtype=bool)
    for k in range(steps + 1):
        still = np.flatnonzero(free)
        free[still] = floor.island_at(a[still] + (b - a)[still] * (k / steps)) > 0
    return free


def test_real_starts_and_goals_are_free_and_as_far_apart_as_their_file_says(
    shared_data: Path, angiola: FreeSpace
) -> None:
    episodes = list(read_habitat_episodes(shared_data / "episodes/gibson_imagenav/train/Angiola.json.gz"))
    for positions in ([e.position for e in episodes], [e.goals[0].position for e in episodes]):
        assert (angiola.island_at(np.array(positions)[:, :2]) > 0).mean() > 0.999
        assert not any(StartFloor(angiola).snap(positions).reasons)

    rng = np.random.default_rng(0)
    some = [episodes[k] for k in rng.choice(len(episodes), SAMPLED, replace=False)]
    ends = [*(e.position[:2] for e in some), *(e.goals[0].position[:2] for e in some)]
    nodes = np.concatenate(
        [StartFloor(angiola).snap([(*end, angiola.floor_z) for end in ends]).xy, corners(angiola)]
    )
    first, second = np.triu_indices(len(nodes), 1)
    clear = visible(angiola, nodes[first], nodes[second])
    first, second = first[clear], second[clear]
    lengths = np.linalg.norm(nodes[first] - nodes[second], axis=1)
    graph = csr_matrix((lengths, (first, second)), shape=(len(nodes), len(nodes)))
    found = dijkstra(graph, directed=False, indices=range(SAMPLED))[
        range(SAMPLED), range(SAMPLED, 2 * SAMPLED)
    ]
    noted = np.array([e.geodesic_distance_m for e in some])
    error = np.abs(found / noted - 1)
    print(f"error: median {np.median(error):.2%}, 95th percentile {np.percentile(error, 95):.2%}")
    assert np.median(error) < 0.01
    assert np.percentile(error, 95) < 0.04  # the raster's cells are 10 cm, 3 % of a path of 3 m
