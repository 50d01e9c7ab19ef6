"""Ablation of `nano-mapless`: actor and critic look back on the last 4 frames; 1 is `nano-memoryless`."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, policy=replace(MAPLESS.policy, actor_context=4, critic_context=4))
