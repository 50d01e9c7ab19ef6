"""Ablation of `nano-mapless`: actor and critic look back on the last 16 frames; 1 is `nano-memoryless`."""

from dataclasses import replace

from robonav.launch.presets.nano_mapless import PRESET as MAPLESS

PRESET = replace(MAPLESS, policy=replace(MAPLESS.policy, actor_context=16, critic_context=16))
