"""`guided` that is paid for surprise and for getting to the sub-goals of a topological map."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED

PRESET = replace(GUIDED, sub_goal_weight=1.0)
