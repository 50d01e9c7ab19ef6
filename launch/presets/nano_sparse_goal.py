"""`nano` that goes to far places, paid on arrival alone: flat PPO without curiosity."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, task="sparse-goal", surprise_weight=0.0)
