"""`nano` that is paid for getting to the sub-goals of a topological map, and not for surprise."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, surprise_weight=0.0, sub_goal_weight=1.0)
