"""Ablation of `nano`: the policy sees one frame, actor and critic have no memory."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, policy=replace(NANO.policy, window=1))
