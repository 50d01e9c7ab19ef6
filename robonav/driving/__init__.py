"""Driving a robot with an agent: steps, arcs or velocities, safety stops, recordings, measurements.

Importing this package registers `robonav/Drive-v0` with Gymnasium.
"""

from gymnasium.envs.registration import register, registry

if "robonav/Drive-v0" not in registry:
    register("robonav/Drive-v0", entry_point="robonav.driving.drive_env:DriveEnv")
