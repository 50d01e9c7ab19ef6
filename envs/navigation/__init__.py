"""Agents that walk through meshes by steps, and their tasks."""
