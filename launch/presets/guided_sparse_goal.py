"""`guided` that goes to far places, paid on arrival alone: flat PPO without curiosity."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED

PRESET = replace(GUIDED, task="sparse-goal", surprise_weight=0.0)
