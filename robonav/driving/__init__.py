"""Driving a robot with what explores: steps or velocities, safety stops, recordings, measurements."""
