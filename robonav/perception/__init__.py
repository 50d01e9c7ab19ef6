"""Frozen networks that see: the occupancy predictor, the plane sweep, the goal finder."""
