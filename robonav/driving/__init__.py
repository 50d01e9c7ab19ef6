"""Driving a robot with what explores: steps or velocities, safety stops, recordings, measurements.

Importing it makes `robonav/Drive-v0` known to Gymnasium.
"""

import gymnasium

gymnasium.register("robonav/Drive-v0", entry_point="robonav.driving.drive_env:DriveEnv")
