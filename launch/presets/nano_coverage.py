"""`nano-mapless` rewarded with what evaluation counts, from ground truth: the upper reference for rewards."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, reward="coverage")
