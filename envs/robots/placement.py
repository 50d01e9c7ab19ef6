"""Where a robot can be put down: a wide one needs more room than the agent of the free space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from robonav.envs.episodes import seeded_start
from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import RobotSpec
from robonav.envs.scenes.free_space import DEFAULT_AGENT
from robonav.envs.scenes.scene import FreeSpace


def robot_start(free_space: FreeSpace, spec: RobotSpec, seed: int) -> tuple[float, float, float]:
    """The start (x, y, yaw) that belongs to a seed; that of evaluation, for a robot no wider than its agent.

    Raises:
        RobotError: The robot fits nowhere.
    """
    main = free_space.islands == 1
    margin = ndimage.distance_transform_edt(main) * free_space.cell_size
    roomy = main & (margin >= spec.radius_m - DEFAULT_AGENT.radius_m)
    if not roomy.any():
        raise RobotError(
            f"there is nowhere to put down a robot of {spec.radius_m} m radius in this scene: take a smaller "
            "robot or a wider scene"
        )
    return seeded_start(replace(free_space, islands=roomy.astype(np.int32)), seed)
