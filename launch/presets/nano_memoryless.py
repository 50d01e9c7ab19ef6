"""Ablation of `nano`: the policy sees one frame: actor and critic have no memory, no map and no planner."""

from dataclasses import replace

from robonav.launch.presets.nano_unguided import PRESET as UNGUIDED

PRESET = replace(UNGUIDED, policy=replace(UNGUIDED.policy, window=1, spatial=None))
