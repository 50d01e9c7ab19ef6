"""A map that is written for Nav2 is what our own reader, and map_server's rules, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.floorplans.ros_map import free_pixels, read_map_file
from robonav.envs.scenes.free_space import AgentShape
from robonav.maps.export import save_nav2_map
from robonav.maps.occupancy import FREE, OCCUPIED, UNKNOWN, OccupancyGrid
from tests.maps.test_occupancy import look_around


def as_map_server_reads(path: Path) -> np.ndarray:
    """Cells (X, Y) by the trinary rule of map_server, straight from the files."""
    said = yaml.safe_load(path.read_text())
    grey = np.asarray(Image.open(path.parent / said["image"])).astype(float)
    occupancy = (grey if said["negate"] else 255 - grey) / 255
    cells = np.full(grey.shape, UNKNOWN, np.uint8)
    cells[occupancy > said["occupied_thresh"]] = OCCUPIED
    cells[occupancy < said["free_thresh"]] = FREE
    return cells[::-1].T


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.25]))
def test_every_cell_comes_back_where_it_was(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cell_size: float
) -> None:
    rng = np.random.default_rng(seed)
    grid = OccupancyGrid(rng.uniform(-20, 20, 2), 0.0, cell_size)
    low = rng.integers(0, 20, 2)
    size = rng.integers(1, 30, 2)
    grid.cells[low[0] : low[0] + size[0], low[1] : low[1] + size[1]] = rng.integers(0, 3, size)
    grid.cells[tuple(low)] = FREE
    path = save_nav2_map(tmp_path_factory.mktemp("map"), grid)
    cells, found = as_map_server_reads(path), read_map_file(path)
    corner = np.round((np.array(found.origin[:2]) - grid.origin_xy) / cell_size).astype(int)
    back = np.full_like(grid.cells, UNKNOWN)
    back[corner[0] : corner[0] + cells.shape[0], corner[1] : corner[1] + cells.shape[1]] = cells
    np.testing.assert_array_equal(back, grid.cells)
    grey = np.asarray(Image.open(found.image)).astype(np.float32)
    np.testing.assert_array_equal(free_pixels(grey, found)[::-1].T, cells == FREE)
    assert found.resolution == pytest.approx(cell_size)


def test_a_room_that_was_mapped_is_a_world_with_the_same_floor(tmp_path: Path) -> None:
    grid = OccupancyGrid(np.array([2.0, 1.5]), floor_z=0.0)
    look_around(grid, 2.0, 1.5, [0, 0, 0], [4, 3, 2.5])
    path = save_nav2_map(tmp_path, grid, "room")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["room.pgm", "room.yaml"]
    scenes = open_scenes(str(path), "val")
    space = scenes.load(scenes.scene_ids[0]).free_space
    assert space is not None
    xy = np.argwhere(space.islands > 0) * space.cell_size + np.array(space.origin_xy)
    margin = AgentShape().radius_m
    np.testing.assert_allclose(
        [xy.min(axis=0), xy.max(axis=0)], [[margin] * 2, [4 - margin, 3 - margin]], atol=0.25
    )


def test_an_empty_map_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing is known yet"):
        save_nav2_map(tmp_path, OccupancyGrid(np.zeros(2), 0.0))
    assert not list(tmp_path.iterdir())
