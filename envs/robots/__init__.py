"""Robots that can be driven: simulated ones, and real ones through ROS 2, behind one protocol."""
