"""Ablation of `nano-mapless`: an LSTM with as many parameters in place of the transformer."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

# three layers of LSTM have the size of two transformer blocks of the same width
PRESET = replace(MAPLESS, policy=replace(MAPLESS.policy, trunk="lstm", blocks=3))
