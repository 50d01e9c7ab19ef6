"""Ablation of `guided`: the policy has a map of its own, but no planner advises it; so it must try more."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED
from robonav.launch.presets.recuriosity import PRESET as RECURIOSITY

PRESET = replace(RECURIOSITY, policy=replace(GUIDED.policy, planner=None))
