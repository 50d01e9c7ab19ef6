"""Free places for a robot: a wide one needs more room than the agent of the free space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.navigation.episodes import seeded_start
from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import RobotSpec
from robonav.envs.scenes.free_space import DEFAULT_AGENT, STEP_M
from robonav.envs.scenes.rasterize import occupied_columns

FLAT_M = 0.03  # what is lower is floor, or the roughness of a scan


def robot_start(world: LoadedScene, spec: RobotSpec, seed: int) -> tuple[float, float, float]:
    """The start (x, y, yaw) that belongs to a seed: that of evaluation, where a robot fits there.

    A narrow robot does, unless something low is there that the agent of the free space would step over.

    Raises:
        RobotError: The robot fits nowhere.
    """
    floor = world.free_space
    main = floor.islands == 1
    margin = ndimage.distance_transform_edt(main) * floor.cell_size
    roomy = main & (margin >= spec.radius_m - DEFAULT_AGENT.radius_m)
    flat = roomy & _flat(world, spec.radius_m)
    if not flat.any():
        raise RobotError(
            f"there is nowhere to put down a robot of {spec.radius_m} m radius in this scene: take a smaller "
            "robot or a wider scene"
        )
    start = seeded_start(replace(floor, islands=roomy.astype(np.int32)), seed)
    on_flat = replace(floor, islands=flat.astype(np.int32))
    return start if on_flat.island_at(np.array(start[:2])) > 0 else seeded_start(on_flat, seed)


def _flat(world: LoadedScene, radius_m: float) -> NDArray[np.bool_]:
    """Cells (X, Y) with nothing within a radius that agents step over and wheels do not."""
    floor, scene = world.free_space, world.scene
    shape = (floor.islands.shape[0], floor.islands.shape[1])
    band = (floor.floor_z + FLAT_M, floor.floor_z + STEP_M)
    corners = scene.vertices[scene.triangles]
    low = occupied_columns(corners, np.array(floor.origin_xy), floor.cell_size, shape, *band)
    if not low.any():
        return ~low
    # a column counts as a whole if anything is in it
    return np.asarray((ndimage.distance_transform_edt(~low) + 0.5) * floor.cell_size >= radius_m)
