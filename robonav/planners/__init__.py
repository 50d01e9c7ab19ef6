"""Planners: next-best view, frontier, path following, topological."""
