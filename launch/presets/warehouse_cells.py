"""AGVs in a warehouse: PPO with a bonus for metres of the floor that are new in the episode."""

from dataclasses import replace

from robonav.launch.presets.warehouse_ppo import PRESET as PPO
from robonav.rewards.episodic_cells import EpisodicCellsConfig

PRESET = replace(
    PPO,
    reward="episodic-cells",
    reward_options=EpisodicCellsConfig(of="position", exponent=8.0, cap=4000),  # a second visit pays nothing
    surprise_weight=0.1,
)
