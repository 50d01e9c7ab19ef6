"""The explorer that trains on a laptop's CPU: 0.6 M learned parameters, persistent map reward."""

from robonav.training.config import TrainConfig

PRESET = TrainConfig()
