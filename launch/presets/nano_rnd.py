"""`nano-mapless` with random network distillation as its reward, which learns across episodes (RND)."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, reward="rnd")
