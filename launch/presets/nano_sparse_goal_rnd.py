"""`nano-sparse-goal` that is also paid for what a random network's pupil did not foretell."""

from dataclasses import replace

from robonav.launch.presets.nano_sparse_goal import PRESET as SPARSE_GOAL

PRESET = replace(SPARSE_GOAL, reward="rnd", surprise_weight=0.01)
