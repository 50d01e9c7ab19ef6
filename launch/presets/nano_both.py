"""`nano` that is paid for surprise and for getting to the sub-goals of a topological map, weights untuned."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, sub_goal_weight=1.0)
