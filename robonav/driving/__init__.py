"""Driving a robot with an agent: steps or velocities, safety stops, recordings, measurements.

Importing this package registers `robonav/Drive-v0` with Gymnasium.
"""

import gymnasium

gymnasium.register("robonav/Drive-v0", entry_point="robonav.driving.drive_env:DriveEnv")
