"""Ablation of `nano`: the policy has a map of its own, but no planner advises it; so it must try more."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(
    NANO,
    steps=262_144,
    policy=replace(NANO.policy, guidance=None),
    ppo=replace(NANO.ppo, entropy=0.02, final_entropy=0.01, schedule_steps=262_144),
)
