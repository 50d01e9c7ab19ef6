"""Planners: next-best view, frontiers, path following, topological."""
