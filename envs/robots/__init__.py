"""Robots that can be driven: simulated ones in PyBullet, and real ones through ROS 2, behind one protocol."""
