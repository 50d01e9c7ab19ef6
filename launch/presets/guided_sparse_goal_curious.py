"""`guided-sparse-goal` that is also paid for surface that its map did not know."""

from dataclasses import replace

from robonav.launch.presets.guided_sparse_goal import PRESET as SPARSE_GOAL

PRESET = replace(SPARSE_GOAL, surprise_weight=0.01)
