"""Ablation of `nano`: the policy remembers frames, but draws no map of its own; so no planner advises it."""

from dataclasses import replace

from robonav.launch.presets.nano_unguided import PRESET as UNGUIDED

PRESET = replace(UNGUIDED, policy=replace(UNGUIDED.policy, spatial=None))
