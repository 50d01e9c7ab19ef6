"""Variant of `nano-mapless`: it learns four times within an episode instead of once after it (ReLIC)."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, ppo=replace(MAPLESS.ppo, parts=4, epochs=2))
