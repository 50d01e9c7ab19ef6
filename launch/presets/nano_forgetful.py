"""Ablation of `nano-mapless`: the reward's map forgets what it has not seen for 16 frames."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, memory_frames=16)
