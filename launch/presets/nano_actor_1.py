"""Ablation of `nano-mapless`: the actor sees one frame, the critic the whole episode."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, policy=replace(MAPLESS.policy, actor_context=1))
