"""`guided-sparse-goal` with both drives: surprise, and the sub-goals of a topological map."""

from dataclasses import replace

from robonav.launch.presets.guided_sparse_goal import PRESET as SPARSE_GOAL

PRESET = replace(SPARSE_GOAL, surprise_weight=0.01, sub_goal_weight=0.01)
