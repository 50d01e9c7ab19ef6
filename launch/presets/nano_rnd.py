"""`nano` with random network distillation as its reward, which learns across episodes (RND)."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, reward="rnd")
