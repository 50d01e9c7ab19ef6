"""`nano` rewarded with what evaluation counts, from ground truth: the upper reference for rewards."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, reward="coverage")
