"""AGVs in a warehouse: PPO with the bonus of random network distillation (after 2404.12594)."""

from dataclasses import replace

from robonav.launch.presets.warehouse_ppo import PRESET as PPO
from robonav.rewards.rnd import RndConfig

PRESET = replace(
    PPO,
    reward="rnd",
    reward_options=RndConfig(keys=("scan", "goal", "twist"), share=0.25),
    surprise_weight=0.03,
)
