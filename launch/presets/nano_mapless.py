"""Ablation of `nano`: the policy remembers frames, but draws no map of its own."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, policy=replace(NANO.policy, spatial=None, guidance=None))
