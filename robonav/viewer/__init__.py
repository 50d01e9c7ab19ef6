"""Viewers of runs, live and replayed, and exports for other tools."""
