"""Driving a robot with what explores: discrete steps or velocities, safety stops, recordings, measurements."""
