"""A topological map along an agent's path, from true poses, for pictures."""

from __future__ import annotations

import numpy as np

from robonav.evaluation.top_down_map import CELL_M, FLOOR_SEEN, FLOOR_UNSEEN, TopDownMap
from robonav.maps.occupancy import FREE, OCCUPIED, PATCH_DIMENSIONS, UNKNOWN, OccupancyGrid
from robonav.maps.topology.graph import PlaceGraph
from robonav.maps.topology.mapper import PlaceMapper, TopologyConfig

_MIN_FRONTIER_CELLS = 8  # shorter ones are corners that no view showed
_FRONTIER_M = 2.0


def path_graph(picture: TopDownMap) -> PlaceGraph:
    """Places along the trajectory, with the final map around them as embedding, and the final frontiers."""
    cells = np.full(picture.cells.shape, OCCUPIED, np.uint8)
    cells[picture.cells == FLOOR_SEEN] = FREE
    cells[picture.cells == FLOOR_UNSEEN] = UNKNOWN
    grid = OccupancyGrid.of(cells, picture.origin_xy, CELL_M)
    mapper = PlaceMapper(PATCH_DIMENSIONS, TopologyConfig())
    path = picture.trajectory[:, :2]
    moved = np.r_[True, np.any(np.diff(path, axis=0) != 0, axis=1)]
    for xy in path[moved]:
        mapper.observe(xy, grid.patch(xy))
    found = grid.frontiers(_MIN_FRONTIER_CELLS, _FRONTIER_M)
    centres = grid.centre(np.array([frontier.centre for frontier in found]).reshape(-1, 2))
    mapper.see_frontiers(centres, np.array([len(frontier.cells) for frontier in found], np.int64))
    return mapper.graph
