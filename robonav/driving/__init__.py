"""Driving a robot with what explores: steps or velocities, safety stops, recordings, measurements.

Importing it makes `robonav/Drive-v0` known to Gymnasium.
"""

from gymnasium.envs.registration import register, registry

if "robonav/Drive-v0" not in registry:
    register("robonav/Drive-v0", entry_point="robonav.driving.drive_env:DriveEnv")
