"""The middle size: `nano`'s eye, map and planner; 8 blocks of width 256 of the parts of `paper`."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(
    NANO,
    steps=262_144,
    policy=replace(
        NANO.policy,
        width=256,
        blocks=8,
        heads=8,
        window=64,
        qk_norm=True,
        memory_every=4,
        action_token="plucker",
    ),
    ppo=replace(NANO.ppo, learning_rate=2e-4, schedule_steps=262_144),
)
