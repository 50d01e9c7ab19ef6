"""`nano-mapless` with the reward of an intrinsic curiosity module, which learns across episodes (ICM)."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, reward="icm")
