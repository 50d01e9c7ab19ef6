"""The explorer that trains on a laptop's CPU: 0.6 M learned parameters, persistent map reward."""

from robonav.training import TrainConfig

PRESET = TrainConfig()
