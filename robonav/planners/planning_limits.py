"""Distances and steps that all planners of exploration share, those in NumPy and those in Warp."""

from __future__ import annotations

SIGHT_M = 4.0  # a surface counts as seen, and is expected to be seen, from within this distance
WALL_M = 2.5  # assumed height of an occupied cell that is not seen yet
MIN_GAIN_M2 = 0.1  # a view that shows less is not worth a step
DECIDE_STEPS = 4.0  # keeps a tiny gain next door from beating a large one
PATIENCE = 60  # steps towards one view before it is given up
LATTICE_M = 0.5  # how far apart the places are that are weighed
LOOKAHEAD_M = 1.0  # along a path, as far as the way there is free
ARRIVED_M = 0.2
COMFORT_M = 0.35  # nearer to an obstacle a cell costs more, so that paths keep off walls
ESCAPE_M = 0.3  # so far off may lie the floor on which an agent fits
