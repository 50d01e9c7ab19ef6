"""Ablation of `nano`: the policy has a map of its own, but no planner advises it."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, policy=replace(NANO.policy, guidance=None))
