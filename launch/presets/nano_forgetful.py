"""Ablation of `nano`: the reward's map forgets what it has not seen for 16 frames."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, memory_frames=16)
