"""AGVs in a warehouse: plain PPO to goals that are found by driving, no bonus."""

from robonav.algorithms.sb3 import PPOConfig
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.training.config import TrainConfig

PRESET = TrainConfig(
    world="warehouse",
    world_options=WarehouseConfig(),
    steps=1_000_000,
    num_envs=64,
    checkpoint_every=262_144,
    surprise_weight=0.0,
    algorithm="ppo",
    plain_ppo=PPOConfig(
        n_steps=128,
        batch_size=1024,
        gamma=0.995,
        ent_coef=0.001,
        net_arch=(128, 128),
        normalise_rewards=True,
    ),
)
