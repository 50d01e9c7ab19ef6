"""Ablation of `nano-mapless`: the critic sees one frame, the actor the whole episode."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, policy=replace(MAPLESS.policy, critic_context=1))
