"""AGVs in a warehouse: PPO with a bonus for cells of the floor that are new in the episode."""

from dataclasses import replace

from robonav.launch.presets.warehouse_ppo import PRESET as PPO
from robonav.rewards.episodic_cells import EpisodicCellsConfig

PRESET = replace(
    PPO,
    reward="episodic-cells",
    reward_options=EpisodicCellsConfig(of="position", cell=1.0, power=-1.0),
    surprise_weight=0.3,
)
