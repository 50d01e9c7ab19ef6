"""Policies that act on what the robot sees."""
