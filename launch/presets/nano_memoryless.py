"""Ablation of `nano`: the policy sees one frame: actor and critic have no memory, and no map."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, policy=replace(NANO.policy, window=1, spatial=None, guidance=None))
