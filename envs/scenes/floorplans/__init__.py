"""Scenes from floor plans: ROS maps, Gibson floors, KTH floor plans."""
