"""`nano` with the reward of an intrinsic curiosity module, which learns across episodes (ICM)."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, reward="icm")
